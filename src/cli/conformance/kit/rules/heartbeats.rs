//! Whether the service is heard of, and what it says it is doing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::conformance::kit::answers::HEARTBEAT_MS;
use crate::cli::conformance::kit::record::{Beat, shown};
use crate::cli::conformance::kit::stage::Stage;
use crate::cli::conformance::kit::verdict::{Checked, Missed, deviation, failed, passed};

/// What the earlier clients do: the first one comes a whole interval late.
const BASE_MS: u64 = 30_000;
/// Longer than anything that is looked at meanwhile.
const LONG_MS: u64 = 300_000;

/// How long the next heartbeat may take: two intervals, and what a busy machine needs.
pub(super) fn limit(stage: &Stage) -> Duration {
    let told = stage.registration().filter(|registration| registration.asked_for_answer);
    let agreed = told.map_or(BASE_MS, |_| HEARTBEAT_MS);
    let declared = stage.facts().and_then(|facts| facts.heartbeat_ms).unwrap_or(BASE_MS);
    Duration::from_millis(2 * agreed.min(declared)) + stage.asked.patience
}

pub(super) fn beats(stage: &Stage) -> impl Iterator<Item = &Beat> {
    stage.connections.values().flat_map(|connection| &connection.beats)
}

/// A heartbeat that comes from now on.
pub(super) async fn next(stage: &mut Stage) -> Result<Value, Missed> {
    let (seen, limit) = (beats(stage).count(), limit(stage));
    let next = |stage: &Stage| {
        let connection = stage.registered()?;
        let of_all = beats(stage).count();
        (of_all > seen).then(|| connection.beats.last().map(|beat| beat.payload.clone())).flatten()
    };
    stage.until(limit, "node:heartbeat", next).await
}

pub(super) async fn regular(stage: &mut Stage) -> Checked {
    let beat = next(stage).await?;
    let node_id = stage.facts().map_or("", |facts| &*facts.worker.0);
    if beat.get("node_id").and_then(Value::as_str) != Some(node_id) {
        return failed(format!("`node_id` is not {node_id:?} in {}", shown(&beat)));
    }
    match beat.get("status").and_then(Value::as_str) {
        Some(status) => passed(format!("it came, with the status {status}")),
        None => failed(format!("`status` is missing in {}", shown(&beat))),
    }
}

pub(super) async fn active(stage: &mut Stage) -> Checked {
    let id = stage.start(&json!({"do": "sleep", "ms": LONG_MS})).await?;
    let beat = next(stage).await?;
    let Some(active) = beat.get("active") else {
        let counted = beat.get("active_tasks").or_else(|| beat.get("current_tasks"));
        return match counted.and_then(Value::as_f64) {
            Some(1.0) => deviation("one task runs, and the heartbeat counts one without naming it"),
            Some(count) => failed(format!("one task runs, and the heartbeat counts {count}")),
            None => deviation("it does not say what runs"),
        };
    };
    if names(active, &id, 1) {
        return passed("the running task is named with its attempt");
    }
    failed(format!("{id} runs as attempt 1, and `active` is {}", shown(active)))
}

/// Whether a list of what is held names this attempt.
pub(super) fn names(active: &Value, id: &str, attempt: u64) -> bool {
    let is_it = |held: &Value| held.get("task_id").is_some_and(|task| task == id);
    let of_attempt = |held: &Value| held.get("attempt").is_none_or(|number| number == attempt);
    active.as_array().is_some_and(|list| list.iter().any(|held| is_it(held) && of_attempt(held)))
}
