//! A workflow as it can be submitted again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::body::Path;
use super::encoding;
use super::problem::Failed;
use super::workflows;
use crate::protocol::rest::{DefinitionHead, TaskDefinition};

#[derive(Debug, Serialize, ToSchema)]
pub struct Definition {
    #[serde(flatten)]
    head: DefinitionHead,
    tasks: Vec<TaskDefinition>,
}

/// Its parameters came in one body, so together they fit into one.
pub async fn of_workflow(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let workflow = workflows::find(&app, &id).await?;
    let mut tasks = Vec::with_capacity(workflow.tasks.len());
    for index in 0..workflow.spec.total() {
        let parameters = app.engine.payload(workflow.parameters_of(index)).await?;
        tasks.push(TaskDefinition::of(&workflow, index, &parameters));
    }
    Ok(encoding::json(&headers, &Definition { head: DefinitionHead::from(&*workflow.spec), tasks }))
}
