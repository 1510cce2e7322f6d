//! What a worker says about a task.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::core::command::{FailureReport, Held, Progress, TaskRef};
use crate::core::ids::{AttemptNo, TaskId, WorkflowId};
use crate::core::limits::Limits;
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::core::usage::Usage;
use crate::protocol::fields::{Count, Figure, MaybeText, Text};
use crate::protocol::outcome::{self, RawFailure};

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

    pub fn progress(&self) -> Result<Progress, Rejection> {
        outcome::progress(self.progress, &self.message, self.data)
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
    usage: Option<&'a RawValue>,
}

/// Tokens that a language model spent.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct UsageFields<'a> {
    model: Option<Text<'a>>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl CompletedPayload<'_> {
    pub fn task(&self) -> TaskRef {
        task_ref(&self.task_id, self.workflow_id.0.as_deref())
    }

    pub fn attempt(&self) -> Option<AttemptNo> {
        self.attempt.map(|attempt| AttemptNo(attempt.0))
    }

    /// An account of tokens that has another shape is no reason to refuse a result.
    pub fn usage(&self) -> Option<Box<Usage>> {
        let fields: UsageFields<'_> = serde_json::from_str(self.usage?.get()).ok()?;
        Some(Box::new(Usage {
            model: fields.model.map(|model| Arc::from(outcome::cut(&model, super::TEXT_BYTES_MAX))),
            endpoint: None,
            prompt_tokens: fields.prompt_tokens,
            completion_tokens: fields.completion_tokens,
        }))
    }

    pub fn result(&self, limits: &Limits) -> Result<Payload, Rejection> {
        let Some(result) = self.result else { return Ok(Payload::null()) };
        outcome::result(result, limits, &format!(" of task `{}`", super::shown(&self.task_id)))
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

    pub fn report(&self) -> FailureReport {
        RawFailure {
            error: self.error,
            code: &self.code,
            retryable: self.retryable,
            retry_after_ms: self.retry_after_ms,
            details: self.details,
        }
        .report()
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
