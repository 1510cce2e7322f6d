//! Facts, in the past tense. They are stored for ever: new variants and new fields of new variants go last, and
//! a golden test pins the bytes of each.

mod reasons;
mod texts;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use reasons::{LateOutcome, LostReason, RefusalReason};

use super::access::{AccessFact, Actor};
use super::carried::{CarriedTasks, CarriedWorkflow};
use super::command::FailureReport;
use super::errors::{self, Code};
use super::ids::{AttemptNo, Fingerprint, Seq, SubscriptionId, TaskId, Timestamp, WorkerId, WorkflowId};
use super::payload::{Payload, Stored};
use super::spec::WorkflowSpec;
use super::state::ServiceTotals;
use super::subscription::SubscriptionFact;
use super::usage::Usage;

/// One entry of the log: a fact and the engine time at which it was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub at: Timestamp,
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The process came up on this log; deadlines that only make sense in one run start anew.
    EngineStarted {
        version: Arc<str>,
        release_until: Timestamp,
    },
    WorkflowSubmitted {
        workflow: WorkflowId,
        spec: Arc<WorkflowSpec>,
        /// Of the submitted body: the same id with another body is a conflict.
        body: Fingerprint,
        key: Option<Fingerprint>,
    },
    WorkflowPaused {
        workflow: WorkflowId,
    },
    WorkflowResumed {
        workflow: WorkflowId,
    },
    /// All that had not ended is cancelled; attempts that run are told to stop until `release_until`.
    WorkflowCancelled {
        workflow: WorkflowId,
        release_until: Timestamp,
    },
    /// All tasks have ended, or the first failure or the time limit ended the rest.
    WorkflowEnded {
        workflow: WorkflowId,
        outcome: Outcome,
        release_until: Timestamp,
    },
    /// The failed tasks of a `retry` workflow get their second round.
    RoundStarted {
        workflow: WorkflowId,
    },
    /// Somebody asked for these tasks, ascending, to run again; the workflow is open again.
    TasksRetried {
        workflow: WorkflowId,
        tasks: Vec<u32>,
        note: Note,
    },
    /// A worker is known by this service name from now on. Written once, not at every connection.
    WorkerNamed {
        worker: WorkerId,
        name: Arc<str>,
    },
    TaskOffered {
        task: TaskId,
        attempt: AttemptNo,
        worker: WorkerId,
    },
    TaskAccepted {
        task: TaskId,
        attempt: AttemptNo,
    },
    TaskCompleted {
        task: TaskId,
        attempt: AttemptNo,
        result: Stored,
        usage: Option<Box<Usage>>,
    },
    /// A try that counts. `next` says whether another one follows.
    TaskFailed {
        task: TaskId,
        attempt: AttemptNo,
        failure: Failure,
        next: AfterFailure,
        grant: GrantAfter,
    },
    /// The attempt is over through no fault of the task: its worker vanished, never accepted or forgot it.
    AttemptLost {
        task: TaskId,
        attempt: AttemptNo,
        reason: LostReason,
        grant: GrantAfter,
    },
    /// The worker did not take the task. No try is consumed.
    AttemptRefused {
        task: TaskId,
        attempt: AttemptNo,
        reason: RefusalReason,
    },
    /// The backoff is over and the task waits for a worker again.
    TaskRequeued {
        task: TaskId,
    },
    TaskCancelled {
        task: TaskId,
        release_until: Timestamp,
    },
    TaskSkipped {
        task: TaskId,
        cause: TaskId,
    },
    /// A worker that had been told to stop confirmed it, or its grace is over.
    GrantReleased {
        task: TaskId,
        attempt: AttemptNo,
        worker: WorkerId,
    },
    /// A report that came too late: evidence, never applied.
    LateReportSeen {
        task: TaskId,
        attempt: AttemptNo,
        worker: WorkerId,
        outcome: LateOutcome,
        digest: Fingerprint,
    },
    /// An earlier workflow, written again so that the log before it can be released.
    WorkflowCarried {
        workflow: Box<CarriedWorkflow>,
    },
    ServicesCarried {
        services: Vec<(Arc<str>, ServiceTotals)>,
        workers: Vec<(WorkerId, Arc<str>)>,
    },
    /// Everything before `up_to` may be deleted; what was alive in it has been carried.
    Released {
        up_to: Seq,
    },
    /// Somebody decided by hand what became of a task. `again` are tasks that run after all because of it, and a
    /// workflow that had ended is open again.
    TaskSettledByHand {
        task: TaskId,
        how: ByHand,
        again: Vec<u32>,
        release_until: Timestamp,
        note: Note,
    },
    /// The task runs with these parameters from now on. `references` are the tasks that their templates name.
    ParametersEdited {
        task: TaskId,
        parameters: Stored,
        references: Vec<u32>,
        note: Note,
    },
    /// An attempt was sent to its receiver, or could not be.
    DeliveryTried {
        task: TaskId,
        attempt: AttemptNo,
        delivery: Delivery,
    },
    /// The failure before this one was one too many: the service pauses. It follows from the failures, and is written
    /// for those who read along.
    BreakerOpened {
        service: Arc<str>,
    },
    /// A result came after the pause: the service is given work as before. It follows from the result.
    BreakerClosed {
        service: Arc<str>,
    },
    /// Something happened to a webhook subscription.
    Subscription {
        subscription: SubscriptionId,
        fact: SubscriptionFact,
    },
    /// More tasks of the workflow that the record before it began to carry.
    TasksCarried {
        workflow: WorkflowId,
        tasks: Box<CarriedTasks>,
    },
    /// Payloads of a workflow at a new place, which will be referred to.
    PayloadsCarried {
        workflow: WorkflowId,
        payloads: Vec<Stored>,
    },
    /// Something happened to users and keys, or was done with the rights of an operator.
    Access {
        by: Actor,
        fact: AccessFact,
    },
}

/// What became of a task by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ByHand {
    Completed { result: Stored },
    Failed { failure: Failure, next: AfterFailure },
    Skipped { with: Option<Stored> },
}

impl ByHand {
    /// What dependents see as the task's result.
    pub const fn result(&self) -> Option<&Stored> {
        match self {
            Self::Completed { result } | Self::Skipped { with: Some(result) } => Some(result),
            Self::Failed { .. } | Self::Skipped { with: None } => None,
        }
    }
}

/// Who asked for something, and why, as far as they said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Note {
    pub by: Option<Arc<str>>,
    pub reason: Option<Arc<str>>,
}

/// One try to hand an attempt on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Counted from 1, anew after a restart.
    pub number: u32,
    pub outcome: DeliveryOutcome,
    /// When the next one follows.
    pub next: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryOutcome {
    /// The receiver has it: it answered with a 2xx status.
    Taken { status: u16 },
    /// It answered with another status.
    Refused { status: u16 },
    /// There was no answer.
    Unanswered { reason: Arc<str> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    Completed,
    Failed,
    TimedOut,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub code: Code,
    pub message: Arc<str>,
    /// A code of the service's own, where it sent one that is not in the catalogue.
    pub service_code: Option<Arc<str>>,
    /// Any JSON the service added.
    pub details: Option<Payload>,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<Arc<str>>) -> Self {
        Self { code, message: message.into(), service_code: None, details: None }
    }

    /// Whether the worker had a part in it. Parameters that could not be filled, or read, never reached it.
    pub fn is_of_worker(&self) -> bool {
        ![errors::PARAMETER_SUBSTITUTION_FAILED, errors::STORAGE_FAILED].contains(&self.code)
    }

    /// A failure as a worker reported it. A code that is not in the catalogue is the service's own.
    pub fn of(report: &FailureReport) -> Self {
        let known = report.code.as_deref().and_then(Code::parse);
        Self {
            code: known.unwrap_or(errors::TASK_EXECUTION_FAILED),
            message: Arc::clone(&report.error),
            service_code: report.code.clone().filter(|_| known.is_none()),
            details: report.details.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AfterFailure {
    RetryAt(Timestamp),
    Final,
}

/// What becomes of the worker's slot when an attempt is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantAfter {
    Freed,
    /// The worker may still run it; the slot is kept until it confirms or the time is over.
    ReleasingUntil(Timestamp),
}

impl Event {
    /// The workflow this fact is about: its partition.
    pub fn workflow(&self) -> Option<WorkflowId> {
        match self {
            Self::WorkflowSubmitted { workflow, .. }
            | Self::WorkflowPaused { workflow }
            | Self::WorkflowResumed { workflow }
            | Self::WorkflowCancelled { workflow, .. }
            | Self::WorkflowEnded { workflow, .. }
            | Self::RoundStarted { workflow }
            | Self::TasksRetried { workflow, .. }
            | Self::TasksCarried { workflow, .. }
            | Self::PayloadsCarried { workflow, .. } => Some(*workflow),
            Self::WorkflowCarried { workflow } => Some(workflow.id),
            Self::TaskOffered { .. }
            | Self::TaskAccepted { .. }
            | Self::TaskCompleted { .. }
            | Self::TaskFailed { .. }
            | Self::AttemptLost { .. }
            | Self::AttemptRefused { .. }
            | Self::TaskRequeued { .. }
            | Self::TaskCancelled { .. }
            | Self::TaskSkipped { .. }
            | Self::GrantReleased { .. }
            | Self::LateReportSeen { .. }
            | Self::TaskSettledByHand { .. }
            | Self::ParametersEdited { .. }
            | Self::DeliveryTried { .. } => self.task().map(|task| task.workflow),
            Self::EngineStarted { .. }
            | Self::WorkerNamed { .. }
            | Self::ServicesCarried { .. }
            | Self::Released { .. }
            | Self::BreakerOpened { .. }
            | Self::BreakerClosed { .. }
            | Self::Subscription { .. }
            | Self::Access { .. } => None,
        }
    }

    /// The task this fact is about.
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Self::TaskOffered { task, .. }
            | Self::TaskAccepted { task, .. }
            | Self::TaskCompleted { task, .. }
            | Self::TaskFailed { task, .. }
            | Self::AttemptLost { task, .. }
            | Self::AttemptRefused { task, .. }
            | Self::TaskRequeued { task }
            | Self::TaskCancelled { task, .. }
            | Self::TaskSkipped { task, .. }
            | Self::GrantReleased { task, .. }
            | Self::LateReportSeen { task, .. }
            | Self::TaskSettledByHand { task, .. }
            | Self::ParametersEdited { task, .. }
            | Self::DeliveryTried { task, .. } => Some(*task),
            Self::EngineStarted { .. }
            | Self::WorkflowSubmitted { .. }
            | Self::WorkflowPaused { .. }
            | Self::WorkflowResumed { .. }
            | Self::WorkflowCancelled { .. }
            | Self::WorkflowEnded { .. }
            | Self::RoundStarted { .. }
            | Self::TasksRetried { .. }
            | Self::WorkerNamed { .. }
            | Self::WorkflowCarried { .. }
            | Self::TasksCarried { .. }
            | Self::PayloadsCarried { .. }
            | Self::ServicesCarried { .. }
            | Self::Released { .. }
            | Self::BreakerOpened { .. }
            | Self::BreakerClosed { .. }
            | Self::Subscription { .. }
            | Self::Access { .. } => None,
        }
    }
}
