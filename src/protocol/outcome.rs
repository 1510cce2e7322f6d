//! How an attempt went, in whatever message it is reported: the same limits for all of them.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::core::command::{FailureReport, Progress};
use crate::core::errors::{INVALID_ARGUMENT, PAYLOAD_TOO_LARGE};
use crate::core::json_text::{compact, is_deeper_than};
use crate::core::limits::Limits;
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::protocol::fields::{Figure, MaybeText};

/// The latest message of every running task is kept in memory.
const PROGRESS_MESSAGE_BYTES_MAX: usize = 1_024;

/// Failures are kept with their task for as long as its workflow.
const ERROR_BYTES_MAX: usize = 8 * 1_024;
const DETAILS_BYTES_MAX: usize = 32 * 1_024;
/// A code of the worker's own.
const CODE_BYTES_MAX: usize = 256;

/// Partial output is forwarded to watchers, several times a second.
const PROGRESS_DATA_BYTES_MAX: usize = 64 * 1_024;

/// `whose` completes "the result" in a refusal.
pub(super) fn result(raw: &RawValue, limits: &Limits, whose: &str) -> Result<Payload, Rejection> {
    let result = compact(raw.get());
    let limit = limits.result_bytes_max;
    if result.len() > limit {
        return Err(Rejection::new(
            PAYLOAD_TOO_LARGE,
            format!(
                "the result{whose} has {} bytes; the limit is {}: store it elsewhere and return a reference",
                result.len(),
                size(limit)
            ),
        ));
    }
    let depth = limits.submission.json_depth_max;
    if is_deeper_than(result.as_bytes(), depth) {
        return Err(Rejection::new(
            INVALID_ARGUMENT,
            format!("the result{whose} is nested more than {depth} deep"),
        ));
    }
    Ok(Payload::new(result.as_ref()))
}

/// What a report of a failure holds.
#[derive(Debug)]
pub(super) struct RawFailure<'a> {
    pub error: Option<&'a RawValue>,
    pub code: &'a MaybeText<'a>,
    pub retryable: Option<bool>,
    pub retry_after_ms: Option<Figure>,
    pub details: Option<&'a RawValue>,
}

impl RawFailure<'_> {
    /// A failure is never refused for its size, because its task would then wait for its timeout.
    pub(super) fn report(&self) -> FailureReport {
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
            code: self.code.0.as_ref().map(|code| Arc::from(cut(code, CODE_BYTES_MAX))),
            retryable: self.retryable,
            retry_after_ms: self.retry_after_ms.map(Figure::count),
            details: kept.map(|details| Payload::new(details.as_ref())),
        }
    }
}

/// Progress is for onlookers: what is too long is cut rather than refused, except data, which cannot be cut.
pub(super) fn progress(
    percent: Figure,
    message: &MaybeText<'_>,
    data: Option<&RawValue>,
) -> Result<Progress, Rejection> {
    let data = data.map(|data| compact(data.get()));
    let bytes = data.as_ref().map_or(0, |data| data.len());
    if bytes > PROGRESS_DATA_BYTES_MAX {
        return Err(Rejection::new(
            PAYLOAD_TOO_LARGE,
            format!("`data` has {bytes} bytes; the limit is {PROGRESS_DATA_BYTES_MAX}: send it in pieces"),
        ));
    }
    Ok(Progress {
        percent: u8::try_from(percent.count().min(100)).expect("at most 100"),
        message: Arc::from(cut(message.0.as_deref().unwrap_or(""), PROGRESS_MESSAGE_BYTES_MAX)),
        data: data.as_deref().map(Payload::new),
    })
}

fn size(bytes: usize) -> String {
    if bytes.is_multiple_of(1 << 20) { format!("{} MiB", bytes >> 20) } else { format!("{bytes} bytes") }
}

pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default()
}
