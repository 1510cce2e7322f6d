//! `/metrics`: figures for whoever collects them, in the text format of `OpenMetrics`.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::App;
use super::problem::Failed;
use super::stats;
use crate::core::spec::Priority;
use crate::engine::ServicePicture;
use crate::protocol::rest::{Stats, breaker};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures of `/stats` and those of each service. Whoever asks for JSON gets the former as they are there.
pub async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Failed> {
    let figures = stats::of(&app).await?;
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepted.contains("application/json") {
        return Ok(Json(figures).into_response());
    }
    let services = app.engine.services().await?;
    let mut text = Text::default();
    of_process(&mut text, &figures);
    of_engine(&mut text, &figures, app.engine.commits().durable.load(Ordering::Acquire));
    of_services(&mut text, &services);
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text.end()).into_response())
}

fn of_process(text: &mut Text, figures: &Stats) {
    text.family("gleitzeit_build", "info", "The version that runs.");
    text.sample("gleitzeit_build_info", &[("version", figures.version)], 1);
    text.gauge("gleitzeit_uptime_seconds", "Time since the start.", figures.uptime_seconds);
    text.gauge("gleitzeit_process_resident_memory_bytes", "Memory of the process.", figures.rss_bytes);
    text.counter("gleitzeit_process_cpu_seconds", "Processor time of the process.", figures.cpu_seconds);
}

fn of_engine(text: &mut Text, figures: &Stats, durable: u64) {
    text.counter("gleitzeit_log_records", "Records that were ever made durable.", durable.saturating_sub(1));
    text.counter(
        "gleitzeit_log_appended_bytes",
        "Written to the log since the start.",
        figures.log.appended_bytes,
    );
    text.counter("gleitzeit_log_syncs", "Batches, each of which was one sync.", figures.log.batches);
    let read_only = u8::from(figures.log.read_only);
    text.gauge("gleitzeit_log_read_only", "1 while the disk is too full for new work.", read_only);
    text.gauge(
        "gleitzeit_archive_backlog",
        "Ended workflows that wait for the store.",
        figures.archive_backlog,
    );
    text.family("gleitzeit_workflows", "gauge", "Workflows in memory, by status.");
    for (status, count) in &figures.workflows {
        text.sample("gleitzeit_workflows", &[("status", status)], count);
    }
    text.gauge("gleitzeit_workflows_live", "Workflows that have not ended.", figures.live_workflows);
    text.gauge("gleitzeit_tasks_running", "Attempts that workers hold.", figures.tasks.running);
    text.family("gleitzeit_tasks_queued", "gauge", "Ready tasks that wait for a worker, by priority.");
    for name in Priority::ALL.map(Priority::name) {
        let count = figures.tasks.queued.get(name).copied().unwrap_or_default();
        text.sample("gleitzeit_tasks_queued", &[("priority", name)], count);
    }
    text.gauge(
        "gleitzeit_services_connected",
        "Workers outside of this process.",
        figures.connected_services,
    );
}

fn of_services(text: &mut Text, services: &[ServicePicture]) {
    let mut each = |name: &str, kind: &str, help: &str, value: &dyn Fn(&ServicePicture) -> f64| {
        text.family(name, kind, help);
        let sample = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        for service in services {
            text.sample(&sample, &[("service", &service.name)], value(service));
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "nobody counts beyond 2^53 here")]
    let float = |count: u64| count as f64;
    each("gleitzeit_service_workers", "gauge", "Connected workers of a service.", &|known| {
        float(known.workers)
    });
    each("gleitzeit_service_slots", "gauge", "Attempts that its workers take at once.", &|known| {
        float(known.slots)
    });
    each("gleitzeit_service_tasks_running", "gauge", "Attempts that its workers hold.", &|known| {
        float(known.held)
    });
    each("gleitzeit_service_tasks_completed", "counter", "Tasks it has completed.", &|known| {
        float(known.totals.completed)
    });
    each("gleitzeit_service_tasks_failed", "counter", "Attempts that failed at it.", &|known| {
        float(known.totals.failed)
    });
    each("gleitzeit_service_run_seconds", "counter", "Time that its completed tasks took.", &|known| {
        float(known.totals.run_ms) / 1_000.0
    });
    text.family("gleitzeit_service_breaker", "stateset", "Whether a service is given work.");
    for service in services {
        let (now, _) = breaker(service.breaker);
        for state in ["closed", "half_open", "open"] {
            let labels = [("service", &*service.name), ("gleitzeit_service_breaker", state)];
            text.sample("gleitzeit_service_breaker", &labels, u8::from(state == now));
        }
    }
}

/// Lines of the format.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}").expect("writing to a string");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "counter", help);
        self.sample(&format!("{name}_total"), &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        writeln!(self.0, "{name}{labels} {value}").expect("writing to a string");
    }

    fn end(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_services_cannot_break_out_of_their_label() {
        let mut text = Text::default();
        text.sample("x", &[("service", "a\"}\\\nb")], 1.5);
        assert_eq!(text.end(), "x{service=\"a\\\"}\\\\\\nb\"} 1.5\n# EOF\n");
    }
}
