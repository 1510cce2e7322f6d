//! From a response to a result, or to the failure that its status means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::report;
use crate::core::command::FailureReport;
use crate::core::errors::HTTP_REQUEST_FAILED;
use crate::core::ids::Timestamp;
use crate::core::json_text::{compact, is_deeper_than};
use crate::core::payload::Payload;
use crate::executor::outbound::{OutboundError, Response};

/// Results are carried inside other JSON, whose readers take 128.
const JSON_DEPTH_MAX: usize = 100;
/// How much of a refusal's body its message and its details tell.
const MESSAGE_CHARS: usize = 200;
const DETAIL_CHARS: usize = 4_096;
/// A server that asks for a longer pause does not mean this task.
const RETRY_AFTER_MAX_MS: u64 = 86_400_000;

/// What of a body goes into the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text where it is text, base64 where not, and what JSON stands for beside it.
    Auto,
    Text,
    /// Only what the JSON stands for, and a failure where there is none.
    Json,
    Base64,
}

impl Shape {
    pub const NAMES: [&str; 4] = ["auto", "text", "json", "base64"];

    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            "base64" => Some(Self::Base64),
            _ => None,
        }
    }
}

#[derive(Serialize)]
struct HttpResult<'r> {
    status_code: u16,
    headers: BTreeMap<&'r str, Cow<'r, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Cow<'r, str>>,
    /// Only where it is true: `content` is base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Box<RawValue>>,
    url: &'r str,
}

/// # Errors
/// That the body is not what the task asked for.
pub(super) fn result(response: &Response, shape: Shape) -> Result<Payload, OutboundError> {
    let mut result = HttpResult {
        status_code: response.status,
        headers: headers(&response.headers),
        content: None,
        base64: None,
        json: None,
        url: response.url.as_str(),
    };
    let text = text(response);
    let mistaken = |what: &str| {
        Err(OutboundError::Invalid(format!("the response of {} is not {what}", response.url.path())))
    };
    match (shape, text) {
        (Shape::Auto, Some(text)) => {
            result.json = if says_json(&response.headers) { json_of(&text) } else { None };
            result.content = Some(text);
        }
        (Shape::Text, Some(text)) => result.content = Some(text),
        (Shape::Json, Some(text)) => {
            let Some(json) = json_of(&text) else { return mistaken("JSON, which `response: json` asks for") };
            result.json = Some(json);
        }
        (Shape::Json, None) => return mistaken("JSON, which `response: json` asks for"),
        (Shape::Text, None) => {
            return mistaken("UTF-8 or Latin-1 text; `response: base64` takes any bytes");
        }
        (Shape::Auto, None) | (Shape::Base64, _) => {
            result.content = Some(Cow::Owned(STANDARD.encode(&response.body)));
            result.base64 = Some(true);
        }
    }
    Ok(Payload::new(serde_json::to_string(&result).expect("a result has text keys")))
}

/// The failure that a status means. Network trouble, overload and faults of the server pass; the other statuses
/// say that the same request will not do.
pub(super) fn refusal(target: &str, response: &Response, now: Timestamp) -> FailureReport {
    let retryable = matches!(response.status, 408 | 425 | 429 | 500..=599);
    let body = text(response).unwrap_or_default();
    let reason = StatusCode::from_u16(response.status).ok().and_then(|status| status.canonical_reason());
    let mut message = format!("{target}: {} {}", response.status, reason.unwrap_or_default());
    let shown = body.trim();
    if !shown.is_empty() {
        message = format!("{}: {}", message.trim_end(), first_chars(shown, MESSAGE_CHARS));
    }
    let details = json!({ "status_code": response.status, "content": first_chars(&body, DETAIL_CHARS) });
    FailureReport {
        retryable: Some(retryable),
        retry_after_ms: retry_after_ms(&response.headers, now).filter(|_| retryable),
        details: Some(Payload::new(details.to_string())),
        ..report(HTTP_REQUEST_FAILED, message.trim_end())
    }
}

fn first_chars(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Seconds, or a date, which is read against the date of the response.
fn retry_after_ms(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let value = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000).min(RETRY_AFTER_MAX_MS));
    }
    let ms = |date: &str| {
        let parsed = jiff::fmt::rfc2822::parse(date).ok()?;
        u64::try_from(parsed.timestamp().as_millisecond()).ok()
    };
    let from = text(DATE).and_then(ms).unwrap_or(now.0);
    Some(ms(value)?.saturating_sub(from).min(RETRY_AFTER_MAX_MS))
}

fn headers(headers: &HeaderMap) -> BTreeMap<&str, Cow<'_, str>> {
    let mut joined: BTreeMap<&str, Cow<'_, str>> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        match joined.entry(name.as_str()) {
            Entry::Vacant(vacant) => {
                vacant.insert(value);
            }
            Entry::Occupied(mut earlier) => {
                earlier.get_mut().to_mut().push_str(", ");
                earlier.get_mut().to_mut().push_str(&value);
            }
        }
    }
    joined
}

/// The body as text, where its bytes are text by what the response says of itself.
fn text(response: &Response) -> Option<Cow<'_, str>> {
    let stated = content_type(&response.headers).unwrap_or_default();
    let charset = stated.split(';').skip(1).find_map(|part| part.trim().strip_prefix("charset="));
    match charset.map(|name| name.trim_matches('"')) {
        None | Some("utf-8" | "utf8" | "us-ascii") => {
            let text = std::str::from_utf8(&response.body).ok()?;
            Some(Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)))
        }
        Some("iso-8859-1" | "latin1") => Some(response.body.iter().copied().map(char::from).collect()),
        Some(_) => None,
    }
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase())
}

fn says_json(headers: &HeaderMap) -> bool {
    let stated = content_type(headers).unwrap_or_default();
    let essence = stated.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence.ends_with("+json")
}

/// The JSON as it is written, without a tree of it.
fn json_of(text: &str) -> Option<Box<RawValue>> {
    if is_deeper_than(text.as_bytes(), JSON_DEPTH_MAX) {
        return None;
    }
    let read: &RawValue = serde_json::from_str(text).ok()?;
    match compact(read.get()) {
        Cow::Borrowed(_) => Some(read.to_owned()),
        Cow::Owned(json) => RawValue::from_string(json).ok(),
    }
}
