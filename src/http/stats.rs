//! Figures of the engine and of its process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;

use super::problem::Failed;
use super::{App, latency};
use crate::core::errors;
use crate::core::rejection::Rejection;
use crate::core::spec::Priority;
use crate::engine::WorkerPicture;
use crate::figures::Recent;
use crate::process;
use crate::protocol::rest::{
    DiskStats, LogCheckStats, LogStats, ReportedView, ServiceView, Stats, TaskStats, breaker, node_type,
};
use crate::protocol::time::Rfc3339;

pub async fn stats(State(app): State<Arc<App>>) -> Result<Json<Stats>, Failed> {
    Ok(Json(of(&app).await?))
}

pub async fn of(app: &App) -> Result<Stats, Failed> {
    let picture = app.engine.picture().await?;
    let queued: BTreeMap<&'static str, usize> =
        Priority::ALL.into_iter().map(Priority::name).zip(picture.queued).collect();
    Ok(Stats {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        uptime_seconds: app.engine.uptime().as_secs_f64(),
        rss_bytes: process::rss_bytes(),
        cpu_seconds: process::cpu_seconds(),
        seq: picture.seq,
        log: LogStats {
            first_seq: app.engine.feed().first_seq().0,
            durable_seq: app.engine.feed().durable_end().0.saturating_sub(1),
            appended_bytes: app.engine.commits().bytes.load(Ordering::Relaxed),
            batches: app.engine.commits().batches.load(Ordering::Relaxed),
            read_only: app.engine.commits().is_read_only(),
            check: log_check(app),
        },
        disk: disk(app).await?,
        latency: latency::latency(&app.engine.recent()),
        workflows: picture.workflows.into_iter().collect(),
        live_workflows: picture.live_workflows,
        tasks: TaskStats { running: picture.running_tasks, leases: picture.held, queued },
        connected_services: picture.executors + picture.services,
        archive_backlog: app.engine.archive_backlog(),
    })
}

fn log_check(app: &App) -> LogCheckStats {
    let log = app.engine.condition().now().log;
    LogCheckStats { checked_bytes: log.checked_bytes, rounds: log.rounds, damaged_segments: log.damaged }
}

/// What the data takes of the disk, looked up where it disturbs nobody.
pub async fn disk(app: &App) -> Result<DiskStats, Failed> {
    let (log, store) = (app.places.log.clone(), app.places.store.clone());
    let look = move || DiskStats {
        log_bytes: process::folder_bytes(&log),
        store_bytes: process::folder_bytes(&store),
        free_bytes: process::disk_free_bytes(&log),
    };
    tokio::task::spawn_blocking(look).await.map_err(|error| {
        Rejection::new(errors::INTERNAL_ERROR, format!("the sizes of the data could not be read: {error}"))
            .into()
    })
}

pub fn service_view(worker: &WorkerPicture, recent: &Recent) -> ServiceView {
    let facts = &worker.facts;
    let (breaker, breaker_open_until) = breaker(worker.breaker);
    ServiceView {
        id: Arc::clone(&facts.worker.0),
        name: Arc::clone(&facts.name),
        node_type: node_type(facts.kind),
        connected: worker.connected,
        status: if worker.connected { worker.status.name() } else { "offline" },
        draining: worker.drained,
        task_types: facts.task_types.iter().cloned().collect(),
        capabilities: facts.capabilities.clone(),
        capacity: worker.capacity,
        active_tasks: worker.held.len(),
        task_ids: worker.held.iter().map(ToString::to_string).collect(),
        tasks_completed: worker.totals.completed,
        tasks_failed: worker.totals.failed,
        average_run_ms: worker.totals.run_ms.checked_div(worker.totals.completed).unwrap_or(0),
        breaker,
        breaker_open_until,
        recent: latency::of_service(recent, &facts.name),
        connected_at: Rfc3339(worker.connected_at),
        last_seen_at: Rfc3339(worker.last_seen),
        last_heartbeat_at: worker.last_heartbeat.map(Rfc3339),
        reported: ReportedView {
            cpu_usage: worker.reported.cpu_usage,
            memory_usage: worker.reported.memory_usage,
            tasks_completed: worker.reported.tasks_completed,
            tasks_failed: worker.reported.tasks_failed,
            uptime_seconds: worker.reported.uptime_seconds,
        },
    }
}
