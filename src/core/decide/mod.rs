//! What a command means in a given state: events, effects and an answer. Pure.

mod access;
mod by_hand;
mod carry;
mod deliver;
mod due;
mod edit;
mod end;
mod held;
mod import;
mod report;
mod schedule;
mod subscription;
mod verbs;
mod worker;

use std::sync::Arc;

use super::command::Command;
use super::effect::{Effect, Receipt};
use super::event::Event;
use super::ids::{Fingerprint, Seq, Timestamp, WorkflowId};
use super::presence::Presence;
use super::rejection::Rejection;
use super::state::{State, Workflow};

pub use due::{decide_due, decide_timer};
pub use end::{overdue_skips, settle};
pub use schedule::next_offer;

/// What the outside contributes to a decision.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    pub now: Timestamp,
    /// A fresh random number.
    pub seed: u64,
    pub existing: Existing,
}

/// What the store knows of workflows that are no longer in memory.
#[derive(Debug, Clone, Default)]
pub struct Existing {
    /// The earlier submission with the same id or idempotency key.
    pub submitted: Option<(WorkflowId, Fingerprint)>,
    /// The ended workflow that a command is about.
    pub workflow: Option<Arc<Workflow>>,
    /// The record that ended the archived workflow which is about to be written again.
    pub archived_end: Option<Seq>,
}

#[derive(Debug)]
pub struct Decision {
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
    /// A refusal with events is a report that came too late and leaves its evidence, or a result that nobody can
    /// take, with which its task fails.
    pub answer: Result<Receipt, Rejection>,
}

impl Decision {
    const fn nothing() -> Self {
        Self { events: Vec::new(), effects: Vec::new(), answer: Ok(Receipt::Done) }
    }

    fn events(events: Vec<Event>) -> Self {
        Self { events, ..Self::nothing() }
    }

    const fn refused(events: Vec<Event>, rejection: Rejection) -> Self {
        Self { events, effects: Vec::new(), answer: Err(rejection) }
    }
}

/// # Errors
/// A rejection changes nothing.
pub fn decide(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    command: &Command,
) -> Result<Decision, Rejection> {
    match command {
        Command::SubmitWorkflow { workflow, spec, body, key } => {
            verbs::submit(state, presence, inputs, *workflow, spec, *body, *key)
        }
        Command::ImportWorkflow { workflow } => import::import(state, inputs, workflow),
        Command::CancelWorkflow { workflow } => verbs::cancel_workflow(state, presence, inputs, *workflow),
        Command::PauseWorkflow { workflow } => verbs::pause(state, inputs, *workflow),
        Command::ResumeWorkflow { workflow } => verbs::resume(state, inputs, *workflow),
        Command::RetryWorkflow { workflow, edits, note } => {
            verbs::retry_workflow(state, inputs, *workflow, edits, note)
        }
        Command::CancelTask { task } => verbs::cancel_task(state, presence, inputs, *task),
        Command::RetryTask { task, edit, note } => {
            verbs::retry_task(state, inputs, *task, edit.as_ref(), note)
        }
        Command::SettleTask { task, verdict, note } => {
            by_hand::settle_task(state, presence, inputs, *task, verdict, note)
        }
        Command::RegisterWorker { session, facts, active, claim } => {
            worker::register(state, presence, *session, facts, active.as_deref(), *claim)
        }
        Command::Heartbeat { session, heartbeat } => worker::heartbeat(state, presence, *session, heartbeat),
        Command::SetWorkerStatus { session, status } => worker::set_status(presence, *session, *status),
        Command::DrainWorker { worker, .. } => worker::drain(presence, worker),
        Command::Disconnect { session, how } => Ok(worker::disconnect(state, presence, *session, *how)),
        Command::AcceptTask { session, task, attempt } => {
            report::accept(state, presence, *session, task, *attempt)
        }
        Command::ReportProgress { session, task, attempt, progress } => {
            report::progress(state, presence, *session, task, *attempt, progress)
        }
        Command::CompleteTask { session, task, attempt, result, usage } => {
            report::complete(state, presence, *session, task, *attempt, (result, usage.as_deref()))
        }
        Command::RefuseResult { session, task, attempt, why } => {
            report::refuse_result(state, presence, *session, task, *attempt, why)
        }
        Command::FailTask { session, task, attempt, report } => {
            report::fail(state, presence, inputs, *session, task, *attempt, report)
        }
        Command::RecordDelivery { session, task, attempt, delivery } => {
            deliver::record(state, presence, *session, *task, *attempt, delivery)
        }
        Command::TakeCallback { task, attempt, callback } => {
            deliver::take_callback(state, presence, inputs, *task, *attempt, callback)
        }
        Command::FailDispatch { task, attempt, failure } => {
            Ok(report::fail_dispatch(state, inputs, *task, *attempt, failure))
        }
        Command::CarryPayloads { workflow, payloads } => Ok(carry::payloads(state, *workflow, payloads)),
        Command::CarryArchived { workflow, ended_seq } => {
            Ok(carry::archived(state, inputs, workflow, *ended_seq))
        }
        Command::CarryLive { workflow, moved, released } => {
            Ok(carry::live(state, *workflow, moved, *released))
        }
        Command::CarryServices => Ok(carry::services(state)),
        Command::ReleaseLog { up_to } => Ok(carry::release(state, *up_to)),
        Command::OrderSubscription { subscription, order } => {
            subscription::decide(state, presence, inputs, *subscription, order)
        }
        Command::OrderAccess { by, order } => access::decide(state, inputs, by, order),
        Command::ReturnAttempt { task, attempt, why } => {
            Ok(report::return_attempt(state, inputs, *task, *attempt, *why))
        }
    }
}
