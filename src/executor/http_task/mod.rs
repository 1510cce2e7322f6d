//! `http` tasks: one request, and its response as the result.

mod parameters;
mod response;

use std::sync::Arc;

use crate::core::command::FailureReport;
use crate::core::errors::Code;
use crate::core::ids::Timestamp;
use crate::core::payload::Payload;

use super::outbound::{Outbound, OutboundError};
use parameters::HttpTask;

/// Sends the request and tells what came of it. Dropping the future drops the connection.
///
/// # Errors
/// No response, or one with a status that the task does not take.
pub(super) async fn perform(
    outbound: &Outbound,
    parameters: &str,
    response_bytes_max: usize,
    now: Timestamp,
) -> Result<Payload, FailureReport> {
    let (request, expected) =
        HttpTask::parse(parameters).and_then(|task| task.into_request(response_bytes_max)).map_err(failed)?;
    let target = request.target();
    let response = outbound.send(request).await.map_err(failed)?;
    if expected.takes(response.status) {
        response::result(&response, expected.shape).map_err(|error| report(error.code(), &error.to_string()))
    } else {
        Err(response::refusal(&target, &response, now))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn failed(error: OutboundError) -> FailureReport {
    FailureReport { retryable: Some(error.is_transient()), ..report(error.code(), &error.to_string()) }
}

fn report(code: Code, message: &str) -> FailureReport {
    FailureReport {
        error: Arc::from(message),
        code: Some(Arc::from(code.to_string())),
        retryable: Some(code.entry().retryable),
        ..FailureReport::default()
    }
}
