//! Acknowledgements: whether a report is kept until the server has it, and no longer.

use std::time::Duration;

use serde_json::json;

use super::attempts::{echo, names_attempts};
use crate::cli::conformance::kit::record::{Answering, Report};
use crate::cli::conformance::kit::stage::Stage;
use crate::cli::conformance::kit::verdict::{Checked, deviation, failed, passed};

/// How many times the usual patience a service may wait for an acknowledgement before it sends again.
const RESEND_PATIENCE: u32 = 4;
/// A report that is sent in spite of everything comes within this time.
const QUIET: Duration = Duration::from_secs(3);

const NOT_ASKED: &str = "no acknowledgement is asked for: a report that gets lost is lost";

pub(super) fn asks(stage: &Stage) -> bool {
    stage.reports().any(|report| report.is_end() && report.asked_for_answer)
}

pub(super) async fn asked(stage: &mut Stage) -> Checked {
    stage.run(&json!({"do": "echo", "value": "whatever it is"})).await?;
    stage.run(&json!({"do": "fail", "message": "as asked"})).await?;
    if !asks(stage) {
        return deviation(NOT_ASKED);
    }
    match stage.reports().find(|report| report.is_end() && !report.asked_for_answer) {
        // A refusal at capacity answers an assignment, and is no end of a task.
        Some(report) if !super::capacity::is_refusal(report.error()) => {
            failed(format!("others do, and {} does not", report.told()))
        }
        Some(_) | None => passed("they do"),
    }
}

pub(super) async fn resend(stage: &mut Stage) -> Checked {
    let id = echo(stage, Answering::Withhold(1)).await?;
    stage.end_of(&id).await?;
    if !asks(stage) {
        return deviation(NOT_ASKED);
    }
    sent_again(stage, &id, "the first one was not acknowledged").await
}

pub(super) async fn later(stage: &mut Stage) -> Checked {
    let id = echo(stage, Answering::RefuseOnce).await?;
    stage.end_of(&id).await?;
    if !asks(stage) {
        return deviation(NOT_ASKED);
    }
    sent_again(stage, &id, "the first one was refused with `retryable`").await
}

async fn sent_again(stage: &mut Stage, id: &str, why: &str) -> Checked {
    let settled = |stage: &Stage| stage.task(id).ends().any(|end| end.settled).then_some(());
    let limit = stage.asked.patience * RESEND_PATIENCE;
    stage.until(limit, &format!("second report, although {why}"), settled).await?;
    let ends: Vec<&Report> = stage.task(id).ends().collect();
    let same = |report: &&Report| {
        report.kind == ends.first().map_or(report.kind, |first| first.kind)
            && ends.first().is_some_and(|first| first.result() == report.result())
            && ends.first().is_some_and(|first| first.attempt() == report.attempt())
    };
    if ends.iter().all(same) {
        return passed(format!("the same report came again: {why}"));
    }
    failed("what came again was another report")
}

pub(super) async fn refused(stage: &mut Stage) -> Checked {
    let id = echo(stage, Answering::Refuse).await?;
    stage.end_of(&id).await?;
    if !asks(stage) {
        return deviation(NOT_ASKED);
    }
    stage.quietly(QUIET).await;
    match stage.task(&id).ends().count() {
        1 => passed("it was sent once"),
        times => failed(format!("it was sent {times} times")),
    }
}

/// Looks back at the whole run.
pub(super) async fn once(stage: &mut Stage) -> Checked {
    if stage.registered().is_some() {
        stage.run(&json!({"do": "echo", "value": "the last one"})).await?;
    }
    stage.quietly(QUIET).await;
    if stage.dropped() > 0 {
        return failed(format!("the service sent faster than could be read: {} events", stage.dropped()));
    }
    if let Some(stray) = stage.strays.first() {
        let more = stage.strays.len() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        return failed(format!("{stray}{more}"));
    }
    let mut ends = 0;
    for (id, task) in &stage.tasks {
        let settled = || task.ends().filter(|end| end.settled);
        let twice = if names_attempts(stage) {
            let of = |attempt: u32| settled().filter(|end| end.attempt() == Some(u64::from(attempt))).count();
            task.attempts.iter().any(|attempt| of(*attempt) > 1)
        } else {
            // Without numbers each assignment may have brought about one.
            settled().count() > task.assignments
        };
        if twice {
            return failed(format!("{id} was ended again after the server had taken its end"));
        }
        ends += settled().count();
    }
    passed(format!("{} tasks, {ends} ends", stage.tasks.len()))
}
