//! From the parameters of a task to a request.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::response::Shape;
use crate::core::json_text::compact;
use crate::executor::outbound::{OutboundError, REDIRECTS_DEFAULT, Request};
use crate::protocol::task_parameters::unknown_value;

/// The task's own timeout ends a request; this only keeps the sum of times within what a clock can hold.
const TIMEOUT_MAX_MS: u64 = 86_400_000;
/// A longer chain is a loop.
const REDIRECTS_MAX: u32 = 50;

/// Parameters as they are written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpTask<'a> {
    url: Cow<'a, str>,
    method: Option<Cow<'a, str>>,
    headers: Option<Map<String, Value>>,
    query: Option<Map<String, Value>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    form: Option<Map<String, Value>>,
    body: Option<Cow<'a, str>>,
    body_base64: Option<Cow<'a, str>>,
    allow_status: Option<Vec<u16>>,
    redirects: Option<u32>,
    timeout: Option<f64>,
    max_bytes: Option<usize>,
    response: Option<Cow<'a, str>>,
}

/// Which responses are results, and what of them.
#[derive(Debug)]
pub(super) struct Expected {
    allow_status: Vec<u16>,
    pub shape: Shape,
}

impl Expected {
    pub fn takes(&self, status: u16) -> bool {
        (200..300).contains(&status) || self.allow_status.contains(&status)
    }
}

impl<'a> HttpTask<'a> {
    pub fn parse(parameters: &'a str) -> Result<Self, OutboundError> {
        serde_json::from_str(parameters)
            .map_err(|reason| invalid(format!("the parameters do not fit: {reason}")))
    }

    pub fn into_request(self, response_bytes_max: usize) -> Result<(Request, Expected), OutboundError> {
        let max_bytes = self.max_bytes.unwrap_or(response_bytes_max);
        if max_bytes > response_bytes_max {
            return Err(invalid(format!(
                "`max_bytes` of {max_bytes} is above the server's {response_bytes_max}, which `response_bytes` \
                 under `[http]` in its configuration sets"
            )));
        }
        let mut request = Request::new(self.method.as_deref().unwrap_or("GET"), &self.url, max_bytes)?;
        for (name, value) in self.headers.iter().flatten() {
            if let Some(text) = text_of("headers", name, value)? {
                request.header(name, &text)?;
            }
        }
        request.query(&pairs("query", self.query.as_ref())?);
        self.put_body(&mut request)?;
        request.timeout_ms = timeout_ms(self.timeout)?;
        request.redirects = self.redirects.unwrap_or(REDIRECTS_DEFAULT);
        if request.redirects > REDIRECTS_MAX {
            return Err(invalid(format!("`redirects` is at most {REDIRECTS_MAX}")));
        }
        let shape = match self.response.as_deref() {
            None => Shape::Auto,
            Some(name) => Shape::parse(name)
                .ok_or_else(|| invalid(unknown_value("value of `response`", name, &Shape::NAMES)))?,
        };
        Ok((request, Expected { allow_status: self.allow_status.unwrap_or_default(), shape }))
    }

    fn put_body(&self, request: &mut Request) -> Result<(), OutboundError> {
        let given = [
            ("data", self.data.is_some()),
            ("form", self.form.is_some()),
            ("body", self.body.is_some()),
            ("body_base64", self.body_base64.is_some()),
        ];
        let mut given = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
        if let (Some(one), Some(other)) = (given.next(), given.next()) {
            return Err(invalid(format!("`{one}` and `{other}` are both the body; keep one of them")));
        }
        let (content_type, body) = if let Some(data) = self.data {
            ("application/json", Bytes::from(compact(data.get()).into_owned()))
        } else if self.form.is_some() {
            ("application/x-www-form-urlencoded", form(&pairs("form", self.form.as_ref())?))
        } else if let Some(text) = &self.body {
            ("text/plain; charset=utf-8", Bytes::from(text.clone().into_owned()))
        } else if let Some(base64) = &self.body_base64 {
            let bytes = STANDARD
                .decode(base64.trim())
                .map_err(|reason| invalid(format!("`body_base64` is no base64: {reason}")))?;
            ("application/octet-stream", Bytes::from(bytes))
        } else {
            return Ok(());
        };
        request.body = body;
        if request.has_header(&CONTENT_TYPE) { Ok(()) } else { set(request, &CONTENT_TYPE, content_type) }
    }
}

fn set(request: &mut Request, name: &HeaderName, value: &str) -> Result<(), OutboundError> {
    request.header(name.as_str(), value)
}

/// As a form of a page is sent.
fn form(pairs: &[(String, String)]) -> Bytes {
    let mut carrier = Url::parse("http://form/").expect("it is a URL");
    carrier.query_pairs_mut().extend_pairs(pairs);
    Bytes::from(carrier.query().unwrap_or_default().to_owned())
}

/// A list stands for its name several times.
fn pairs(what: &str, object: Option<&Map<String, Value>>) -> Result<Vec<(String, String)>, OutboundError> {
    let mut pairs = Vec::new();
    for (name, value) in object.into_iter().flatten() {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                std::slice::from_ref(value)
            }
        };
        for value in values {
            pairs.extend(text_of(what, name, value)?.map(|text| (name.clone(), text.into_owned())));
        }
    }
    Ok(pairs)
}

/// `null` leaves it out.
fn text_of<'v>(what: &str, name: &str, value: &'v Value) -> Result<Option<Cow<'v, str>>, OutboundError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(Cow::Borrowed(text))),
        Value::Number(number) => Ok(Some(Cow::Owned(number.to_string()))),
        Value::Bool(truth) => Ok(Some(Cow::Owned(truth.to_string()))),
        Value::Array(_) | Value::Object(_) => Err(invalid(format!(
            "`{}` in `{what}` must be a text, a number, true or false",
            name.escape_debug()
        ))),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the range has just been checked, and a day has few digits"
)]
fn timeout_ms(seconds: Option<f64>) -> Result<u64, OutboundError> {
    let Some(seconds) = seconds else { return Ok(TIMEOUT_MAX_MS) };
    let ms = seconds * 1_000.0;
    if (1.0..=TIMEOUT_MAX_MS as f64).contains(&ms) {
        return Ok(ms as u64);
    }
    Err(invalid("`timeout` is a number of seconds, above 0 and at most a day".to_owned()))
}

fn invalid(message: String) -> OutboundError {
    OutboundError::Invalid(message)
}
