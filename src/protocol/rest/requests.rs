//! Bodies of requests to verbs.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::core::command::{FailureReport, Verdict};
use crate::core::errors::{INVALID_ARGUMENT, REQUIRED_FIELD_MISSING, WORKFLOW_PARSE_ERROR};
use crate::core::event::Note;
use crate::core::json_text::{compact, is_deeper_than};
use crate::core::limits::SubmissionLimits;
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::protocol::fault;

/// Texts that people write stay inside their event and in memory; as much as workers may say of a failure.
const TEXT_BYTES_MAX: usize = 4_096;
/// More belongs into a file that the details refer to.
const DETAILS_BYTES_MAX: usize = 16_384;

/// Reads the body of a verb. One without a body is one that says nothing.
///
/// # Errors
/// What is wrong, and where.
pub fn parse_request<T: DeserializeOwned>(body: &[u8], limits: &SubmissionLimits) -> Result<T, Rejection> {
    let text = str::from_utf8(body).map_err(|error| {
        Rejection::new(WORKFLOW_PARSE_ERROR, format!("the body is not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    let text = if text.trim().is_empty() { "{}" } else { text };
    if is_deeper_than(text.as_bytes(), limits.json_depth_max) {
        let depth = limits.json_depth_max;
        return Err(Rejection::new(INVALID_ARGUMENT, format!("the body is nested more than {depth} deep")));
    }
    serde_json::from_str(text).map_err(|_| fault::locate_json("the body", text, PhantomData::<T>))
}

/// A JSON value that may be null, which is another thing than none.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// `POST /tasks/{id}/complete`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteRequest {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Value>, required)]
    result: Option<Box<RawValue>>,
    by: Option<String>,
    reason: Option<String>,
}

/// `POST /tasks/{id}/fail`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailRequest {
    /// Why it failed; at most 4,096 bytes.
    #[schema(required)]
    error: Option<String>,
    code: Option<String>,
    retryable: Option<bool>,
    retry_after_ms: Option<u64>,
    #[schema(value_type = Option<Value>)]
    details: Option<Box<RawValue>>,
    by: Option<String>,
    reason: Option<String>,
}

/// `POST /tasks/{id}/skip`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipRequest {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Value>)]
    with: Option<Box<RawValue>>,
    by: Option<String>,
    reason: Option<String>,
}

/// `POST /tasks/{id}/retry`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryTaskRequest {
    /// A JSON merge patch (RFC 7396) for the parameters.
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Box<RawValue>>,
    by: Option<String>,
    reason: Option<String>,
}

/// `POST /workflows/{id}/retry`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryWorkflowRequest {
    /// Merge patches by task: its name, key or id.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Object>)]
    pub parameters: BTreeMap<String, Box<RawValue>>,
    by: Option<String>,
    reason: Option<String>,
}

impl CompleteRequest {
    /// # Errors
    /// When something is missing or too long.
    pub fn verdict(self) -> Result<(Verdict, Note), Rejection> {
        let result = self.result.ok_or_else(|| {
            Rejection::new(REQUIRED_FIELD_MISSING, "the body has no `result`; null is one, if it is meant")
        })?;
        Ok((Verdict::Complete(value(&result)), note(self.by, self.reason)?))
    }
}

impl FailRequest {
    /// # Errors
    /// When something is missing or too long.
    pub fn verdict(self) -> Result<(Verdict, Note), Rejection> {
        let error = self.error.ok_or_else(|| {
            Rejection::new(REQUIRED_FIELD_MISSING, "the body has no `error`, which says why the task failed")
        })?;
        let details = self.details.as_deref().map(value);
        if details.as_ref().is_some_and(|details| details.as_str().len() > DETAILS_BYTES_MAX) {
            return Err(Rejection::new(
                INVALID_ARGUMENT,
                format!("`details` are longer than {DETAILS_BYTES_MAX} bytes"),
            ));
        }
        let report = FailureReport {
            error: Arc::from(short("error", error)?),
            code: self.code.map(|code| short("code", code)).transpose()?.map(Arc::from),
            retryable: Some(self.retryable.unwrap_or(false)),
            retry_after_ms: self.retry_after_ms,
            details,
        };
        Ok((Verdict::Fail(report), note(self.by, self.reason)?))
    }
}

impl SkipRequest {
    /// # Errors
    /// When something is too long.
    pub fn verdict(self) -> Result<(Verdict, Note), Rejection> {
        Ok((Verdict::Skip(self.with.as_deref().map(value)), note(self.by, self.reason)?))
    }
}

impl RetryTaskRequest {
    /// # Errors
    /// When something is too long.
    pub fn note(&self) -> Result<Note, Rejection> {
        note(self.by.clone(), self.reason.clone())
    }
}

impl RetryWorkflowRequest {
    /// # Errors
    /// When something is too long.
    pub fn note(&self) -> Result<Note, Rejection> {
        note(self.by.clone(), self.reason.clone())
    }
}

fn value(json: &RawValue) -> Payload {
    Payload::new(compact(json.get()).as_ref())
}

fn note(by: Option<String>, reason: Option<String>) -> Result<Note, Rejection> {
    let arc = |what, text: Option<String>| text.map(|text| short(what, text).map(Arc::from)).transpose();
    Ok(Note { by: arc("by", by)?, reason: arc("reason", reason)? })
}

fn short(what: &str, text: String) -> Result<String, Rejection> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Rejection::new(
            INVALID_ARGUMENT,
            format!("`{what}` has {} bytes; the limit is {TEXT_BYTES_MAX}", text.len()),
        ));
    }
    Ok(text)
}
