//! What a node says about an attempt, and what the server answers.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::TaskError;
use super::task::{NodeName, TaskKey};
use crate::core::errors;

pub(super) const CANCELLED: &str = "Task cancelled";
pub(super) const AT_CAPACITY: &str = "Service at capacity";

/// The server takes results of 8 MiB in messages of 16 MiB.
const LARGEST_PAYLOAD: usize = 12 * 1024 * 1024;

/// What is left of the message of a failure that is too large to be sent.
const LONG_MESSAGE_CHARS: usize = 4_096;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Completed,
    Failed,
    Cancelled,
}

/// The end of an attempt, encoded once and kept until the server has it.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) key: TaskKey,
    pub(super) attempt: u32,
    pub(super) outcome: Outcome,
    pub(super) payload: Arc<RawValue>,
}

#[derive(Serialize)]
struct Completed<'a> {
    task_id: &'a str,
    workflow_id: &'a str,
    attempt: u32,
    node_id: &'a str,
    service_name: &'a str,
    result: &'a Value,
}

#[derive(Serialize)]
pub(super) struct Failed<'a> {
    task_id: &'a str,
    workflow_id: &'a str,
    attempt: u32,
    node_id: &'a str,
    service_name: &'a str,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
}

#[derive(Debug, Serialize)]
pub(super) struct Accepted<'a> {
    pub(super) task_id: &'a str,
    pub(super) workflow_id: &'a str,
    pub(super) attempt: u32,
    pub(super) node_id: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct ProgressReport<'a> {
    pub(super) task_id: &'a str,
    pub(super) workflow_id: &'a str,
    pub(super) attempt: u32,
    pub(super) node_id: &'a str,
    pub(super) service_name: &'a str,
    pub(super) progress: u8,
    pub(super) message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Value>,
}

impl Report {
    pub(super) fn event(&self) -> &'static str {
        match self.outcome {
            Outcome::Completed => "task:completed",
            Outcome::Failed | Outcome::Cancelled => "task:failed",
        }
    }

    pub(super) fn of(
        node: &NodeName,
        key: TaskKey,
        attempt: u32,
        result: Result<&Value, &TaskError>,
    ) -> Self {
        match result {
            Ok(result) => Self::completed(node, key, attempt, result),
            Err(error) => Self::failed(node, key, attempt, Outcome::Failed, error),
        }
    }

    pub(super) fn cancelled(node: &NodeName, key: TaskKey, attempt: u32) -> Self {
        Self::failed(node, key, attempt, Outcome::Cancelled, &TaskError::new(CANCELLED))
    }

    fn completed(node: &NodeName, key: TaskKey, attempt: u32, result: &Value) -> Self {
        let payload = encode(&Completed {
            task_id: &key.task_id,
            workflow_id: &key.workflow_id,
            attempt,
            node_id: &node.node_id,
            service_name: &node.service_name,
            result,
        });
        let size = payload.get().len();
        // What the server refuses with words need not be looked for here. A message that it does not even
        // take would cost the whole connection, again and again after each reconnect.
        if size > LARGEST_PAYLOAD {
            let message = format!(
                "the result of {size} bytes is larger than a message may be; store it elsewhere and return a \
                 reference"
            );
            return Self::unusable(node, key, attempt, &errors::PAYLOAD_TOO_LARGE.to_string(), message);
        }
        Self { key, attempt, outcome: Outcome::Completed, payload }
    }

    /// Stands in for a result that the server cannot take, so that the task ends and says why.
    pub(super) fn unusable(
        node: &NodeName,
        key: TaskKey,
        attempt: u32,
        code: &str,
        message: impl Into<String>,
    ) -> Self {
        let error = TaskError::new(message).code(code).permanent();
        Self::failed(node, key, attempt, Outcome::Failed, &error)
    }

    fn failed(node: &NodeName, key: TaskKey, attempt: u32, outcome: Outcome, error: &TaskError) -> Self {
        let mut payload = encode(&Failed::new(node, &key, attempt, error));
        if payload.get().len() > LARGEST_PAYLOAD {
            let mut short = TaskError { details: None, ..error.clone() };
            short.message = short.message.chars().take(LONG_MESSAGE_CHARS).collect();
            payload = encode(&Failed::new(node, &key, attempt, &short));
        }
        Self { key, attempt, outcome, payload }
    }
}

impl<'a> Failed<'a> {
    pub(super) fn new(node: &'a NodeName, key: &'a TaskKey, attempt: u32, error: &'a TaskError) -> Self {
        Self {
            task_id: &key.task_id,
            workflow_id: &key.workflow_id,
            attempt,
            node_id: &node.node_id,
            service_name: &node.service_name,
            error: &error.message,
            code: error.code.as_deref(),
            retryable: error.retryable,
            retry_after_ms: error.retry_after.map(milliseconds),
            details: error.details.as_ref(),
        }
    }
}

fn encode<T: Serialize>(payload: &T) -> Arc<RawValue> {
    let text = serde_json::value::to_raw_value(payload).expect("its maps have string keys, so it is JSON");
    text.into()
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An acknowledgement: whether the server has taken what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Reply {
    pub(super) ok: bool,
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) retryable: bool,
    #[serde(default)]
    retry_after_ms: u64,
}

impl Reply {
    pub(super) fn retry_after(&self) -> Duration {
        Duration::from_millis(self.retry_after_ms)
    }

    /// The report came from the right worker at the right time, and cannot be taken as it is.
    pub(super) fn blames_the_content(&self) -> bool {
        self.is_one_of(&[errors::PAYLOAD_TOO_LARGE, errors::INVALID_ARGUMENT])
    }

    /// The connection is not, or no longer, that of the node. What was sent is fine and must be sent again
    /// after a new registration.
    pub(super) fn asks_for_registration(&self) -> bool {
        self.is_one_of(&[errors::NOT_REGISTERED, errors::AUTHENTICATION_REQUIRED])
    }

    fn is_one_of(&self, codes: &[errors::Code]) -> bool {
        !self.ok && errors::Code::parse(&self.code).is_some_and(|code| codes.contains(&code))
    }
}
