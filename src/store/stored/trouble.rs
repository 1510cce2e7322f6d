//! Failures and what is remembered of unsuccessful attempts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::base::Base;
use super::task::{StoredResult, Workers};
use crate::core::errors::Code;
use crate::core::event::Failure;
use crate::core::ids::{AttemptNo, WorkerId};
use crate::core::payload::Payload;
use crate::core::state::{AttemptNote, Edited, Task, TaskStatus, Trouble};
use crate::store::bytes::Undecodable;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFailure {
    pub code: u16,
    pub message: String,
    pub service_code: Option<String>,
    /// JSON text.
    pub details: Option<String>,
}

impl StoredFailure {
    pub fn of(failure: &Failure) -> Self {
        Self {
            code: failure.code.0,
            message: failure.message.to_string(),
            service_code: failure.service_code.as_deref().map(str::to_owned),
            details: failure.details.as_ref().map(|details| details.as_str().to_owned()),
        }
    }

    pub fn thaw(self) -> Arc<Failure> {
        Arc::new(Failure {
            code: Code(self.code),
            message: self.message.into(),
            service_code: self.service_code.map(Arc::from),
            details: self.details.map(Payload::new),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTrouble {
    pub history: Vec<StoredNote>,
    pub lingering: u32,
    pub last_failure: Option<LastFailure>,
    pub edited: Option<StoredEdit>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEdit {
    pub parameters: StoredResult,
    pub references: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredNote {
    pub attempt: u32,
    pub worker: Option<u32>,
    pub ended_at: i64,
    pub code: u16,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LastFailure {
    /// The very failure that the status tells.
    OfStatus,
    Own(StoredFailure),
}

impl StoredTrouble {
    pub fn of(task: &Task, base: Base, workers: &mut Workers) -> Option<Self> {
        let trouble = task.trouble.as_deref()?;
        let of_status = |last: &Arc<Failure>| {
            if let TaskStatus::Failed { failure } = &task.status { failure == last } else { false }
        };
        let last_failure = trouble.last_failure.as_ref().map(|last| {
            if of_status(last) { LastFailure::OfStatus } else { LastFailure::Own(StoredFailure::of(last)) }
        });
        let note = |note: &AttemptNote, workers: &mut Workers| StoredNote {
            attempt: note.attempt.0,
            worker: note.worker.as_ref().map(|worker| workers.number(worker)),
            ended_at: base.to_time(note.ended_at),
            code: note.code.0,
            message: note.message.to_string(),
        };
        Some(Self {
            history: trouble.history.iter().map(|entry| note(entry, workers)).collect(),
            lingering: trouble.lingering,
            last_failure,
            edited: trouble.edited.as_ref().map(|edited| StoredEdit {
                parameters: StoredResult::of_rare(&edited.parameters, base),
                references: edited.references.clone(),
            }),
        })
    }

    /// `status` is the failure that the task's status tells, if it tells one.
    pub fn thaw(
        self,
        status: Option<&Arc<Failure>>,
        base: Base,
        workers: &[WorkerId],
    ) -> Result<Box<Trouble>, Undecodable> {
        let last_failure = match self.last_failure {
            None => None,
            Some(LastFailure::Own(failure)) => Some(failure.thaw()),
            Some(LastFailure::OfStatus) => {
                let failure =
                    status.ok_or_else(|| Undecodable::new("a task", "its last failure is missing"))?;
                Some(Arc::clone(failure))
            }
        };
        let note = |note: StoredNote| {
            Ok(AttemptNote {
                attempt: AttemptNo(note.attempt),
                worker: note.worker.map(|number| Workers::find(workers, number)).transpose()?,
                ended_at: base.time(note.ended_at),
                code: Code(note.code),
                message: note.message.into(),
            })
        };
        Ok(Box::new(Trouble {
            history: self.history.into_iter().map(note).collect::<Result<_, Undecodable>>()?,
            lingering: self.lingering,
            last_failure,
            edited: self.edited.map(|edited| Edited {
                parameters: edited.parameters.thaw(base),
                references: edited.references,
            }),
        }))
    }
}
