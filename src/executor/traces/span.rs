//! Spans, and the JSON form in which the protocol carries them: numbers of 64 bits are texts, ids are hexadecimal.

use serde::Serialize;

use crate::core::ids::Timestamp;
use crate::core::trace::{SpanId, TraceContext};

/// As much of an error's message as a span carries.
const MESSAGE_CHARS_MAX: usize = 300;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    #[serde(rename = "traceId")]
    trace: String,
    #[serde(rename = "spanId")]
    id: String,
    #[serde(rename = "parentSpanId", skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    name: String,
    kind: Kind,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Attribute>,
    events: Vec<SpanEvent>,
    status: Status,
}

/// What a span stands for, by the numbers of the protocol.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Work of the server itself.
    Internal,
    /// Work that somebody else was asked to do.
    Client,
}

#[derive(Debug, Serialize)]
struct SpanEvent {
    #[serde(rename = "timeUnixNano")]
    time_unix_nano: String,
    name: &'static str,
}

#[derive(Debug, Serialize)]
struct Attribute {
    key: &'static str,
    value: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Value {
    StringValue(String),
    IntValue(String),
}

#[derive(Debug, Serialize)]
struct Status {
    code: u8,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self {
            Self::Internal => 1,
            Self::Client => 3,
        })
    }
}

impl Span {
    pub fn new(
        context: &TraceContext,
        (id, parent): (SpanId, Option<SpanId>),
        (name, kind): (&str, Kind),
        (start, end): (Timestamp, Timestamp),
    ) -> Self {
        Self {
            trace: format!("{:032x}", context.trace),
            id: format!("{:016x}", id.0),
            parent: parent.map(|parent| format!("{:016x}", parent.0)),
            name: name.to_owned(),
            kind,
            start_time_unix_nano: nanos(start.min(end)),
            end_time_unix_nano: nanos(end),
            attributes: Vec::new(),
            events: Vec::new(),
            status: Status { code: 1, message: String::new() },
        }
    }

    pub fn text(mut self, key: &'static str, value: &str) -> Self {
        self.attributes.push(Attribute { key, value: Value::StringValue(value.to_owned()) });
        self
    }

    pub fn number(mut self, key: &'static str, value: u64) -> Self {
        self.attributes.push(Attribute { key, value: Value::IntValue(value.to_string()) });
        self
    }

    pub fn event(mut self, name: &'static str, at: Timestamp) -> Self {
        self.events.push(SpanEvent { time_unix_nano: nanos(at), name });
        self
    }

    pub fn failed(mut self, code: &str, message: &str) -> Self {
        let message = message.chars().take(MESSAGE_CHARS_MAX).collect();
        self.status = Status { code: 2, message };
        self.text("error.type", code)
    }
}

fn nanos(at: Timestamp) -> String {
    format!("{}000000", at.0)
}

/// Spans as one request.
pub(super) fn request(spans: &[Span]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Request<'a> {
        resource_spans: [ResourceSpans<'a>; 1],
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ResourceSpans<'a> {
        resource: Resource,
        scope_spans: [ScopeSpans<'a>; 1],
    }
    #[derive(Serialize)]
    struct Resource {
        attributes: [Attribute; 2],
    }
    #[derive(Serialize)]
    struct ScopeSpans<'a> {
        scope: Scope,
        spans: &'a [Span],
    }
    #[derive(Serialize)]
    struct Scope {
        name: &'static str,
        version: &'static str,
    }
    let (name, version) = ("gleitzeit", env!("CARGO_PKG_VERSION"));
    let attribute = |key, value: &str| Attribute { key, value: Value::StringValue(value.to_owned()) };
    let attributes = [attribute("service.name", name), attribute("service.version", version)];
    let scope_spans = [ScopeSpans { scope: Scope { name, version }, spans }];
    let resource_spans = [ResourceSpans { resource: Resource { attributes }, scope_spans }];
    serde_json::to_vec(&Request { resource_spans }).expect("texts and numbers can be written")
}
