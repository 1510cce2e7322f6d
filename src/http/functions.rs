//! The built-in functions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::App;
use super::body::{Params, Path};
use super::problem::Failed;
use crate::core::errors::FUNCTION_NOT_FOUND;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;
use crate::protocol::rest::{FunctionView, Page};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Words that the name, the parameters or the summary must hold.
    q: Option<String>,
}

pub async fn list(State(app): State<Arc<App>>, Params(search): Params<Search>) -> Response {
    let words = search.q.unwrap_or_default().to_lowercase();
    let found = |function: &&FunctionView| {
        let text = format!("{} {}", function.usage, function.summary).to_lowercase();
        words.split_whitespace().all(|word| text.contains(word))
    };
    let items: Vec<&FunctionView> = app.functions.iter().filter(found).collect();
    Json(Page { items, next_cursor: None }).into_response()
}

pub async fn detail(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Response, Failed> {
    let function = app.functions.iter().find(|function| function.name == name).ok_or_else(|| {
        let near = suggestion(&name, app.functions.iter().map(|function| function.name));
        Rejection::new(FUNCTION_NOT_FOUND, format!("there is no built-in function `{name}`{near}"))
    })?;
    Ok(Json(function).into_response())
}
