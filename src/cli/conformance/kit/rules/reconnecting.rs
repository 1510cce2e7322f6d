//! An outage in the middle of the work: what the service does after it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{acks, heartbeats};
use crate::cli::conformance::kit::record::{Kind, shown};
use crate::cli::conformance::kit::stage::Stage;
use crate::cli::conformance::kit::verdict::{Checked, Missed, deviation, failed, not_applicable, passed};
use crate::clock;

/// How many times the usual patience a service may take to come back: the earlier clients try again after up to 30 s.
const RETURN_PATIENCE: u32 = 5;
/// How long nobody can be reached.
const OUTAGE: Duration = Duration::from_secs(2);
/// Ends during the outage.
const SHORT_MS: u64 = 500;
/// Ends after it, where the service does not wait too long before it comes back.
const LONG: Duration = Duration::from_secs(8);
/// Longer than anything that is looked at meanwhile.
const VERY_LONG_MS: u64 = 300_000;
/// What was seen of one outage; several rules look at it.
#[derive(Debug, Clone)]
pub(crate) struct Outage {
    node_id: String,
    /// Ended meanwhile.
    short: String,
    /// Ran through it.
    long: String,
    /// The connection after it.
    after: u64,
    /// What the service said it holds when it came back.
    active: Option<Value>,
    /// It was away for longer than the long task ran.
    came_late: bool,
}

/// The one outage of this run.
async fn outage(stage: &mut Stage) -> Result<Outage, Missed> {
    if stage.outage.is_none() {
        let seen = bring_about(stage).await;
        stage.outage = Some(seen.map_err(|Missed(what)| what));
    }
    match &stage.outage {
        Some(Ok(outage)) => Ok(outage.clone()),
        Some(Err(what)) => Err(Missed(what.clone())),
        None => Err(Missed("there was no outage".to_owned())),
    }
}

async fn bring_about(stage: &mut Stage) -> Result<Outage, Missed> {
    let node_id = stage.facts().map(|facts| facts.worker.0.to_string()).unwrap_or_default();
    let began = clock::instant();
    let long_ms = u64::try_from(LONG.as_millis()).expect("some seconds");
    let long = stage.start(&json!({"do": "sleep", "ms": long_ms, "value": "through the outage"})).await?;
    let short = stage.start(&json!({"do": "sleep", "ms": SHORT_MS, "value": "during the outage"})).await?;
    stage.kept = vec![long.clone(), short.clone()];
    cut(stage, OUTAGE).await;
    let after = come_back(stage).await?;
    let came_late = began.elapsed() >= LONG;
    let registration = stage.registration();
    let active = registration.and_then(|registration| registration.payload.get("active").cloned());
    Ok(Outage { node_id, short, long, after, active, came_late })
}

/// Cuts the connection, and comes back after a while.
pub(super) async fn cut(stage: &mut Stage, span: Duration) {
    stage.fail();
    stage.quietly(span).await;
    stage.recover();
}

/// Waits for a registration on a new connection; its number.
pub(super) async fn come_back(stage: &mut Stage) -> Result<u64, Missed> {
    let earlier: Vec<u64> = stage.connections.keys().copied().collect();
    let back = |stage: &Stage| {
        let connection = stage.registered()?;
        (!earlier.contains(&connection.peer.number)).then_some(connection.peer.number)
    };
    let limit = stage.asked.patience * RETURN_PATIENCE;
    stage.until(limit, "new registration after the connection was cut", back).await
}

pub(super) async fn comes_back(stage: &mut Stage) -> Checked {
    let Outage { node_id, .. } = outage(stage).await?;
    let now = stage.facts().map(|facts| facts.worker.0.to_string()).unwrap_or_default();
    if now != node_id {
        return failed(format!("it registered as `{now}`, and was `{node_id}` before"));
    }
    passed(format!("it registered as `{node_id}` again"))
}

pub(super) async fn names_held(stage: &mut Stage) -> Checked {
    let Outage { long, short, active, came_late, .. } = outage(stage).await?;
    let Some(active) = active else {
        return deviation(
            "there is no `active`; the server counts heartbeats and waits for timeouts instead",
        );
    };
    if !came_late && !heartbeats::names(&active, &long, 1) {
        return failed(format!("{long} runs and is not in `active`: {}", shown(&active)));
    }
    let undelivered = acks::asks(stage) && !heartbeats::names(&active, &short, 1);
    if undelivered {
        return failed(format!(
            "the result of {short} was not delivered, and it is not in {}",
            shown(&active)
        ));
    }
    passed("the running task and the undelivered result are named")
}

pub(super) async fn sends_result(stage: &mut Stage) -> Checked {
    let Outage { short, .. } = outage(stage).await?;
    let ended = |stage: &Stage| stage.task(&short).end().map(drop);
    let came = stage.soon("result of the task that ended during the outage", ended).await;
    if came.is_err() {
        stage.give_up(&short);
    }
    if came.is_err() && !acks::asks(stage) {
        return deviation("it is lost; the server finds out by counting heartbeats, or by the run timeout");
    }
    came?;
    match stage.task(&short).end() {
        Some(end) if end.kind == Kind::Completed && end.result() == "during the outage" => passed(end.told()),
        Some(end) => failed(format!("the task ended with {}", end.told())),
        None => failed("the task has no end"),
    }
}

pub(super) async fn goes_on(stage: &mut Stage) -> Checked {
    let Outage { long, after, came_late, .. } = outage(stage).await?;
    let ended = |stage: &Stage| stage.task(&long).end().map(drop);
    let limit = LONG + stage.asked.patience;
    let came = stage.until(limit, "result of the task that ran through the outage", ended).await;
    if came.is_err() {
        stage.give_up(&long);
    }
    if came.is_err() && came_late && !acks::asks(stage) {
        return not_applicable("the task had ended before the service was back");
    }
    came?;
    let task = stage.task(&long);
    match task.end() {
        Some(end) if end.kind == Kind::Completed && end.from >= after => {
            passed("it completed on the new connection")
        }
        Some(end) => failed(format!("the task ended with {}", end.told())),
        None => failed("the task has no end"),
    }
}

pub(super) async fn drops_lost(stage: &mut Stage) -> Checked {
    let asks = stage.registration().is_some_and(|registration| registration.asked_for_answer);
    if !asks {
        return deviation(
            "no answer to node:register is asked for, so the service cannot know what it has lost",
        );
    }
    let id = stage.start(&json!({"do": "sleep", "ms": VERY_LONG_MS})).await?;
    stage.disowns = true;
    cut(stage, OUTAGE / 2).await;
    let back = come_back(stage).await;
    stage.disowns = false;
    back?;
    let beat = heartbeats::next(stage).await?;
    // Nobody waits for it any more.
    stage.give_up(&id);
    match beat.get("active") {
        None => not_applicable("heartbeats do not say what runs"),
        Some(active) if heartbeats::names(active, &id, 1) => {
            failed(format!("{id} was not held any more, and `active` is {}", shown(active)))
        }
        Some(_) => passed("it does not run any more"),
    }
}
