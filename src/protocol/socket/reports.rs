//! What a worker says about a task.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::core::command::{FailureReport, Held, Progress, TaskRef};
use crate::core::errors::{INVALID_ARGUMENT, PAYLOAD_TOO_LARGE};
use crate::core::ids::{AttemptNo, TaskId, WorkflowId};
use crate::core::json_text::{compact, is_deeper_than};
use crate::core::limits::Limits;
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::protocol::fields::{Count, Figure, MaybeText, Text};

/// The latest message of every running task is kept in memory.
const PROGRESS_MESSAGE_BYTES_MAX: usize = 1_024;

/// Failures are kept with their task for as long as its workflow.
const ERROR_BYTES_MAX: usize = 8 * 1_024;
const DETAILS_BYTES_MAX: usize = 32 * 1_024;

/// Partial output is forwarded to watchers, several times a second.
const PROGRESS_DATA_BYTES_MAX: usize = 64 * 1_024;

/// A task id on the wire: one that the server made, or the submitter's own.
pub(super) fn task_ref(task_id: &str, workflow_id: Option<&str>) -> TaskRef {
    TaskId::parse(task_id).map_or_else(
        || TaskRef::Own { id: Arc::from(task_id), workflow: workflow_id.map(WorkflowId::from_text) },
        TaskRef::Id,
    )
}

/// `task:accepted`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `task_id`", bound(deserialize = "'de: 'a"))]
pub struct AcceptedPayload<'a> {
    task_id: Text<'a>,
    #[serde(default)]
    workflow_id: MaybeText<'a>,
    attempt: Option<Count>,
}

impl AcceptedPayload<'_> {
    pub fn task(&self) -> TaskRef {
        task_ref(&self.task_id, self.workflow_id.0.as_deref())
    }

    pub fn attempt(&self) -> Option<AttemptNo> {
        self.attempt.map(|attempt| AttemptNo(attempt.0))
    }
}

/// `task:progress`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `task_id` and `progress`", bound(deserialize = "'de: 'a"))]
pub struct ProgressPayload<'a> {
    task_id: Text<'a>,
    #[serde(default)]
    workflow_id: MaybeText<'a>,
    attempt: Option<Count>,
    #[serde(default)]
    progress: Figure,
    #[serde(default)]
    message: MaybeText<'a>,
    data: Option<&'a RawValue>,
}

impl ProgressPayload<'_> {
    pub fn task(&self) -> TaskRef {
        task_ref(&self.task_id, self.workflow_id.0.as_deref())
    }

    pub fn attempt(&self) -> Option<AttemptNo> {
        self.attempt.map(|attempt| AttemptNo(attempt.0))
    }

    /// Progress is for onlookers: what is too long is cut rather than refused, except data, which cannot be cut.
    pub fn progress(&self) -> Result<Progress, Rejection> {
        let data = self.data.map(|data| compact(data.get()));
        let bytes = data.as_ref().map_or(0, |data| data.len());
        if bytes > PROGRESS_DATA_BYTES_MAX {
            return Err(Rejection::new(
                PAYLOAD_TOO_LARGE,
                format!(
                    "`data` has {bytes} bytes; the limit is {PROGRESS_DATA_BYTES_MAX}: send it in pieces"
                ),
            ));
        }
        Ok(Progress {
            percent: u8::try_from(self.progress.count().min(100)).expect("at most 100"),
            message: Arc::from(cut(self.message.0.as_deref().unwrap_or(""), PROGRESS_MESSAGE_BYTES_MAX)),
            data: data.as_deref().map(Payload::new),
        })
    }
}

/// `task:completed`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `task_id` and `result`", bound(deserialize = "'de: 'a"))]
pub struct CompletedPayload<'a> {
    task_id: Text<'a>,
    #[serde(default)]
    workflow_id: MaybeText<'a>,
    attempt: Option<Count>,
    /// Null is a result like any other, also where it was left out.
    result: Option<&'a RawValue>,
}

impl CompletedPayload<'_> {
    pub fn task(&self) -> TaskRef {
        task_ref(&self.task_id, self.workflow_id.0.as_deref())
    }

    pub fn attempt(&self) -> Option<AttemptNo> {
        self.attempt.map(|attempt| AttemptNo(attempt.0))
    }

    pub fn result(&self, limits: &Limits) -> Result<Payload, Rejection> {
        let Some(result) = self.result else { return Ok(Payload::null()) };
        let result = compact(result.get());
        let limit = limits.result_bytes_max;
        if result.len() > limit {
            return Err(Rejection::new(
                PAYLOAD_TOO_LARGE,
                format!(
                    "the result of task `{}` has {} bytes; the limit is {}: store it elsewhere and return a reference",
                    super::shown(&self.task_id),
                    result.len(),
                    size(limit)
                ),
            ));
        }
        let depth = limits.submission.json_depth_max;
        if is_deeper_than(result.as_bytes(), depth) {
            return Err(Rejection::new(
                INVALID_ARGUMENT,
                format!(
                    "the result of task `{}` is nested more than {depth} deep",
                    super::shown(&self.task_id)
                ),
            ));
        }
        Ok(Payload::new(result.as_ref()))
    }
}

/// `task:failed`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `task_id` and `error`", bound(deserialize = "'de: 'a"))]
pub struct FailedPayload<'a> {
    task_id: Text<'a>,
    #[serde(default)]
    workflow_id: MaybeText<'a>,
    attempt: Option<Count>,
    error: Option<&'a RawValue>,
    #[serde(default)]
    code: MaybeText<'a>,
    retryable: Option<bool>,
    retry_after_ms: Option<Figure>,
    details: Option<&'a RawValue>,
}

impl FailedPayload<'_> {
    pub fn task(&self) -> TaskRef {
        task_ref(&self.task_id, self.workflow_id.0.as_deref())
    }

    pub fn attempt(&self) -> Option<AttemptNo> {
        self.attempt.map(|attempt| AttemptNo(attempt.0))
    }

    /// A failure is never refused for its size, because its task would then wait for its timeout.
    pub fn report(&self) -> FailureReport {
        let error = self.error.map_or(Cow::Borrowed("the worker gave no reason"), |error| {
            serde_json::from_str(error.get()).map_or(Cow::Borrowed(error.get()), Cow::Owned)
        });
        let details = self.details.map(|details| compact(details.get()));
        let kept = details.as_ref().filter(|details| details.len() <= DETAILS_BYTES_MAX);
        let message = cut(&error, ERROR_BYTES_MAX);
        let error = match (&details, kept) {
            (Some(details), None) => {
                format!("{message} (details of {} bytes were left out)", details.len()).into()
            }
            (Some(_) | None, _) => message.into(),
        };
        FailureReport {
            error,
            code: self.code.0.as_ref().map(|code| Arc::from(cut(code, super::TEXT_BYTES_MAX))),
            retryable: self.retryable,
            retry_after_ms: self.retry_after_ms.map(Figure::count),
            details: kept.map(|details| Payload::new(details.as_ref())),
        }
    }
}

/// An entry of `active`: an attempt that a worker says it holds.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `task_id` and `attempt`", bound(deserialize = "'de: 'a"))]
pub(super) struct ActiveTask<'a> {
    task_id: Text<'a>,
    #[serde(default)]
    workflow_id: MaybeText<'a>,
    attempt: Option<Count>,
}

impl ActiveTask<'_> {
    pub(super) fn held(&self) -> Held {
        Held {
            task: task_ref(&self.task_id, self.workflow_id.0.as_deref()),
            attempt: self.attempt.map(|attempt| AttemptNo(attempt.0)),
        }
    }
}

fn size(bytes: usize) -> String {
    if bytes.is_multiple_of(1 << 20) { format!("{} MiB", bytes >> 20) } else { format!("{bytes} bytes") }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default()
}
