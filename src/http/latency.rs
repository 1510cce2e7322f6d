//! How long things take of late, of the whole server and of each service; and the last hour.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::App;
use super::body::Params;
use super::problem::Failed;
use crate::core::ids::Timestamp;
use crate::figures::{Counts, Recent, SAMPLE_MS, Sample, ServiceRecent};
use crate::protocol::rest::{HistoryView, LatencyStats, RecentView, Spread};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// Milliseconds since 1970.
    #[serde(default)]
    since: u64,
}

/// Samples after `since`, at most an hour of them.
pub async fn history(
    State(app): State<Arc<App>>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<HistoryView>, Failed> {
    let mut view = HistoryView { interval_ms: SAMPLE_MS, until_ms: query.since, ..HistoryView::default() };
    let history = app.engine.figures().history();
    history.after(Timestamp(query.since)).for_each(|sample| push(&mut view, sample));
    Ok(Json(view))
}

fn push(view: &mut HistoryView, sample: &Sample) {
    let gauges = sample.gauges;
    let [urgent, high, normal, low] = gauges.map(|gauges| gauges.queued.map(Some)).unwrap_or_default();
    let ms = |micros: Option<f64>| micros.map(in_ms);
    view.until_ms = sample.at.0;
    view.at_ms.push(sample.at.0);
    view.started.push(sample.started);
    view.completed.push(sample.completed);
    view.failed.push(sample.failed);
    view.workflows_ended.push(sample.workflows_ended);
    view.queued.urgent.push(urgent);
    view.queued.high.push(high);
    view.queued.normal.push(normal);
    view.queued.low.push(low);
    view.running.push(gauges.map(|gauges| gauges.running));
    view.live_workflows.push(gauges.map(|gauges| gauges.live_workflows));
    view.dispatch_p50_ms.push(ms(sample.dispatch_p50));
    view.dispatch_p95_ms.push(ms(sample.dispatch_p95));
    view.sync_p99_ms.push(ms(sample.sync_p99));
}

pub fn latency(recent: &Recent) -> LatencyStats {
    LatencyStats {
        window_seconds: seconds(recent.window_ms),
        dispatch: spread(&recent.dispatch),
        sync: spread(&recent.syncs),
        queue_wait: spread(&recent.queue_waits),
    }
}

/// What a service did of late. One that did nothing is not among them.
pub fn of_service(recent: &Recent, name: &str) -> RecentView {
    let nothing = ServiceRecent::default();
    let service = recent.services.get(name).unwrap_or(&nothing);
    let both = service.completed + service.failed;
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    let rate = (both > 0).then(|| service.completed as f64 / both as f64);
    RecentView {
        window_seconds: seconds(recent.window_ms),
        completed: service.completed,
        failed: service.failed,
        success_rate: rate,
        run: spread(&service.runs),
        round_trip: spread(&service.accepts),
    }
}

fn spread(counts: &Counts) -> Spread {
    let ms = |permille| counts.quantile(permille).map(in_ms);
    Spread { count: counts.total(), p50_ms: ms(500), p95_ms: ms(950), p99_ms: ms(990) }
}

/// Microseconds as milliseconds, to the microsecond.
fn in_ms(micros: f64) -> f64 {
    micros.round() / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "some minutes")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
