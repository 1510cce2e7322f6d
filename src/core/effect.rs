//! Duties to the outside, performed after the commit. Each is safe to repeat.

use std::sync::Arc;

use super::command::{Progress, WorkerFacts, WorkerStatus};
use super::ids::{AttemptNo, Seq, SessionId, TaskId, WorkerId, WorkflowId};
use super::subscription::{AfterTry, SubscriptionStatus};

#[derive(Debug, Clone)]
pub enum Effect {
    SendAssignment {
        session: SessionId,
        worker: WorkerId,
        task: TaskId,
        attempt: AttemptNo,
    },
    SendCancel {
        session: SessionId,
        worker: WorkerId,
        task: TaskId,
        attempt: AttemptNo,
    },
    /// Everybody is told that a worker is here.
    AnnounceWorker {
        facts: Arc<WorkerFacts>,
    },
    /// Everybody is told that a worker is gone.
    AnnounceDeparture {
        facts: Arc<WorkerFacts>,
    },
    AnnounceStatus {
        worker: WorkerId,
        old: WorkerStatus,
        new: WorkerStatus,
    },
    /// A newer connection of the same worker took over.
    CloseSession {
        session: SessionId,
    },
    ForwardProgress {
        task: TaskId,
        attempt: AttemptNo,
        progress: Progress,
    },
    /// Whoever delivers to webhooks looks at them again.
    AnnounceSubscription,
    /// Whoever lets people in learns of users and keys as they are now, before the answer leaves.
    PublishAccess,
    /// The workflow has ended: it moves from memory to the store.
    Archive {
        workflow: WorkflowId,
    },
}

/// The answer to a command that was not rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    Done,
    Submitted {
        workflow: WorkflowId,
        first: First,
    },
    /// The record in which payloads are now, in the order in which they were given.
    Carried {
        seq: Seq,
    },
    /// What the worker still holds, by the ids it knows the tasks by.
    Registered {
        held: Vec<Arc<str>>,
        liveness_ms: u64,
    },
    /// What follows a try to deliver, and how its subscription stands afterwards.
    Tried {
        then: AfterTry,
        status: SubscriptionStatus,
    },
}

/// Whether a submission made a workflow or found the one it had made before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    Created,
    Repeated,
}
