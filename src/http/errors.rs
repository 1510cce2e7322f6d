//! The catalogue of errors.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::Path;
use super::problem::{Failed, invalid};
use crate::core::errors::{CATALOGUE, CatalogueEntry, Code};

#[derive(Debug, Serialize, ToSchema)]
pub struct Catalogue {
    #[schema(value_type = Vec<CatalogueEntry>)]
    items: &'static [CatalogueEntry],
}

pub async fn list() -> Json<Catalogue> {
    Json(Catalogue { items: CATALOGUE })
}

pub async fn detail(Path(code): Path<String>) -> Result<Json<&'static CatalogueEntry>, Failed> {
    let known = Code::parse(&code);
    known
        .map(|code| Json(code.entry()))
        .ok_or_else(|| invalid(format!("{code} is not a code of this program")))
}
