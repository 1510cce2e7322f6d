//! What a receiver posts to the callback of a task that was handed to it, and what it is answered.

use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::fault;
use super::fields::{Figure, MaybeText, Text};
use super::outcome::{self, RawFailure};
use crate::core::command::Callback;
use crate::core::errors::{INVALID_ARGUMENT, REQUIRED_FIELD_MISSING};
use crate::core::limits::Limits;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;

const STATUSES: [&str; 3] = ["completed", "failed", "progress"];

/// `status` may be left out where `result` or `error` says it.
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `status`, and `result` or `error`",
    bound(deserialize = "'de: 'a")
)]
struct Body<'a> {
    status: Option<Text<'a>>,
    /// Null is a result like any other.
    #[serde(default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    #[serde(default)]
    code: MaybeText<'a>,
    retryable: Option<bool>,
    retry_after_ms: Option<Figure>,
    details: Option<&'a RawValue>,
    #[serde(default)]
    progress: Figure,
    #[serde(default)]
    message: MaybeText<'a>,
    data: Option<&'a RawValue>,
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads the body of a callback.
///
/// # Errors
/// Which field is wrong or missing, or that the result is larger than a result may be.
pub fn parse_callback(body: &[u8], limits: &Limits) -> Result<Callback, Rejection> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Rejection::new(INVALID_ARGUMENT, "the body is not text in UTF-8"))?;
    let parsed: Result<Body<'_>, _> = serde_json::from_str(text);
    let body = parsed.map_err(|_| fault::locate_json("the body", text, PhantomData::<Body<'_>>))?;
    let status = match (body.status.as_deref(), body.result, body.error) {
        (Some(status), _, _) => status,
        (None, Some(_), None) => "completed",
        (None, None, Some(_)) => "failed",
        (None, Some(_), Some(_)) | (None, None, None) => {
            return Err(Rejection::new(
                REQUIRED_FIELD_MISSING,
                "the body has no `status`: give it `completed` with `result`, `failed` with `error`, or `progress`",
            ));
        }
    };
    match status {
        "completed" => {
            let null = || RawValue::from_string("null".to_owned()).expect("null is JSON");
            let result = match body.result {
                Some(result) => outcome::result(result, limits, "")?,
                None => outcome::result(&null(), limits, "")?,
            };
            Ok(Callback::Completed(result))
        }
        "failed" => Ok(Callback::Failed(
            RawFailure {
                error: body.error,
                code: &body.code,
                retryable: body.retryable,
                retry_after_ms: body.retry_after_ms,
                details: body.details,
            }
            .report(),
        )),
        "progress" => outcome::progress(body.progress, &body.message, body.data).map(Callback::Progress),
        other => {
            let near = suggestion(other, STATUSES);
            Err(Rejection::new(
                INVALID_ARGUMENT,
                format!("`status` is none of {}{near}", STATUSES.join(", ")),
            ))
        }
    }
}

/// The answer to a callback that counted, or that said the same as the one that counted.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallbackTaken {
    pub task_id: String,
    pub attempt: u32,
    pub status: &'static str,
    /// The outcome had been reported before, and is the same.
    pub duplicate: bool,
}
