//! `http` tasks: one request, and its response as the result.

mod parameters;
mod response;

use std::sync::Arc;

use reqwest::header::HeaderName;

use crate::core::command::FailureReport;
use crate::core::errors::Code;
use crate::core::ids::Timestamp;
use crate::core::payload::Payload;

use super::outbound::{Outbound, OutboundError};
use parameters::HttpTask;

/// The request header that says where a request belongs in a trace.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a request needs beside its parameters.
#[derive(Debug)]
pub(super) struct Send<'a> {
    pub outbound: &'a Outbound,
    /// Sent along, unless the parameters have one.
    pub traceparent: Option<&'a str>,
    pub now: Timestamp,
}

impl Send<'_> {
    /// Sends the request and tells what came of it. Dropping the future drops the connection.
    ///
    /// # Errors
    /// No response, or one with a status that the task does not take.
    pub async fn perform(
        &self,
        parameters: &str,
        response_bytes_max: usize,
    ) -> Result<Payload, FailureReport> {
        let task = HttpTask::parse(parameters).map_err(failed)?;
        let (mut request, expected) = task.into_request(response_bytes_max).map_err(failed)?;
        if let Some(traceparent) = self.traceparent
            && !request.has_header(&TRACEPARENT)
        {
            request.header(TRACEPARENT.as_str(), traceparent).map_err(failed)?;
        }
        let target = request.target();
        let response = self.outbound.send(request).await.map_err(failed)?;
        if expected.takes(response.status) {
            response::result(&response, expected.shape)
                .map_err(|error| report(error.code(), &error.to_string()))
        } else {
            Err(response::refusal(&target, &response, self.now))
        }
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
