//! Reports of workers: accepted, progress, completed, failed.

use super::Decision;
use super::Inputs;
use super::end::{Unsuccessful, cancel_effect, loss, skipped_by};
use super::held::{Meant, Standing, late_events, reporter, standing};
use crate::core::command::{FailureReport, Progress, Returned, TaskRef};
use crate::core::effect::Effect;
use crate::core::errors;
use crate::core::event::{AfterFailure, Event, Failure, GrantAfter, LateOutcome, LostReason, RefusalReason};
use crate::core::ids::{AttemptNo, Fingerprint, SessionId, TaskId};
use crate::core::limits::BREAKER_FAILURES;
use crate::core::match_workers::can_run;
use crate::core::payload::{Payload, Stored};
use crate::core::presence::{Presence, Present};
use crate::core::rejection::Rejection;
use crate::core::retry;
use crate::core::state::{Phase, State};
use crate::core::usage::Usage;

pub(super) fn accept(
    state: &State,
    presence: &Presence,
    session: SessionId,
    reference: &TaskRef,
    attempt: Option<AttemptNo>,
) -> Result<Decision, Rejection> {
    let worker = reporter(presence, session)?;
    match standing(state, &worker.facts.worker, reference, attempt, Meant::Offered)? {
        Standing::Current { task, attempt, phase: Phase::Offered } => {
            Ok(Decision::events(vec![Event::TaskAccepted { task, attempt }]))
        }
        Standing::Current { .. } => Ok(Decision::nothing()),
        // A worker that starts what it should not have started is told to stop.
        Standing::Late { task, attempt, rejection, .. } => {
            let effects = cancel_effect(worker, task, attempt).into_iter().collect();
            Ok(Decision { events: Vec::new(), effects, answer: Err(rejection) })
        }
    }
}

pub(super) fn progress(
    state: &State,
    presence: &Presence,
    session: SessionId,
    reference: &TaskRef,
    attempt: Option<AttemptNo>,
    progress: &Progress,
) -> Result<Decision, Rejection> {
    let worker = reporter(presence, session)?;
    match standing(state, &worker.facts.worker, reference, attempt, Meant::Running)? {
        Standing::Current { task, attempt, .. } => {
            let effects = vec![Effect::ForwardProgress { task, attempt, progress: progress.clone() }];
            Ok(Decision { effects, ..Decision::nothing() })
        }
        Standing::Late { rejection, .. } => Err(rejection),
    }
}

pub(super) fn complete(
    state: &State,
    presence: &Presence,
    session: SessionId,
    reference: &TaskRef,
    attempt: Option<AttemptNo>,
    (result, usage): (&Payload, Option<&Usage>),
) -> Result<Decision, Rejection> {
    let worker = reporter(presence, session)?;
    let id = &worker.facts.worker;
    match standing(state, id, reference, attempt, Meant::Running)? {
        Standing::Current { task, attempt, .. } => {
            let size = result.as_str().len();
            if size > presence.limits.result_bytes_max {
                let limit = presence.limits.result_bytes_max;
                let message = format!("the result of task {task} has {size} bytes; the limit is {limit}");
                return Ok(fails_with(
                    state,
                    task,
                    attempt,
                    Rejection::new(errors::PAYLOAD_TOO_LARGE, message),
                ));
            }
            let result = Stored::fresh(result.clone(), &mut 0);
            let usage = usage.map(|usage| Box::new(usage.clone()));
            let mut events = vec![Event::TaskCompleted { task, attempt, result, usage }];
            // Ordinarily no breaker is open, and nobody is asked.
            if presence.slots.any_breaker() {
                let service = state.service_of(id);
                let open = state.services.get(&service).is_some_and(|totals| totals.open_until.is_some());
                events.extend(open.then_some(Event::BreakerClosed { service }));
            }
            Ok(Decision::events(events))
        }
        Standing::Late { task, attempt, releasing, rejection } => {
            let outcome = (LateOutcome::Completed, Fingerprint::of(result.as_str().as_bytes()));
            let events = late_events(state, presence, id, task, (attempt, releasing), outcome);
            Ok(Decision::refused(events, rejection))
        }
    }
}

/// A result that cannot be taken, for a reason that will not go away.
pub(super) fn refuse_result(
    state: &State,
    presence: &Presence,
    session: SessionId,
    reference: &TaskRef,
    attempt: Option<AttemptNo>,
    why: &Rejection,
) -> Result<Decision, Rejection> {
    let worker = reporter(presence, session)?;
    match standing(state, &worker.facts.worker, reference, attempt, Meant::Running)? {
        Standing::Current { task, attempt, .. } => Ok(fails_with(state, task, attempt, why.clone())),
        Standing::Late { rejection, .. } => Err(rejection),
    }
}

/// The result will not become better by itself, and a worker that asks for no answer would not hear of a refusal:
/// the task fails at once instead of waiting for its run timeout.
fn fails_with(state: &State, task: TaskId, attempt: AttemptNo, why: Rejection) -> Decision {
    let failure = Failure::new(why.code, why.message.as_str());
    let events = failed(state, task, attempt, failure, AfterFailure::Final, GrantAfter::Freed);
    Decision::refused(events, why)
}

/// What the words of a failure mean.
enum Meaning {
    AtCapacity,
    NoHandler,
    Cancelled,
    Failed,
}

impl Meaning {
    /// The existing services say these things in words only.
    fn of(report: &FailureReport) -> Self {
        let error = &*report.error;
        if error == "Service at capacity" || error == "Node at capacity" {
            Self::AtCapacity
        } else if error.starts_with("No handler registered for task type") {
            Self::NoHandler
        } else if error == "Task cancelled" {
            Self::Cancelled
        } else {
            Self::Failed
        }
    }

    const fn meant(&self) -> Meant {
        match self {
            Self::AtCapacity | Self::NoHandler => Meant::Offered,
            Self::Cancelled => Meant::Stopped,
            Self::Failed => Meant::Running,
        }
    }
}

pub(super) fn fail(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    session: SessionId,
    reference: &TaskRef,
    attempt: Option<AttemptNo>,
    report: &FailureReport,
) -> Result<Decision, Rejection> {
    let worker = reporter(presence, session)?;
    let id = &worker.facts.worker;
    let meaning = Meaning::of(report);
    let (task, attempt, phase) = match standing(state, id, reference, attempt, meaning.meant())? {
        Standing::Current { task, attempt, phase } => (task, attempt, phase),
        Standing::Late { task, attempt, releasing, rejection } => {
            if matches!(meaning, Meaning::Cancelled) && releasing.is_some() {
                let attempt = releasing.unwrap_or(attempt);
                return Ok(Decision::events(vec![Event::GrantReleased {
                    task,
                    attempt,
                    worker: id.clone(),
                }]));
            }
            let outcome = (LateOutcome::Failed, Fingerprint::of(report.error.as_bytes()));
            let events = late_events(state, presence, id, task, (attempt, releasing), outcome);
            return Ok(Decision::refused(events, rejection));
        }
    };
    let events = match meaning {
        Meaning::AtCapacity if phase == Phase::Offered => {
            vec![Event::AttemptRefused { task, attempt, reason: RefusalReason::AtCapacity }]
        }
        Meaning::NoHandler => no_handler(state, presence, worker, task, attempt),
        Meaning::Cancelled => {
            let asked = worker.was_told_in_doubt(task, attempt);
            let reason = if asked { LostReason::Unconfirmed } else { LostReason::Abandoned };
            loss(state, presence, inputs.now, task, attempt, reason, GrantAfter::Freed)
        }
        Meaning::AtCapacity | Meaning::Failed => reported_failure(state, inputs, task, attempt, report),
    };
    Ok(Decision::events(events))
}

/// The failure of an attempt that counts: tried again as its policy and the report say.
pub(super) fn reported_failure(
    state: &State,
    inputs: &Inputs,
    task: TaskId,
    attempt: AttemptNo,
    report: &FailureReport,
) -> Vec<Event> {
    let failure = Failure::of(report);
    let plan = retry::Report { retryable: report.retryable, retry_after_ms: report.retry_after_ms };
    let next = retry::next(state, task, failure.code, &plan, inputs);
    failed(state, task, attempt, failure, next, GrantAfter::Freed)
}

/// The task goes elsewhere, or fails for good when nobody else is there to take it.
fn no_handler(
    state: &State,
    presence: &Presence,
    worker: &Present,
    task: TaskId,
    attempt: AttemptNo,
) -> Vec<Event> {
    let refused = Event::AttemptRefused { task, attempt, reason: RefusalReason::NoHandler };
    let Some(workflow) = state.workflow(task.workflow) else { return vec![refused] };
    let route = workflow.spec.route_of(task.index);
    let elsewhere = presence.workers().any(|other| {
        let another = other.facts.worker != worker.facts.worker;
        another && other.is_connected() && can_run(&other.facts, route) && !other.has_no_handler_for(task)
    });
    if elsewhere {
        return vec![refused];
    }
    let kind = route.external_type.as_ref().unwrap_or(&route.task_type);
    let failure = Failure::new(
        errors::NO_WORKER_FOR_TASK,
        format!(
            "no connected worker has a handler for task type {kind}; the last one asked was {}",
            worker.facts.name
        ),
    );
    failed(state, task, attempt, failure, AfterFailure::Final, GrantAfter::Freed)
}

/// A try that counts, with what a final failure does to the tasks that depend on it.
pub(super) fn failed(
    state: &State,
    task: TaskId,
    attempt: AttemptNo,
    failure: Failure,
    next: AfterFailure,
    grant: GrantAfter,
) -> Vec<Event> {
    let opened = breaker_opened(state, task, &failure);
    let mut events = vec![Event::TaskFailed { task, attempt, failure, next, grant }];
    events.extend(opened);
    if next == AfterFailure::Final
        && let Some(workflow) = state.workflow(task.workflow)
    {
        events.extend(skipped_by(workflow, task.index, Unsuccessful::Failed));
    }
    events
}

/// Whether this failure is one too many for the service whose worker holds the task.
fn breaker_opened(state: &State, task: TaskId, failure: &Failure) -> Option<Event> {
    let worker = state.task(task)?.holder()?;
    if worker.is_built_in() || !failure.is_of_worker() {
        return None;
    }
    let service = state.service_of(worker);
    let before = state.services.get(&service).map_or(0, |totals| totals.consecutive_failures);
    (before.saturating_add(1) >= BREAKER_FAILURES).then_some(Event::BreakerOpened { service })
}

/// The parameters could not be filled: no worker has seen the attempt. A disk that cannot be read now may be read
/// later; for every other reason trying again would not help.
pub(super) fn fail_dispatch(
    state: &State,
    inputs: &Inputs,
    task: TaskId,
    attempt: AttemptNo,
    failure: &Failure,
) -> Decision {
    let current = state.task(task).is_some_and(|known| known.attempt == attempt && known.holder().is_some());
    if !current {
        return Decision::nothing();
    }
    let plan =
        retry::Report { retryable: Some(failure.code == errors::STORAGE_FAILED), retry_after_ms: None };
    let next = retry::next(state, task, failure.code, &plan, inputs);
    Decision::events(failed(state, task, attempt, failure.clone(), next, GrantAfter::Freed))
}

/// No try is consumed. A worker whose connection had no room is treated as full for a moment; one that put the task off
/// is left alone with it until then.
pub(super) fn return_attempt(
    state: &State,
    inputs: &Inputs,
    task: TaskId,
    attempt: AttemptNo,
    why: Returned,
) -> Decision {
    let current = state.task(task).is_some_and(|known| known.attempt == attempt && known.holder().is_some());
    if !current {
        return Decision::nothing();
    }
    let reason = match why {
        Returned::NoRoom => RefusalReason::NoRoom,
        Returned::Postponed { delay_ms } => RefusalReason::Postponed { until: inputs.now.plus(delay_ms) },
    };
    Decision::events(vec![Event::AttemptRefused { task, attempt, reason }])
}
