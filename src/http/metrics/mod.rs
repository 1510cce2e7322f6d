//! `/metrics`: figures for whoever collects them, in the text format of `OpenMetrics`.

mod family;
mod measured;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::App;
use super::problem::Failed;
use super::stats;
use crate::core::spec::Priority;
use crate::engine::ServicePicture;
use crate::process;
use crate::protocol::rest::{DiskStats, Stats, breaker};
use family::{Family, Kind, json_of, text_of};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// On a full disk the engine may not answer before there is space: whoever watches the server must see the rest then.
const PATIENCE: Duration = Duration::from_secs(2);

/// The figures of `/stats`, unless the engine did not tell them, and all metrics by name.
#[derive(Debug, Serialize)]
struct WithMetrics {
    #[serde(flatten)]
    figures: Option<Stats>,
    metrics: Value,
}

/// Every figure. Whoever asks for JSON gets what `/stats` tells, with all metrics by name beside it.
pub async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Failed> {
    let asked = async { Ok::<_, Failed>((stats::of(&app).await?, app.engine.services().await?)) };
    let answered = tokio::time::timeout(PATIENCE, asked).await.ok().transpose()?;
    let mut families = Vec::from(of_process(&app, &stats::disk(&app).await?));
    families.extend(of_log(&app));
    families.extend(measured::families(app.engine.figures()));
    families.push(of_rates(&app));
    if let Some((figures, services)) = &answered {
        families.extend(of_engine(figures));
        families.extend(of_services(services));
    }
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepted.contains("application/json") {
        let figures = answered.map(|(figures, _)| figures);
        return Ok(Json(WithMetrics { figures, metrics: json_of(&families) }).into_response());
    }
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text_of(&families)).into_response())
}

fn of_process(app: &App, disk: &DiskStats) -> [Family; 9] {
    let gauge = Kind::Gauge;
    [
        Family::new("gleitzeit_build", Kind::Info, "The version that runs.")
            .with(&[("version", env!("CARGO_PKG_VERSION"))], 1_u64),
        Family::single(
            "gleitzeit_uptime_seconds",
            gauge,
            "Time since the start.",
            app.engine.uptime().as_secs_f64(),
        ),
        Family::single(
            "gleitzeit_process_resident_memory_bytes",
            gauge,
            "Memory of the process.",
            process::rss_bytes(),
        ),
        Family::single(
            "gleitzeit_process_cpu_seconds",
            Kind::Counter,
            "Processor time of the process.",
            process::cpu_seconds(),
        ),
        Family::single("gleitzeit_process_open_files", gauge, "Open descriptors.", process::open_files()),
        Family::single("gleitzeit_process_threads", gauge, "Threads of the process.", process::threads()),
        Family::single("gleitzeit_log_size_bytes", gauge, "What the log takes of the disk.", disk.log_bytes),
        Family::single(
            "gleitzeit_store_size_bytes",
            gauge,
            "What the store takes of the disk.",
            disk.store_bytes,
        ),
        Family::single("gleitzeit_disk_free_bytes", gauge, "What is free on the disk.", disk.free_bytes),
    ]
}

fn of_log(app: &App) -> [Family; 10] {
    let (commits, counter) = (app.engine.commits(), Kind::Counter);
    let noted = app.engine.condition().now();
    let records = commits.durable.load(Ordering::Acquire).saturating_sub(1);
    [
        Family::single("gleitzeit_log_records", counter, "Records that were ever made durable.", records),
        Family::single(
            "gleitzeit_log_appended_bytes",
            counter,
            "Written to the log since the start.",
            commits.bytes.load(Ordering::Relaxed),
        ),
        Family::single(
            "gleitzeit_log_syncs",
            counter,
            "Batches, each of which was one sync.",
            commits.batches.load(Ordering::Relaxed),
        ),
        Family::single(
            "gleitzeit_log_read_only",
            Kind::Gauge,
            "1 while the disk is too full for new work.",
            u64::from(commits.is_read_only()),
        ),
        Family::single(
            "gleitzeit_disk_low",
            Kind::Gauge,
            "1 while the disk is nearly full.",
            u64::from(noted.disk_low.is_some()),
        ),
        Family::single(
            "gleitzeit_log_checked_bytes",
            Kind::Gauge,
            "How much of the log this round has read again, or the last one.",
            noted.log.checked_bytes,
        ),
        Family::single(
            "gleitzeit_log_checks",
            counter,
            "Rounds that have read the log again since the start.",
            noted.log.rounds,
        ),
        Family::single(
            "gleitzeit_log_damaged_segments",
            Kind::Gauge,
            "Segments of the log that are damaged.",
            noted.log.damaged,
        ),
        Family::single(
            "gleitzeit_archive_backlog",
            Kind::Gauge,
            "Ended workflows that wait for the store.",
            app.engine.archive_backlog(),
        ),
        Family::single(
            "gleitzeit_engine_inbox",
            Kind::Gauge,
            "Requests and reports that wait for the engine.",
            app.engine.waiting_inputs(),
        ),
    ]
}

fn of_rates(app: &App) -> Family {
    let family = Family::new("gleitzeit_rate_limited", Kind::Counter, "What came too often, by kind.");
    app.rates
        .refused()
        .into_iter()
        .fold(family, |family, (what, count)| family.with(&[("what", what)], count))
}

fn of_engine(figures: &Stats) -> [Family; 6] {
    let gauge = Kind::Gauge;
    let mut workflows = Family::new("gleitzeit_workflows", gauge, "Workflows in memory, by status.");
    for (status, count) in &figures.workflows {
        workflows = workflows.with(&[("status", status)], *count);
    }
    let help = "Ready tasks that wait for a worker, by priority.";
    let mut queued = Family::new("gleitzeit_tasks_queued", gauge, help);
    for name in Priority::ALL.map(Priority::name) {
        let count = figures.tasks.queued.get(name).copied().unwrap_or_default();
        queued = queued.with(&[("priority", name)], count);
    }
    let (live, running) = (figures.live_workflows, figures.tasks.running);
    let (leases, services) = (figures.tasks.leases, figures.connected_services);
    [
        workflows,
        Family::single("gleitzeit_workflows_live", gauge, "Workflows that have not ended.", live),
        Family::single("gleitzeit_tasks_running", gauge, "Attempts that workers hold.", running),
        Family::single(
            "gleitzeit_leases",
            gauge,
            "Slots in use: attempts that workers hold, and those that they were told to stop and may still run.",
            leases,
        ),
        queued,
        Family::single("gleitzeit_services_connected", gauge, "Workers outside of this process.", services),
    ]
}

fn of_services(services: &[ServicePicture]) -> Vec<Family> {
    let each = |name, kind, help, value: &dyn Fn(&ServicePicture) -> family::Number| {
        let family = Family::new(name, kind, help);
        services
            .iter()
            .fold(family, |family, service| family.with(&[("service", &service.name)], value(service)))
    };
    let (gauge, counter) = (Kind::Gauge, Kind::Counter);
    #[expect(clippy::cast_precision_loss, reason = "nobody counts beyond 2^53 here")]
    let seconds = |ms: u64| ms as f64 / 1_000.0;
    let mut breakers =
        Family::new("gleitzeit_service_breaker", Kind::StateSet, "Whether a service is given work.");
    for service in services {
        let (now, _) = breaker(service.breaker);
        for state in ["closed", "half_open", "open"] {
            let labels = [("service", &*service.name), ("gleitzeit_service_breaker", state)];
            breakers = breakers.with(&labels, u64::from(state == now));
        }
    }
    vec![
        each("gleitzeit_service_workers", gauge, "Connected workers of a service.", &|known| {
            known.workers.into()
        }),
        each("gleitzeit_service_slots", gauge, "Attempts that its workers take at once.", &|known| {
            known.slots.into()
        }),
        each("gleitzeit_service_tasks_running", gauge, "Attempts that its workers hold.", &|known| {
            known.held.into()
        }),
        each("gleitzeit_service_tasks_completed", counter, "Tasks it has completed.", &|known| {
            known.totals.completed.into()
        }),
        each("gleitzeit_service_tasks_failed", counter, "Attempts that failed at it.", &|known| {
            known.totals.failed.into()
        }),
        each("gleitzeit_service_run_seconds", counter, "Time that its completed tasks took.", &|known| {
            seconds(known.totals.run_ms).into()
        }),
        breakers,
    ]
}
