//! Requests, in the imperative. A command may be rejected and is never stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::access::{AccessOrder, Actor};
use super::carried::{CarriedWorkflow, History, Moved};
use super::event::{Delivery, Failure, Note};
use super::ids::{AttemptNo, Fingerprint, Seq, SessionId, SubscriptionId, TaskId, WorkerId, WorkflowId};
use super::payload::{Payload, Stored};
use super::rejection::Rejection;
use super::spec::WorkflowSpec;
use super::subscription::SubscriptionOrder;
use super::usage::Usage;

#[derive(Debug, Clone)]
pub enum Command {
    SubmitWorkflow {
        workflow: WorkflowId,
        spec: Arc<WorkflowSpec>,
        body: Fingerprint,
        key: Option<Fingerprint>,
    },
    CancelWorkflow {
        workflow: WorkflowId,
    },
    PauseWorkflow {
        workflow: WorkflowId,
    },
    ResumeWorkflow {
        workflow: WorkflowId,
    },
    RetryWorkflow {
        workflow: WorkflowId,
        /// New parameters, by the index of their task.
        edits: Vec<(u32, Edit)>,
        note: Note,
    },
    CancelTask {
        task: TaskId,
    },
    RetryTask {
        task: TaskId,
        edit: Option<Edit>,
        note: Note,
    },
    /// Somebody decides by hand what becomes of a task.
    SettleTask {
        task: TaskId,
        verdict: Verdict,
        note: Note,
    },
    RegisterWorker {
        session: SessionId,
        facts: Arc<WorkerFacts>,
        active: Option<Vec<Held>>,
        claim: Claim,
    },
    Heartbeat {
        session: SessionId,
        heartbeat: Heartbeat,
    },
    SetWorkerStatus {
        session: SessionId,
        status: WorkerStatus,
    },
    /// The operator's drain of a worker, or its end.
    DrainWorker {
        worker: WorkerId,
        drain: Drain,
    },
    Disconnect {
        session: SessionId,
        how: Disconnected,
    },
    AcceptTask {
        session: SessionId,
        task: TaskRef,
        attempt: Option<AttemptNo>,
    },
    ReportProgress {
        session: SessionId,
        task: TaskRef,
        attempt: Option<AttemptNo>,
        progress: Progress,
    },
    CompleteTask {
        session: SessionId,
        task: TaskRef,
        attempt: Option<AttemptNo>,
        result: Payload,
        /// Behind a pointer, because only language models count tokens.
        usage: Option<Box<Usage>>,
    },
    /// A result that cannot be taken, whatever else is true: too large, or too deep.
    RefuseResult {
        session: SessionId,
        task: TaskRef,
        attempt: Option<AttemptNo>,
        why: Rejection,
    },
    FailTask {
        session: SessionId,
        task: TaskRef,
        attempt: Option<AttemptNo>,
        report: FailureReport,
    },
    /// A worker that hands its attempts on to receivers outside says how one try went.
    RecordDelivery {
        session: SessionId,
        task: TaskId,
        attempt: AttemptNo,
        delivery: Delivery,
    },
    /// A receiver outside answers for the attempt that was handed to it.
    TakeCallback {
        task: TaskId,
        attempt: AttemptNo,
        callback: Callback,
    },
    /// The parameters could not be filled; no worker has seen the attempt.
    FailDispatch {
        task: TaskId,
        attempt: AttemptNo,
        failure: Failure,
    },
    /// Payloads of a workflow that would be lost with the old log are written again.
    CarryPayloads {
        workflow: WorkflowId,
        payloads: Vec<Payload>,
    },
    /// An ended workflow that the store holds is written again. `ended_seq` says which of its ends was read.
    CarryArchived {
        workflow: Box<CarriedWorkflow>,
        ended_seq: Option<Seq>,
    },
    /// A workflow in memory is written again, with its payloads at their new places.
    CarryLive {
        workflow: WorkflowId,
        moved: Moved,
        released: Option<History>,
    },
    CarryServices,
    /// Everything that was alive before `up_to` has been carried and stored.
    ReleaseLog {
        up_to: Seq,
    },
    /// Somebody wants something of a webhook subscription.
    OrderSubscription {
        subscription: SubscriptionId,
        order: SubscriptionOrder,
    },
    /// Somebody wants something of users and keys.
    OrderAccess {
        by: Actor,
        order: AccessOrder,
    },
    /// A workflow that another server ran is taken in, to be looked at. Its large payloads come with it.
    ImportWorkflow {
        workflow: Box<CarriedWorkflow>,
    },
    /// An attempt comes back that nobody has begun.
    ReturnAttempt {
        task: TaskId,
        attempt: AttemptNo,
        why: Returned,
    },
}

/// Which node ids a connection may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    Any,
    /// New ones, and those of workers of the same name: whoever takes over a node id takes over what it holds.
    OfItsName,
}

/// Why an attempt comes back that nobody has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// The worker's connection did not take the assignment.
    NoRoom,
    /// What the worker would need is not to be had for so long.
    Postponed { delay_ms: u64 },
}

/// What a person makes of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This is its result.
    Complete(Payload),
    Fail(FailureReport),
    /// It is left out; with a value, those that depend on it run with that as its result.
    Skip(Option<Payload>),
}

/// New parameters for a task that runs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What the new parameters were made from: somebody else may have changed it meanwhile.
    pub over: Stored,
    /// A whole JSON object.
    pub parameters: Payload,
}

/// A task as a worker names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskRef {
    Id(TaskId),
    /// A submitter's own id, with the workflow where the report names it.
    Own {
        id: Arc<str>,
        workflow: Option<WorkflowId>,
    },
}

/// An attempt that a worker says it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub task: TaskRef,
    pub attempt: Option<AttemptNo>,
}

/// What a worker declares at its registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerFacts {
    pub worker: WorkerId,
    /// The service name that tasks ask for and totals are kept by.
    pub name: Arc<str>,
    pub kind: WorkerKind,
    pub task_types: BTreeSet<Arc<str>>,
    /// `None`: any function.
    pub functions: Option<BTreeSet<Arc<str>>>,
    /// The types that its key is bound to, whatever it offers. `None`: any.
    pub allowed_types: Option<BTreeSet<Arc<str>>>,
    pub capabilities: Vec<Arc<str>>,
    /// At least 1.
    pub capacity: u32,
    pub cpu_cores: u32,
    pub memory_mb: u64,
    pub gpu_memory_mb: u64,
    pub has_gpu: bool,
    pub models: BTreeSet<Arc<str>>,
    pub tags: BTreeSet<Arc<str>>,
    /// What it has to say to whoever waits for one of these task types, for instance why it does not offer it now.
    pub remarks: BTreeMap<Arc<str>, Arc<str>>,
    /// How often it promises to be heard of; the earlier clients do not say it.
    pub heartbeat_ms: Option<u64>,
    /// It sends `attempt` with its reports, so that a task may go to it again at once.
    pub fences: bool,
    /// It understands `cluster:shutdown {restart: true}`.
    pub restart_aware: bool,
    /// The user whose key registered it, where keys are asked for.
    pub owner: Option<Arc<str>>,
    /// Its process, by whatever name that chose when it began: another one holds nothing of what this one held.
    pub instance: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerKind {
    /// Inside the binary.
    BuiltIn,
    /// An executor node: runs task types.
    Executor,
    /// An external service: offers capabilities.
    Service,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Heartbeat {
    pub status: Option<WorkerStatus>,
    /// Exactly what it holds, where it says so.
    pub active: Option<Vec<Held>>,
    /// How many it holds, where it only counts.
    pub active_count: Option<u32>,
    pub reported: Reported,
}

/// Figures a worker says of itself; shown, never used.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reported {
    pub cpu_usage: f64,
    pub memory_usage: f64,
    pub tasks_completed: u64,
    pub tasks_failed: u64,
    pub uptime_seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerStatus {
    Starting,
    Healthy,
    Busy,
    Overloaded,
    Unhealthy,
    Offline,
    Draining,
}

impl WorkerStatus {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Busy => "busy",
            Self::Overloaded => "overloaded",
            Self::Unhealthy => "unhealthy",
            Self::Offline => "offline",
            Self::Draining => "draining",
        }
    }

    /// `ready` is what services say for healthy.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "starting" => Self::Starting,
            "healthy" | "ready" => Self::Healthy,
            "busy" => Self::Busy,
            "overloaded" => Self::Overloaded,
            "unhealthy" => Self::Unhealthy,
            "offline" => Self::Offline,
            "draining" => Self::Draining,
            _ => return None,
        })
    }

    /// Whether a worker in this state is given new work. Busy and overloaded are opinions about its load,
    /// which its slots bound already.
    pub const fn takes_work(self) -> bool {
        match self {
            Self::Starting | Self::Healthy | Self::Busy | Self::Overloaded => true,
            Self::Unhealthy | Self::Offline | Self::Draining => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    Begin,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnected {
    /// The worker said goodbye: its attempts are lost at once.
    Cleanly,
    /// The connection broke: it may come back within the grace.
    Broken,
    /// The server closed it, because its key counts no longer, say. It may come back as well.
    Refused,
    /// The server closed it, because it sent what is no JSON. It may come back as well.
    Unreadable,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub percent: u8,
    pub message: Arc<str>,
    /// Partial output, forwarded to watchers.
    pub data: Option<Payload>,
}

/// What a receiver outside says of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Callback {
    Completed(Payload),
    Failed(FailureReport),
    Progress(Progress),
}

/// A failure as a worker reports it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailureReport {
    pub error: Arc<str>,
    pub code: Option<Arc<str>>,
    pub retryable: Option<bool>,
    pub retry_after_ms: Option<u64>,
    pub details: Option<Payload>,
}
