//! Workers: external services, executor nodes, and the executor inside the binary.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::App;
use super::body::Path;
use super::problem::Failed;
use super::stats::service_view;
use crate::core::command::{Command, Drain};
use crate::core::errors;
use crate::core::ids::WorkerId;
use crate::core::rejection::Rejection;
use crate::protocol::rest::{Done, Page, ServiceView};

pub async fn list(State(app): State<Arc<App>>) -> Result<Json<Page<ServiceView>>, Failed> {
    let workers = app.engine.workers().await?;
    let recent = app.engine.recent();
    let items = workers.iter().map(|worker| service_view(worker, &recent)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// By node id; a service name that only one worker has does as well.
pub async fn detail(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<ServiceView>, Failed> {
    let workers = app.engine.workers().await?;
    let by_id = workers.iter().find(|worker| *worker.facts.worker.0 == *id);
    let mut named = workers.iter().filter(|worker| *worker.facts.name == *id);
    let by_name = named.next().filter(|_| named.next().is_none());
    let found = by_id.or(by_name).ok_or_else(|| {
        Rejection::new(errors::SERVICE_NOT_FOUND, format!("no service {id} is known; see /api/v1/services"))
    })?;
    Ok(Json(service_view(found, &app.engine.recent())))
}

pub async fn drain(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, id, Drain::Begin, "draining").await
}

pub async fn resume(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, id, Drain::End, "taking_work").await
}

async fn act(app: &App, id: String, drain: Drain, status: &'static str) -> Result<Json<Done>, Failed> {
    let command = Command::DrainWorker { worker: WorkerId::new(&id), drain };
    let accepted = app.engine.submit(command).await?;
    Ok(Json(Done { id, status, seq: accepted.seq.0 }))
}
