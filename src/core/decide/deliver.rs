//! Attempts that are handed on to receivers outside, and what those answer.

use super::held::{Meant, Standing, reporter, standing};
use super::report::reported_failure;
use super::{Decision, Inputs};
use crate::core::command::{Callback, TaskRef};
use crate::core::effect::Effect;
use crate::core::errors;
use crate::core::event::{Delivery, Event};
use crate::core::ids::{AttemptNo, SessionId, TaskId, WorkerId};
use crate::core::payload::Stored;
use crate::core::presence::Presence;
use crate::core::rejection::Rejection;
use crate::core::state::State;

/// Whoever hands on learns from a refusal that the attempt is over, and tries no further.
pub(super) fn record(
    state: &State,
    presence: &Presence,
    session: SessionId,
    task: TaskId,
    attempt: AttemptNo,
    delivery: &Delivery,
) -> Result<Decision, Rejection> {
    let worker = reporter(presence, session)?;
    match standing(state, &worker.facts.worker, &TaskRef::Id(task), Some(attempt), Meant::Running)? {
        Standing::Current { task, attempt, .. } => {
            let delivery = delivery.clone();
            Ok(Decision::events(vec![Event::DeliveryTried { task, attempt, delivery }]))
        }
        Standing::Late { rejection, .. } => Err(rejection),
    }
}

/// The receiver may answer before its acceptance is recorded, and after a restart. Its words mean nothing but
/// themselves: it is no worker that could be at capacity.
pub(super) fn take_callback(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    task: TaskId,
    attempt: AttemptNo,
    callback: &Callback,
) -> Result<Decision, Rejection> {
    let handed_on = |holder: &WorkerId| &*holder.0 == WorkerId::WEBHOOKS;
    let known = state.task(task).filter(|known| known.attempt == attempt);
    if !known.is_some_and(|known| known.holder().is_some_and(handed_on)) {
        return Err(Rejection::new(
            errors::CALLBACK_UNKNOWN,
            "no attempt waits for this callback: it has ended, or there never was one",
        ));
    }
    match callback {
        Callback::Completed(result) => {
            // The receiver hears of the refusal and can send less, so the attempt goes on.
            let (size, limit) = (result.as_str().len(), presence.limits.result_bytes_max);
            if size > limit {
                let message = format!("the result of task {task} has {size} bytes; the limit is {limit}");
                return Err(Rejection::new(errors::PAYLOAD_TOO_LARGE, message));
            }
            let result = Stored::fresh(result.clone(), &mut 0);
            Ok(Decision::events(vec![Event::TaskCompleted { task, attempt, result, usage: None }]))
        }
        Callback::Failed(report) => {
            Ok(Decision::events(reported_failure(state, inputs, task, attempt, report)))
        }
        Callback::Progress(progress) => {
            let effects = vec![Effect::ForwardProgress { task, attempt, progress: progress.clone() }];
            Ok(Decision { effects, ..Decision::nothing() })
        }
    }
}
