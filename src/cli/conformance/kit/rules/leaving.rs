//! How a service leaves, and how it does not.

use std::time::Duration;

use serde_json::{Value, json};

use super::{capacity, heartbeats, reconnecting};
use crate::cli::conformance::kit::record::Kind;
use crate::cli::conformance::kit::stage::Stage;
use crate::cli::conformance::kit::verdict::{Checked, Missed, deviation, failed, not_applicable, passed};

/// Longer than anything that is looked at meanwhile.
const LONG_MS: u64 = 300_000;
/// A server that restarts says so, and is back after as much time again.
const RESTART: Duration = Duration::from_secs(1);
/// A service that comes back although it was told to leave does so within this time.
const AWAY: Duration = Duration::from_secs(5);
/// How many times the usual patience a service may take to end what it runs.
const LEAVE_PATIENCE: u32 = 2;

pub(super) async fn restart(stage: &mut Stage) -> Checked {
    if !stage.facts().is_some_and(|facts| facts.restart_aware) {
        return deviation("it is not `restart_aware`, so a restart is never announced to it");
    }
    let id = stage.start(&json!({"do": "sleep", "ms": LONG_MS})).await?;
    stage.shut_down("the server restarts", true)?;
    stage.quietly(RESTART).await;
    if let Some(end) = stage.task(&id).end() {
        return failed(format!("the running task ended with {}", end.told()));
    }
    reconnecting::cut(stage, RESTART).await;
    reconnecting::come_back(stage).await?;
    let active = stage.registration().and_then(|registration| registration.payload.get("active"));
    if active.is_some_and(|active| !heartbeats::names(active, &id, 1)) {
        return failed("the service came back, and the task that ran is not among those it holds");
    }
    stage.cancel(&id)?;
    stage.end_of(&id).await?;
    match stage.task(&id).end() {
        Some(end) if end.kind == Kind::Failed && end.error() == "Task cancelled" => {
            passed("it came back, and the task ran until it was cancelled")
        }
        Some(end) => failed(format!("the running task ended with {}", end.told())),
        None => failed("the running task has no end"),
    }
}

pub(super) async fn drain(stage: &mut Stage) -> Checked {
    let running = stage.start(&json!({"do": "sleep", "ms": LONG_MS})).await?;
    stage.last_task = Some(running.clone());
    stage.kept = vec![running.clone()];
    let asked = stage.assign(&json!({"do": "drain"})).await?;
    let answered = |stage: &Stage| {
        let refused = stage.task(&asked).end().is_some_and(|end| end.kind == Kind::Failed);
        (refused || is_draining(stage)).then_some(refused)
    };
    if stage.soon("node:status draining", answered).await? {
        return not_applicable("the service does not know `drain`; see docs/conformance.md");
    }
    let id = stage.assign(&json!({"do": "echo", "value": "too late"})).await?;
    let said = |stage: &Stage| (!stage.task(&id).reports.is_empty()).then_some(());
    stage.soon("answer to a task that came too late", said).await?;
    let task = stage.task(&id);
    if task.accepted().is_some() || !task.end().is_some_and(|end| capacity::is_refusal(end.error())) {
        return failed("a new task was not refused with `Service at capacity`");
    }
    match stage.task(&running).end() {
        Some(end) => failed(format!("the task that ran ended with {}", end.told())),
        None => passed("it says so, new tasks are refused, and what ran goes on"),
    }
}

fn is_draining(stage: &Stage) -> bool {
    let Some(connection) = stage.registered() else { return false };
    let by_status = connection.statuses.iter().any(|status| status == "draining");
    let by_beat = |beat: &crate::cli::conformance::kit::record::Beat| {
        beat.payload.get("status").and_then(Value::as_str) == Some("draining")
    };
    by_status || connection.beats.iter().any(by_beat)
}

pub(super) async fn shutdown(stage: &mut Stage) -> Checked {
    let running = match stage.last_task.take() {
        Some(running) if !stage.task(&running).has_ended() => running,
        Some(_) | None => stage.start(&json!({"do": "sleep", "ms": LONG_MS})).await?,
    };
    let before = stage.connections.len();
    stage.shut_down("the test is over", false)?;
    let gone = |stage: &Stage| stage.registered().is_none().then_some(());
    stage.until(stage.asked.patience * LEAVE_PATIENCE, "end of the connection", gone).await?;
    match stage.task(&running).end() {
        Some(end) if end.kind == Kind::Failed && end.error() == "Task cancelled" => {}
        Some(end) => return failed(format!("the running task ended with {}", end.told())),
        None => return failed("the running task was left without a word"),
    }
    let returned = |stage: &Stage| (stage.connections.len() > before).then_some(());
    match stage.until(AWAY, "return", returned).await {
        Ok(()) => failed("it came back"),
        Err(Missed(_)) => passed("the running task was cancelled, and the service is gone"),
    }
}
