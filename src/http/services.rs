//! Workers: external services, executor nodes, and the executor inside the binary.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::App;
use super::body::{Params, Path};
use super::problem::Failed;
use super::stats::service_view;
use crate::core::command::{Command, Drain};
use crate::core::errors;
use crate::core::ids::WorkerId;
use crate::core::rejection::Rejection;
use crate::engine::GonePicture;
use crate::protocol::rest::{Done, GoneServiceView, ServiceView, ServicesView, node_type};
use crate::protocol::time::Rfc3339;

/// Answered at once, which is far below a megabyte.
const PAGE_MAX: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicesQuery {
    /// The id after which the page begins.
    cursor: Option<String>,
    limit: Option<usize>,
}

pub async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<ServicesQuery>,
) -> Result<Json<ServicesView>, Failed> {
    let gone = match &query.cursor {
        Some(_) => Vec::new(),
        None => app.engine.gone_services().await?.iter().map(gone_view).collect(),
    };
    let after = query.cursor.as_deref().map(WorkerId::new);
    let limit = query.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let (workers, more) = app.engine.workers_after(after, limit).await?;
    let next_cursor = workers.last().filter(|_| more).map(|last| last.facts.worker.to_string());
    let recent = app.engine.recent();
    let items = workers.iter().map(|worker| service_view(worker, &recent)).collect();
    Ok(Json(ServicesView { items, next_cursor, gone }))
}

fn gone_view(gone: &GonePicture) -> GoneServiceView {
    let departed = gone.departed.as_ref();
    let facts = departed.map(|known| &known.facts);
    GoneServiceView {
        name: Arc::clone(&gone.name),
        last_seen_at: Rfc3339(gone.last_seen),
        left: departed.map(|known| known.how.name()),
        id: facts.map(|facts| Arc::clone(&facts.worker.0)),
        node_type: facts.map(|facts| node_type(facts.kind)),
        task_types: facts.map(|facts| facts.task_types.iter().cloned().collect()).unwrap_or_default(),
        capabilities: facts.map(|facts| facts.capabilities.clone()).unwrap_or_default(),
        tasks_completed: gone.totals.completed,
        tasks_failed: gone.totals.failed,
    }
}

/// By node id; a service name that only one worker has does as well.
pub async fn detail(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<ServiceView>, Failed> {
    let found = app.engine.worker(id.clone()).await?.ok_or_else(|| {
        Rejection::new(errors::SERVICE_NOT_FOUND, format!("no service {id} is known; see /api/v1/services"))
    })?;
    Ok(Json(service_view(&found, &app.engine.recent())))
}

pub async fn drain(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, id, Drain::Begin, "draining").await
}

pub async fn resume(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, id, Drain::End, "taking_work").await
}

async fn act(app: &App, id: String, drain: Drain, status: &'static str) -> Result<Json<Done>, Failed> {
    let named = app.engine.worker(id.clone()).await?;
    let worker = named.map_or_else(|| WorkerId::new(&id), |worker| worker.facts.worker.clone());
    let id = worker.to_string();
    let accepted = app.engine.submit(Command::DrainWorker { worker, drain }).await?;
    Ok(Json(Done { id, status, seq: accepted.seq.0 }))
}
