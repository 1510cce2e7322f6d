//! The catalogue of errors.

use axum::Json;
use axum::extract::Path;
use serde::Serialize;

use super::problem::{Failed, invalid};
use crate::core::errors::{CATALOGUE, CatalogueEntry, Code};

#[derive(Debug, Serialize)]
pub struct Catalogue {
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
