//! What the built-in worker does with a task of each type.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::functions::{self, CallContext};
use super::models::Live;
use super::{Tools, file, http_task};
use crate::core::command::FailureReport;
use crate::core::errors::{self, Code};
use crate::core::ids::Timestamp;
use crate::core::payload::Payload;
use crate::core::usage::Usage;
use crate::engine::Assigned;

/// What an attempt came to.
#[derive(Debug)]
pub(super) struct Done {
    pub result: Payload,
    /// Of language models alone.
    pub usage: Option<Box<Usage>>,
}

impl From<Payload> for Done {
    fn from(result: Payload) -> Self {
        Self { result, usage: None }
    }
}

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum Undone {
    /// A failure as any worker would report it.
    Failed(FailureReport),
    /// It has not begun, and cannot before so long: somebody else's pause is no fault of the task.
    Postponed(Duration),
}

impl From<FailureReport> for Undone {
    fn from(report: FailureReport) -> Self {
        Self::Failed(report)
    }
}

/// # Errors
/// Why there is no result.
pub(super) async fn perform(
    tools: &Tools,
    now: Timestamp,
    assigned: &Assigned,
    live: &Live,
) -> Result<Done, Undone> {
    let parameters = assigned.parameters.as_str();
    let result = match (&*assigned.route().task_type, &tools.files) {
        ("function", _) => call(parameters, now, assigned).await?,
        ("http", _) => {
            let traceparent = assigned.traceparent();
            let send =
                http_task::Send { outbound: &tools.outbound, traceparent: traceparent.as_deref(), now };
            send.perform(parameters, tools.response_bytes_max).await?
        }
        ("file", Some(root)) => file::perform(root, &assigned.parameters, assigned.task, assigned.attempt)
            .await
            .map_err(|error| failure(error.code(), error.to_string()))?,
        (task_type @ ("text" | "vision"), _) => {
            return tools.models.perform(task_type, parameters, live).await;
        }
        // The engine offers only what was registered.
        (other, _) => {
            let message = format!("the built-in worker does not run {other}");
            return Err(failure(errors::NO_WORKER_FOR_TASK, message).into());
        }
    };
    Ok(result.into())
}

/// The engine refuses a larger result, and nobody but its worker can tell what that means for the task.
pub(super) fn fitting(done: Done, limit: usize) -> Result<Done, FailureReport> {
    let size = done.result.as_str().len();
    if size <= limit {
        return Ok(done);
    }
    Err(failure(
        errors::PAYLOAD_TOO_LARGE,
        format!(
            "the result has {size} bytes as JSON; the limit is {limit}, and `result_bytes` under `[limits]` sets it"
        ),
    ))
}

#[derive(Deserialize)]
struct Call {
    function_name: String,
    #[serde(default)]
    args: Vec<Value>,
    #[serde(default)]
    kwargs: Map<String, Value>,
}

async fn call(parameters: &str, now: Timestamp, assigned: &Assigned) -> Result<Payload, FailureReport> {
    let call: Call = serde_json::from_str(parameters).map_err(|error| {
        failure(errors::INVALID_ARGUMENT, format!("the parameters of the function call do not fit: {error}"))
    })?;
    // The upper half of the id is the time of its creation, the lower half is random.
    let low = u64::try_from(assigned.task.workflow.0 & u128::from(u64::MAX)).expect("64 bits");
    let seed = low ^ (u64::from(assigned.task.index) << 32) ^ u64::from(assigned.attempt.0);
    let context = CallContext { now_ms: now.0, seed };
    let value = functions::call(&call.function_name, call.args, call.kwargs, context)
        .await
        .map_err(|error| failure(error.code, error.message))?;
    Ok(Payload::new(value.to_string()))
}

pub(super) fn failure(code: Code, message: impl Into<Arc<str>>) -> FailureReport {
    FailureReport {
        error: message.into(),
        code: Some(Arc::from(code.to_string())),
        retryable: Some(code.entry().retryable),
        ..FailureReport::default()
    }
}
