//! One task's facts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::core::errors::Code;
use crate::core::event::Failure;
use crate::core::ids::{AttemptNo, Seq, Timestamp, WorkerId};
use crate::core::payload::Stored;
use crate::core::usage::Usage;

/// Notes kept of a task's unsuccessful attempts; the log has them all.
pub const HISTORY_MAX: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub status: TaskStatus,
    /// The attempt that runs or ran last; zero before the first.
    pub attempt: AttemptNo,
    /// Tries that counted and failed.
    pub failures: u32,
    /// Attempts lost in a row.
    pub lost: u32,
    /// Late reports kept as evidence.
    pub late: u8,
    /// When the first attempt was offered.
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// The record that ended the task, where its result can be read.
    pub ended_seq: Option<Seq>,
    /// Unsuccessful attempts and refusals: rare, so behind a pointer.
    pub trouble: Option<Box<Trouble>>,
}

/// What went wrong with a task so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trouble {
    /// The latest unsuccessful attempts, oldest first.
    pub history: Vec<AttemptNote>,
    /// Earlier attempts that workers which were told to stop may still run.
    pub lingering: u32,
    /// The last failure, also while a retry is under way.
    pub last_failure: Option<Arc<Failure>>,
    /// Parameters that took the place of the submitted ones.
    pub edited: Option<Edited>,
}

/// Parameters that somebody put in place of the submitted ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edited {
    pub parameters: Stored,
    /// The tasks that their templates name, ascending.
    pub references: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptNote {
    pub attempt: AttemptNo,
    pub worker: Option<WorkerId>,
    pub ended_at: Timestamp,
    pub code: Code,
    pub message: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskStatus {
    /// Waits for this many dependencies.
    Pending {
        waiting_on: u32,
    },
    /// Waits for a worker.
    Queued {
        since: Timestamp,
    },
    /// Offered to a worker that has not accepted it yet.
    Assigned {
        worker: WorkerId,
        since: Timestamp,
    },
    Processing {
        worker: WorkerId,
        since: Timestamp,
    },
    /// Waits for its backoff.
    Retrying {
        due: Timestamp,
    },
    Completed {
        result: Stored,
        /// Nobody, where a person gave the result.
        worker: Option<WorkerId>,
        usage: Option<Box<Usage>>,
    },
    Failed {
        failure: Arc<Failure>,
    },
    Cancelled {
        code: Code,
    },
    Skipped {
        cause: SkipCause,
    },
}

/// Why a task was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkipCause {
    /// This dependency did not succeed.
    Dependency(u32),
    /// A person said so. With a value, those that depend on the task run with it.
    ByHand { with: Option<Stored> },
}

impl Task {
    pub const fn new(waiting_on: u32, now: Timestamp) -> Self {
        let status = if waiting_on == 0 {
            TaskStatus::Queued { since: now }
        } else {
            TaskStatus::Pending { waiting_on }
        };
        Self {
            status,
            attempt: AttemptNo(0),
            failures: 0,
            lost: 0,
            late: 0,
            started_at: None,
            ended_at: None,
            ended_seq: None,
            trouble: None,
        }
    }

    /// The worker that holds the current attempt.
    pub const fn holder(&self) -> Option<&WorkerId> {
        match &self.status {
            TaskStatus::Assigned { worker, .. } | TaskStatus::Processing { worker, .. } => Some(worker),
            TaskStatus::Pending { .. }
            | TaskStatus::Queued { .. }
            | TaskStatus::Retrying { .. }
            | TaskStatus::Completed { .. }
            | TaskStatus::Failed { .. }
            | TaskStatus::Cancelled { .. }
            | TaskStatus::Skipped { .. } => None,
        }
    }

    /// Whether some workers may not get the task, so that it is queued where this is looked at.
    pub fn is_choosy(&self) -> bool {
        self.lost > 0 || self.trouble.as_deref().is_some_and(|trouble| trouble.lingering > 0)
    }

    pub fn last_failure(&self) -> Option<&Arc<Failure>> {
        match &self.status {
            TaskStatus::Failed { failure } => Some(failure),
            TaskStatus::Pending { .. }
            | TaskStatus::Queued { .. }
            | TaskStatus::Assigned { .. }
            | TaskStatus::Processing { .. }
            | TaskStatus::Retrying { .. }
            | TaskStatus::Completed { .. }
            | TaskStatus::Cancelled { .. }
            | TaskStatus::Skipped { .. } => self.trouble.as_ref()?.last_failure.as_ref(),
        }
    }

    pub fn edited(&self) -> Option<&Edited> {
        self.trouble.as_ref()?.edited.as_ref()
    }

    /// Every payload that is kept with the task: its result, and parameters that were edited.
    pub fn payloads(&self) -> impl Iterator<Item = &Stored> {
        self.status.result().into_iter().chain(self.edited().map(|edited| &edited.parameters))
    }

    pub(in crate::core) fn payloads_mut(&mut self) -> impl Iterator<Item = &mut Stored> {
        let edited = self.trouble.as_mut().and_then(|trouble| trouble.edited.as_mut());
        self.status.result_mut().into_iter().chain(edited.map(|edited| &mut edited.parameters))
    }

    pub(in crate::core) fn note(&mut self, note: AttemptNote) {
        let history = &mut self.trouble.get_or_insert_default().history;
        if history.len() == HISTORY_MAX {
            history.remove(0);
        }
        history.push(note);
    }
}

impl TaskStatus {
    pub const fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// What those that depend on the task see: its result, or the value it was skipped with.
    pub const fn result(&self) -> Option<&Stored> {
        match self {
            Self::Completed { result, .. }
            | Self::Skipped { cause: SkipCause::ByHand { with: Some(result) } } => Some(result),
            Self::Pending { .. }
            | Self::Queued { .. }
            | Self::Assigned { .. }
            | Self::Processing { .. }
            | Self::Retrying { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. }
            | Self::Skipped { .. } => None,
        }
    }

    pub(in crate::core) const fn result_mut(&mut self) -> Option<&mut Stored> {
        match self {
            Self::Completed { result, .. }
            | Self::Skipped { cause: SkipCause::ByHand { with: Some(result) } } => Some(result),
            Self::Pending { .. }
            | Self::Queued { .. }
            | Self::Assigned { .. }
            | Self::Processing { .. }
            | Self::Retrying { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. }
            | Self::Skipped { .. } => None,
        }
    }

    pub const fn kind(&self) -> StatusKind {
        match self {
            Self::Pending { .. } => StatusKind::Pending,
            Self::Queued { .. } => StatusKind::Queued,
            Self::Assigned { .. } => StatusKind::Assigned,
            Self::Processing { .. } => StatusKind::Processing,
            Self::Retrying { .. } => StatusKind::Retrying,
            Self::Completed { .. } => StatusKind::Completed,
            Self::Failed { .. } => StatusKind::Failed,
            Self::Cancelled { .. } => StatusKind::Cancelled,
            Self::Skipped { .. } => StatusKind::Skipped,
        }
    }

    pub const fn has_ended(&self) -> bool {
        self.kind().has_ended()
    }
}

/// A task's status without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusKind {
    Pending,
    Queued,
    Assigned,
    Processing,
    Retrying,
    Completed,
    Failed,
    Cancelled,
    Skipped,
}

impl StatusKind {
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Queued,
        Self::Assigned,
        Self::Processing,
        Self::Retrying,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Assigned => "assigned",
            Self::Processing => "processing",
            Self::Retrying => "retrying",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Skipped)
    }

    pub const fn holds_a_worker(self) -> bool {
        matches!(self, Self::Assigned | Self::Processing)
    }
}
