//! Single tasks.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};

use super::App;
use super::problem::Failed;
use crate::core::command::Command;
use crate::core::ids::TaskId;
use crate::core::state::TaskStatus;
use crate::core::why::{Reason, Why};
use crate::protocol::rest::{Done, TaskDetail, WhyView};

pub async fn detail(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<TaskDetail>, Failed> {
    let (workflow, task) = app.engine.find_task(&id).await?;
    let parameters = app.engine.payload(&workflow.spec.task(task.index).parameters).await?;
    let result = match &workflow.task(task.index).status {
        TaskStatus::Completed { result, .. } => Some(app.engine.payload(result).await?),
        TaskStatus::Pending { .. }
        | TaskStatus::Queued { .. }
        | TaskStatus::Assigned { .. }
        | TaskStatus::Processing { .. }
        | TaskStatus::Retrying { .. }
        | TaskStatus::Failed { .. }
        | TaskStatus::Cancelled { .. }
        | TaskStatus::Skipped { .. } => None,
    };
    let progress = app.engine.progress(task).await?;
    Ok(Json(TaskDetail::of(&workflow, task.index, &parameters, result.as_ref(), progress)))
}

pub async fn why(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<WhyView>, Failed> {
    let (workflow, task) = app.engine.find_task(&id).await?;
    let status = &workflow.task(task.index).status;
    // A task of an archived workflow waits for nothing.
    let ended = || Why {
        task,
        status: status.kind(),
        summary: format!("{} is {}: it has ended", workflow.name_of(task.index), status.name()),
        reasons: vec![Reason::Ended],
    };
    let why = app.engine.why(task).await?.unwrap_or_else(ended);
    Ok(Json(WhyView::of(&workflow, &why, app.engine.now())))
}

pub async fn cancel(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, id, |task| Command::CancelTask { task }).await
}

pub async fn retry(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, id, |task| Command::RetryTask { task }).await
}

async fn act(app: &App, id: String, command: impl FnOnce(TaskId) -> Command) -> Result<Json<Done>, Failed> {
    let (_, task) = app.engine.find_task(&id).await?;
    let accepted = app.engine.submit(command(task)).await?;
    let workflow = app.engine.workflow(task.workflow).await?;
    Ok(Json(Done { id, status: workflow.task(task.index).status.name(), seq: accepted.seq.0 }))
}
