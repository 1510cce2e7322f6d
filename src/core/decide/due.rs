//! What happens when time has passed.

use super::Inputs;
use super::end::{cancel_effect, ending, loss, release_until};
use super::report::failed;
use super::worker::{gone, silent, without};
use crate::core::command::WorkerKind;
use crate::core::effect::Effect;
use crate::core::errors;
use crate::core::event::{AfterFailure, Event, Failure, GrantAfter, LostReason, Outcome};
use crate::core::ids::{TaskId, WorkerId};
use crate::core::presence::{Due, OfferDeadline, Presence, Resolved};
use crate::core::retry;
use crate::core::state::{Phase, State, Timer};

/// A deadline that follows from the facts.
pub fn decide_timer(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    timer: &Timer,
) -> (Vec<Event>, Vec<Effect>) {
    match timer {
        Timer::Run(task) => run_out(state, presence, inputs, *task),
        Timer::Queue(task) => (queue_out(state, presence, inputs, *task), Vec::new()),
        Timer::Retry(task) => (vec![Event::TaskRequeued { task: *task }], Vec::new()),
        Timer::Total(workflow) => {
            let Some(workflow) = state.workflow(*workflow) else { return (Vec::new(), Vec::new()) };
            let (event, effects) = ending(state, presence, workflow, Outcome::TimedOut, inputs.now);
            (vec![event], effects)
        }
        Timer::Release(worker, task, attempt) => {
            let released = Event::GrantReleased { task: *task, attempt: *attempt, worker: worker.clone() };
            (vec![released], Vec::new())
        }
    }
}

fn run_out(state: &State, presence: &Presence, inputs: &Inputs, id: TaskId) -> (Vec<Event>, Vec<Effect>) {
    let Some(task) = state.task(id) else { return (Vec::new(), Vec::new()) };
    let Some(holder) = task.holder() else { return (Vec::new(), Vec::new()) };
    let limit_ms =
        state.workflow(id.workflow).map_or(0, |workflow| workflow.spec.policy_of(id.index).run_timeout_ms);
    let failure = Failure::new(
        errors::TASK_TIMEOUT,
        format!("attempt {} ran longer than {} s on {holder}", task.attempt, seconds(limit_ms)),
    );
    let next = retry::next(state, id, failure.code, &retry::Report::default(), inputs);
    let grant = GrantAfter::ReleasingUntil(release_until(presence, holder, inputs.now));
    let effects = presence.worker(holder).and_then(|worker| cancel_effect(worker, id, task.attempt));
    (failed(state, id, task.attempt, failure, next, grant), effects.into_iter().collect())
}

fn queue_out(state: &State, presence: &Presence, inputs: &Inputs, id: TaskId) -> Vec<Event> {
    let Some(task) = state.task(id) else { return Vec::new() };
    let why = crate::core::why::explain(state, presence, id, inputs.now, crate::core::why::Offers::Made)
        .map_or_else(String::new, |why| why.summary);
    let failure = Failure::new(errors::TASK_QUEUE_TIMEOUT, format!("no worker took the task in time: {why}"));
    failed(state, id, task.attempt, failure, AfterFailure::Final, GrantAfter::Freed)
}

/// A deadline of the running process. Whoever was heard of in time gets a new one from the caller.
pub fn decide_due(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    due: &Due,
) -> (Vec<Event>, Vec<Effect>) {
    match due {
        Due::Offer(offer) => not_accepted(state, presence, inputs, offer),
        Due::Silence(worker) => unheard(state, presence, inputs, worker),
        Due::Wake(_) => (Vec::new(), Vec::new()),
        Due::Doubt(worker) => doubted(state, presence, inputs, worker),
    }
}

fn not_accepted(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    offer: &OfferDeadline,
) -> (Vec<Event>, Vec<Effect>) {
    let OfferDeadline { worker, task, attempt } = offer;
    let open = state.grants.get(worker, *task, *attempt).is_some_and(|grant| grant.phase == Phase::Offered);
    // While the worker is away its grace decides; the time starts anew when it is back.
    let Some(present) = presence.worker(worker).filter(|present| open && present.is_connected()) else {
        return (Vec::new(), Vec::new());
    };
    let grant = GrantAfter::ReleasingUntil(release_until(presence, worker, inputs.now));
    let events = loss(state, presence, inputs.now, *task, *attempt, LostReason::NotAccepted, grant);
    (events, cancel_effect(present, *task, *attempt).into_iter().collect())
}

fn unheard(state: &State, presence: &Presence, inputs: &Inputs, id: &WorkerId) -> (Vec<Event>, Vec<Effect>) {
    let Some(worker) = presence.worker(id) else { return (Vec::new(), Vec::new()) };
    let overdue = inputs.now.since(worker.last_seen) >= worker.silence_limit(&presence.limits);
    let grant = if worker.facts.fences {
        GrantAfter::Freed
    } else {
        GrantAfter::ReleasingUntil(release_until(presence, id, inputs.now))
    };
    if !worker.is_connected() {
        return (gone(state, presence, id, grant), Vec::new());
    }
    if !overdue || worker.facts.kind == WorkerKind::BuiltIn {
        return (Vec::new(), Vec::new());
    }
    let grant = GrantAfter::ReleasingUntil(release_until(presence, id, inputs.now));
    silent(state, presence, worker, grant)
}

/// What a worker held before it came back, and has not shown any sign of.
fn doubted(state: &State, presence: &Presence, inputs: &Inputs, id: &WorkerId) -> (Vec<Event>, Vec<Effect>) {
    let Some(worker) = presence.worker(id) else { return (Vec::new(), Vec::new()) };
    let due: Vec<_> = worker.doubts_due(state, inputs.now).collect();
    let of = |wanted: Resolved| {
        let fitting = due.iter().filter(move |(_, _, resolved)| *resolved == wanted);
        fitting.map(|(older, _, _)| (older.task, older.attempt))
    };
    let effects = of(Resolved::Tell).filter_map(|(task, attempt)| cancel_effect(worker, task, attempt));
    let reason = if worker.low_counts == 0 { LostReason::Unconfirmed } else { LostReason::Forgotten };
    let events = without(state, presence, id, of(Resolved::Gone).collect(), reason);
    (events, effects.collect())
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1_000) {
        (ms / 1_000).to_string()
    } else {
        format!("{}.{:03}", ms / 1_000, ms % 1_000)
    }
}
