//! The tasks of one workflow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::base::Base;
use super::trouble::{StoredFailure, StoredTrouble};
use super::usage::StoredUsage;
use crate::core::errors::Code;
use crate::core::ids::{AttemptNo, Seq, WorkerId};
use crate::core::payload::{Payload, Stored};
use crate::core::state::{SkipCause, Task, TaskStatus, Workflow};
use crate::store::bytes::Undecodable;

/// Results up to this size are stored beside their task: a reference takes 10 bytes and a look into the log.
const INLINE_RESULT_MAX: usize = 64;

/// All tasks, and the workers they name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTasks {
    pub workers: Vec<String>,
    pub tasks: Vec<StoredTask>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTask {
    pub status: StoredStatus,
    pub attempt: u32,
    pub failures: u32,
    pub lost: u32,
    pub late: u8,
    pub started_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub ended_seq: Option<i64>,
    pub trouble: Option<StoredTrouble>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredStatus {
    Pending {
        waiting_on: u32,
    },
    Queued {
        since: i64,
    },
    Assigned {
        worker: u32,
        since: i64,
    },
    Processing {
        worker: u32,
        since: i64,
    },
    Retrying {
        due: i64,
    },
    Completed {
        result: StoredResult,
        worker: u32,
        usage: Option<StoredUsage>,
    },
    Failed {
        failure: StoredFailure,
    },
    Cancelled {
        code: u16,
    },
    Skipped {
        cause: u32,
    },
    /// Its result lies here or in a part of a record, never inside an event.
    CompletedByHand {
        result: StoredResult,
    },
    SkippedByHand {
        with: Option<StoredResult>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredResult {
    Inline(String),
    /// A part of a record.
    Logged {
        seq: i64,
        part: u32,
        len: u32,
    },
    /// Inside the event that ended the task.
    InEvent,
}

/// Tasks on their way back.
#[derive(Debug)]
pub struct Thawed {
    pub tasks: Vec<Task>,
    /// Tasks that have a null result until it is read, by the record that holds it, ascending.
    pub missing: Vec<(Seq, u32)>,
}

/// The workers of one workflow, by number.
#[derive(Debug, Default)]
pub struct Workers {
    names: Vec<String>,
    numbers: BTreeMap<WorkerId, u32>,
}

impl Workers {
    pub fn number(&mut self, worker: &WorkerId) -> u32 {
        if let Some(number) = self.numbers.get(worker) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).expect("a workflow has fewer attempts than that");
        self.names.push(worker.to_string());
        self.numbers.insert(worker.clone(), number);
        number
    }

    pub fn find(workers: &[WorkerId], number: u32) -> Result<WorkerId, Undecodable> {
        let missing = || Undecodable::new("a task", format_args!("there is no worker number {number}"));
        workers.get(number as usize).cloned().ok_or_else(missing)
    }
}

impl StoredTasks {
    pub fn of(workflow: &Workflow, base: Base) -> Self {
        let mut workers = Workers::default();
        let tasks = workflow.tasks.iter().map(|task| StoredTask::of(task, base, &mut workers)).collect();
        Self { workers: workers.names, tasks }
    }

    /// The tasks as far as they are stored.
    pub fn thaw(self, base: Base) -> Result<Thawed, Undecodable> {
        let workers: Vec<WorkerId> = self.workers.iter().map(|name| WorkerId::new(name)).collect();
        let mut missing = Vec::new();
        let mut tasks = Vec::with_capacity(self.tasks.len());
        for (index, task) in (0..).zip(self.tasks) {
            let (task, in_event) = task.thaw(base, &workers)?;
            missing.extend(in_event.map(|seq| (seq, index)));
            tasks.push(task);
        }
        missing.sort_unstable();
        Ok(Thawed { tasks, missing })
    }
}

impl StoredTask {
    fn of(task: &Task, base: Base, workers: &mut Workers) -> Self {
        Self {
            status: StoredStatus::of(task, base, workers),
            attempt: task.attempt.0,
            failures: task.failures,
            lost: task.lost,
            late: task.late,
            started_at: task.started_at.map(|time| base.to_time(time)),
            ended_at: task.ended_at.map(|time| base.to_time(time)),
            ended_seq: task.ended_seq.map(|seq| base.to_seq(seq)),
            trouble: StoredTrouble::of(task, base, workers),
        }
    }

    /// The task, and the record to look into for its result.
    fn thaw(self, base: Base, workers: &[WorkerId]) -> Result<(Task, Option<Seq>), Undecodable> {
        let ended_seq = self.ended_seq.map(|distance| base.seq(distance));
        let in_event = matches!(self.status, StoredStatus::Completed { result: StoredResult::InEvent, .. });
        if in_event && ended_seq.is_none() {
            return Err(Undecodable::new("a task", "its result is in an event that is not named"));
        }
        let status = self.status.thaw(base, workers)?;
        let failure = if let TaskStatus::Failed { failure } = &status { Some(failure) } else { None };
        let trouble = self.trouble.map(|trouble| trouble.thaw(failure, base, workers)).transpose()?;
        let task = Task {
            status,
            attempt: AttemptNo(self.attempt),
            failures: self.failures,
            lost: self.lost,
            late: self.late,
            started_at: self.started_at.map(|distance| base.time(distance)),
            ended_at: self.ended_at.map(|distance| base.time(distance)),
            ended_seq,
            trouble,
        };
        Ok((task, ended_seq.filter(|_| in_event)))
    }
}

impl StoredStatus {
    fn of(task: &Task, base: Base, workers: &mut Workers) -> Self {
        match &task.status {
            TaskStatus::Pending { waiting_on } => Self::Pending { waiting_on: *waiting_on },
            TaskStatus::Queued { since } => Self::Queued { since: base.to_time(*since) },
            TaskStatus::Assigned { worker, since } => {
                Self::Assigned { worker: workers.number(worker), since: base.to_time(*since) }
            }
            TaskStatus::Processing { worker, since } => {
                Self::Processing { worker: workers.number(worker), since: base.to_time(*since) }
            }
            TaskStatus::Retrying { due } => Self::Retrying { due: base.to_time(*due) },
            TaskStatus::Completed { result, worker: Some(worker), usage } => Self::Completed {
                result: StoredResult::of(result, task.ended_seq, base),
                worker: workers.number(worker),
                usage: usage.as_deref().map(StoredUsage::of),
            },
            TaskStatus::Completed { result, worker: None, .. } => {
                Self::CompletedByHand { result: StoredResult::of_rare(result, base) }
            }
            TaskStatus::Failed { failure } => Self::Failed { failure: StoredFailure::of(failure) },
            TaskStatus::Cancelled { code } => Self::Cancelled { code: code.0 },
            TaskStatus::Skipped { cause: SkipCause::Dependency(cause) } => Self::Skipped { cause: *cause },
            TaskStatus::Skipped { cause: SkipCause::ByHand { with } } => {
                let with = with.as_ref().map(|value| StoredResult::of_rare(value, base));
                Self::SkippedByHand { with }
            }
        }
    }

    fn thaw(self, base: Base, workers: &[WorkerId]) -> Result<TaskStatus, Undecodable> {
        Ok(match self {
            Self::Pending { waiting_on } => TaskStatus::Pending { waiting_on },
            Self::Queued { since } => TaskStatus::Queued { since: base.time(since) },
            Self::Assigned { worker, since } => {
                TaskStatus::Assigned { worker: Workers::find(workers, worker)?, since: base.time(since) }
            }
            Self::Processing { worker, since } => {
                TaskStatus::Processing { worker: Workers::find(workers, worker)?, since: base.time(since) }
            }
            Self::Retrying { due } => TaskStatus::Retrying { due: base.time(due) },
            Self::Completed { result, worker, usage } => TaskStatus::Completed {
                result: result.thaw(base),
                worker: Some(Workers::find(workers, worker)?),
                usage: usage.map(|usage| Box::new(usage.thaw())),
            },
            Self::Failed { failure } => TaskStatus::Failed { failure: failure.thaw() },
            Self::Cancelled { code } => TaskStatus::Cancelled { code: Code(code) },
            Self::Skipped { cause } => TaskStatus::Skipped { cause: SkipCause::Dependency(cause) },
            Self::CompletedByHand { result } => {
                TaskStatus::Completed { result: result.thaw(base), worker: None, usage: None }
            }
            Self::SkippedByHand { with } => {
                let with = with.map(|value| value.thaw(base));
                TaskStatus::Skipped { cause: SkipCause::ByHand { with } }
            }
        })
    }
}

impl StoredResult {
    fn of(result: &Stored, ended_seq: Option<Seq>, base: Base) -> Self {
        match (result, ended_seq) {
            (Stored::Inline(payload), Some(_)) if payload.as_str().len() > INLINE_RESULT_MAX => Self::InEvent,
            (Stored::Inline(payload), _) => Self::Inline(payload.as_str().to_owned()),
            (Stored::Logged { seq, part, len }, _) => {
                Self::Logged { seq: base.to_seq(*seq), part: *part, len: *len }
            }
            (Stored::Own(own), ended_seq) => {
                let seq = ended_seq.expect("a task with a result has ended");
                Self::Logged { seq: base.to_seq(seq), part: own.part, len: own.len }
            }
        }
    }

    /// A payload that few tasks have: what is not in a part of a record is kept here.
    pub fn of_rare(stored: &Stored, base: Base) -> Self {
        match stored {
            Stored::Inline(payload) => Self::Inline(payload.as_str().to_owned()),
            Stored::Logged { seq, part, len } => {
                Self::Logged { seq: base.to_seq(*seq), part: *part, len: *len }
            }
            Stored::Own(_) => unreachable!("what memory holds refers to its record"),
        }
    }

    pub fn thaw(self, base: Base) -> Stored {
        match self {
            Self::Inline(text) => Stored::Inline(Payload::new(text)),
            Self::Logged { seq, part, len } => Stored::Logged { seq: base.seq(seq), part, len },
            Self::InEvent => Stored::Inline(Payload::null()),
        }
    }
}
