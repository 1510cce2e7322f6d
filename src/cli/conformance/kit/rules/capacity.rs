//! How many tasks a service takes at once.

use serde_json::json;

use crate::cli::conformance::kit::record::Kind;
use crate::cli::conformance::kit::stage::Stage;
use crate::cli::conformance::kit::verdict::{Checked, Missed, failed, not_applicable, passed};

/// Longer than anything that is looked at meanwhile.
const SLEEP_MS: u32 = 30_000;
/// The server gives nobody more.
const CAPACITY_MAX: u32 = 1_000;

/// Gives the service all it takes; the ids, once every one is accepted.
async fn fill(stage: &mut Stage) -> Result<Vec<String>, Missed> {
    let capacity = stage.facts().map_or(0, |facts| facts.capacity);
    let mut ids = Vec::new();
    for _ in 0..capacity {
        ids.push(stage.assign(&json!({"do": "sleep", "ms": SLEEP_MS})).await?);
    }
    let what = format!("task:accepted for all of {capacity} tasks at once");
    let all = |stage: &Stage| ids.iter().all(|id| stage.task(id).accepted().is_some()).then_some(());
    stage.soon(&what, all).await?;
    Ok(ids)
}

fn too_many(stage: &Stage) -> Option<u32> {
    stage.facts().map(|facts| facts.capacity).filter(|capacity| *capacity > CAPACITY_MAX)
}

pub(super) async fn full(stage: &mut Stage) -> Checked {
    if let Some(capacity) = too_many(stage) {
        return not_applicable(format!(
            "{capacity} tasks are more than {CAPACITY_MAX}, which no server gives"
        ));
    }
    let ids = fill(stage).await?;
    match ids.iter().find_map(|id| stage.task(id).end()) {
        Some(end) => failed(format!("while the others ran, one ended with {}", end.told())),
        None => passed(format!("{} tasks ran at once", ids.len())),
    }
}

pub(super) async fn refuse(stage: &mut Stage) -> Checked {
    if let Some(capacity) = too_many(stage) {
        return not_applicable(format!(
            "{capacity} tasks are more than {CAPACITY_MAX}, which no server gives"
        ));
    }
    fill(stage).await?;
    let id = stage.assign(&json!({"do": "echo", "value": "one too many"})).await?;
    let said = |stage: &Stage| (!stage.task(&id).reports.is_empty()).then_some(());
    stage.soon("answer to one task more", said).await?;
    let task = stage.task(&id);
    if task.accepted().is_some() {
        return failed("it was accepted");
    }
    match task.end() {
        Some(end) if end.kind == Kind::Failed && is_refusal(end.error()) => passed(end.told()),
        Some(end) => {
            failed(format!("it ended with {}, which the server takes for the task's own end", end.told()))
        }
        None => failed("it neither accepted nor refused it"),
    }
}

pub(super) fn is_refusal(error: &str) -> bool {
    error == "Service at capacity" || error == "Node at capacity"
}
