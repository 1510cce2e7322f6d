//! A workflow with all of its tasks, for those who draw it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::App;
use super::body::Path;
use super::encoding;
use super::problem::{Failed, called};
use crate::core::ids::WorkflowId;
use crate::protocol::rest::GraphView;

pub async fn of_workflow(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let (workflow, seq) = app.engine.workflow_at(WorkflowId::from_text(&id)).await.map_err(called(&id))?;
    Ok(encoding::json(&headers, &GraphView::of(&workflow, seq, app.engine.now())))
}
