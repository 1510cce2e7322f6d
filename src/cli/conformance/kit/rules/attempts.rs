//! Attempts: their numbers, their cancellation, and being told the same thing twice.

use std::time::Duration;

use serde_json::json;

use crate::cli::conformance::kit::record::{Answering, Kind, Report};
use crate::cli::conformance::kit::stage::Stage;
use crate::cli::conformance::kit::verdict::{Checked, Missed, deviation, failed, passed};

/// Longer than anything that is looked at meanwhile.
const LONG_MS: u32 = 30_000;
/// A task that is still there when it is assigned once more.
const SHORT_MS: u64 = 1_000;
/// A second run of the same task would have ended by then.
const SECOND_RUN: Duration = Duration::from_millis(SHORT_MS + 1_000);

pub(super) async fn cancel(stage: &mut Stage) -> Checked {
    let id = stage.start(&json!({"do": "sleep", "ms": LONG_MS, "value": "not cancelled"})).await?;
    stage.cancel(&id)?;
    stage.end_of(&id).await?;
    match stage.task(&id).end() {
        Some(end) if end.kind == Kind::Failed && end.error() == "Task cancelled" => passed(end.told()),
        Some(end) => failed(format!("the task ended with {}", end.told())),
        None => failed("the task has no end"),
    }
}

pub(super) async fn cancel_unknown(stage: &mut Stage) -> Checked {
    let (known, before) = (stage.strays.len(), stage.connections.len());
    stage.cancel("task-of-nobody")?;
    let id = stage.run(&json!({"do": "echo", "value": "still here"})).await?;
    if stage.connections.len() > before {
        return failed("the service has connected anew because of it");
    }
    if let Some(stray) = stage.strays.get(known) {
        return failed(stray.clone());
    }
    match stage.task(&id).end() {
        Some(end) if end.kind == Kind::Completed => passed("the next task completed"),
        Some(end) => failed(format!("the next task ended with {}", end.told())),
        None => failed("the next task has no end"),
    }
}

/// Whether the service has ever named an attempt.
pub(super) fn names_attempts(stage: &Stage) -> bool {
    stage.reports().any(|report| report.attempt().is_some())
}

pub(super) async fn named(stage: &mut Stage) -> Checked {
    let id = stage.prepare();
    stage.send(&id, 3, &json!({"do": "progress", "value": 3})).await?;
    stage.end_of(&id).await?;
    if !names_attempts(stage) {
        return deviation("no report names its attempt; it is taken for one of the attempt that is out");
    }
    let wrong = |report: &&Report| report.attempt() != Some(3);
    match stage.task(&id).reports.iter().find(wrong) {
        Some(report) => failed(format!("{} of attempt 3 names {:?}", report.told(), report.attempt())),
        None => passed("all reports of attempt 3 name it"),
    }
}

pub(super) async fn newer(stage: &mut Stage) -> Checked {
    let id = stage.start(&json!({"do": "sleep", "ms": LONG_MS, "value": "of the first attempt"})).await?;
    stage.send(&id, 2, &json!({"do": "echo", "value": "of the second attempt"})).await?;
    if !names_attempts(stage) {
        return deviation(
            "it names no attempts; such a service is not given a task that may still run there",
        );
    }
    let of_second = |report: &&Report| report.is_end() && report.attempt() == Some(2);
    let told = |stage: &Stage| stage.task(&id).reports.iter().find(of_second).map(drop);
    stage.soon("end of the second attempt", told).await?;
    let task = stage.task(&id);
    if task.ends().any(|end| end.kind == Kind::Completed && end.attempt() == Some(1)) {
        return failed("the first attempt was completed as well");
    }
    match task.reports.iter().find(of_second) {
        Some(end) if end.kind == Kind::Completed => {
            passed("the second attempt ran, and the first did not go on")
        }
        Some(end) => failed(format!("the second attempt ended with {}", end.told())),
        None => failed("the second attempt has no end"),
    }
}

pub(super) async fn duplicate(stage: &mut Stage) -> Checked {
    let asked = json!({"do": "sleep", "ms": SHORT_MS, "value": "once"});
    let id = stage.start(&asked).await?;
    stage.send(&id, 1, &asked).await?;
    stage.end_of(&id).await?;
    stage.quietly(SECOND_RUN).await;
    ended_once(stage, &id, "it ran twice; such a service is never sent the same attempt again")
}

pub(super) async fn repeated(stage: &mut Stage) -> Checked {
    let asked = json!({"do": "echo", "value": "once"});
    let id = stage.run(&asked).await?;
    let settled = |stage: &Stage| stage.task(&id).ends().any(|end| end.settled).then_some(());
    stage.soon("report that could be acknowledged", settled).await?;
    stage.send(&id, 1, &asked).await?;
    stage.quietly(SECOND_RUN).await;
    ended_once(stage, &id, "it ran again; such a service is never sent the same attempt again")
}

fn ended_once(stage: &Stage, id: &str, base: &str) -> Checked {
    let ends = stage.task(id).ends().count();
    if ends == 1 {
        return passed("it has one end");
    }
    if names_attempts(stage) { failed(format!("it has {ends} ends")) } else { deviation(base) }
}

/// Assigns an echo whose end is answered in this way.
pub(super) async fn echo(stage: &mut Stage, answering: Answering) -> Result<String, Missed> {
    stage.assign_with(&json!({"do": "echo", "value": "kept until it is acknowledged"}), answering).await
}
