//! What the built-in worker does with a task of each type.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::functions::{self, CallContext};
use crate::core::command::FailureReport;
use crate::core::errors::{self, Code};
use crate::core::ids::Timestamp;
use crate::core::payload::Payload;
use crate::engine::Assigned;

/// # Errors
/// The failure as any worker would report it.
pub(super) async fn perform(
    task_type: &str,
    parameters: &str,
    now: Timestamp,
    assigned: &Assigned,
) -> Result<Payload, FailureReport> {
    match task_type {
        "function" => call(parameters, now, assigned).await,
        // The engine offers only what was registered.
        other => {
            Err(failure(errors::NO_WORKER_FOR_TASK, format!("the built-in worker does not run {other}")))
        }
    }
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

fn failure(code: Code, message: String) -> FailureReport {
    FailureReport {
        error: Arc::from(message),
        code: Some(Arc::from(code.to_string())),
        retryable: Some(code.entry().retryable),
        ..FailureReport::default()
    }
}
