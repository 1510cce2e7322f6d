//! From a websocket text frame to a packet, without copying: every part of a packet borrows from the frame.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::args::RawArgs;
use super::error::DecodeError;

/// The namespace of a packet that names none.
pub const ROOT_NAMESPACE: &str = "/";

/// One Engine.IO packet, with the Socket.IO packet inside it already opened.
#[derive(Debug)]
pub enum Packet<'a> {
    /// The first packet of a connection.
    Open(Open<'a>),
    /// The server ends the whole connection.
    Close,
    /// Must be answered with [`pong`](super::encode::pong) within the ping timeout.
    Ping,
    Pong,
    Noop,
    /// The server accepted the namespace, or asks for nothing else.
    Connect {
        namespace: &'a str,
        data: Option<&'a RawValue>,
    },
    /// The server left the namespace.
    Disconnect {
        namespace: &'a str,
    },
    Event(Event<'a>),
    Ack(Ack<'a>),
    /// The server refused the namespace.
    ConnectError {
        namespace: &'a str,
        data: Option<&'a RawValue>,
    },
}

/// What the server says about the connection when it opens it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Open<'a> {
    #[serde(borrow)]
    pub sid: Cow<'a, str>,
    /// Milliseconds between two pings of the server.
    pub ping_interval: u64,
    /// Milliseconds the server waits for the answer to a ping.
    pub ping_timeout: u64,
    /// The largest payload in bytes, when the server states one.
    #[serde(default)]
    pub max_payload: Option<u64>,
}

/// A named message; with an `id` the server asks for an acknowledgement.
#[derive(Debug, PartialEq, Eq)]
pub struct Event<'a> {
    pub namespace: &'a str,
    pub id: Option<u64>,
    pub name: Cow<'a, str>,
    pub args: RawArgs<'a>,
}

/// The answer to an event that was sent with this `id`.
#[derive(Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    pub namespace: &'a str,
    pub id: u64,
    pub args: RawArgs<'a>,
}

/// Reads one text frame. Total: any input gives a packet or an error, never a panic.
///
/// ```
/// use gleitzeit::client::wire::{Packet, decode};
///
/// let Packet::Event(event) = decode(r#"42/cluster,["connected",{"sid":"x"}]"#)? else { unreachable!() };
/// assert_eq!((event.namespace, &*event.name), ("/cluster", "connected"));
/// # Ok::<(), gleitzeit::client::wire::DecodeError>(())
/// ```
pub fn decode(frame: &str) -> Result<Packet<'_>, DecodeError> {
    let (kind, rest) = split_first(frame).ok_or(DecodeError::Empty)?;
    match kind {
        '0' => Ok(Packet::Open(json(rest, "open")?)),
        '1' => Ok(Packet::Close),
        '2' => Ok(Packet::Ping),
        '3' => Ok(Packet::Pong),
        '4' => decode_socket(rest),
        // An upgrade ends a change of transport, which a websocket-only client never asks for.
        '5' | '6' => Ok(Packet::Noop),
        'b' => Err(DecodeError::Binary),
        other => Err(DecodeError::UnknownEngineType(other)),
    }
}

fn decode_socket(packet: &str) -> Result<Packet<'_>, DecodeError> {
    let (kind, rest) = split_first(packet).ok_or(DecodeError::MissingSocketType)?;
    if matches!(kind, '5' | '6') {
        return Err(DecodeError::Binary);
    }
    let (namespace, rest) = split_namespace(rest);
    match kind {
        '0' => Ok(Packet::Connect { namespace, data: optional_json(rest, "connect")? }),
        '1' => Ok(Packet::Disconnect { namespace }),
        '2' => {
            let (id, payload) = split_id(rest)?;
            let (name, args) = split_event(payload)?;
            Ok(Packet::Event(Event { namespace, id, name, args }))
        }
        '3' => {
            let (id, payload) = split_id(rest)?;
            let id = id.ok_or(DecodeError::MissingAckId)?;
            let args = payload.trim_ascii().strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
            Ok(Packet::Ack(Ack { namespace, id, args: RawArgs::new(args.ok_or(DecodeError::NotAnArray)?) }))
        }
        '4' => Ok(Packet::ConnectError { namespace, data: optional_json(rest, "connect_error")? }),
        other => Err(DecodeError::UnknownSocketType(other)),
    }
}

fn split_first(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    chars.next().map(|first| (first, chars.as_str()))
}

fn split_namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return (ROOT_NAMESPACE, text);
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    // A client may add a query to a namespace; it does not belong to the name.
    (namespace.split_once('?').map_or(namespace, |(name, _)| name), rest)
}

fn split_id(text: &str) -> Result<(Option<u64>, &str), DecodeError> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return Ok((None, rest));
    }
    let id = digits.parse().map_err(|_| DecodeError::AckIdTooLarge)?;
    Ok((Some(id), rest))
}

/// Takes `["name",args...]` apart. Only the name is parsed here.
fn split_event(payload: &str) -> Result<(Cow<'_, str>, RawArgs<'_>), DecodeError> {
    let inner = payload.trim_ascii().strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let inner = inner.ok_or(DecodeError::NotAnEvent)?.trim_ascii_start();
    let (name, rest) = split_name(inner)?;
    let rest = rest.trim_ascii_start();
    if rest.is_empty() {
        return Ok((name, RawArgs::new("")));
    }
    let args = rest.strip_prefix(',').ok_or(DecodeError::NotAnEvent)?;
    Ok((name, RawArgs::new(args)))
}

fn split_name(text: &str) -> Result<(Cow<'_, str>, &str), DecodeError> {
    let body = text.strip_prefix('"').ok_or(DecodeError::NotAnEvent)?;
    let end = body.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < b' ');
    let end = end.ok_or(DecodeError::NotAnEvent)?;
    if body.as_bytes().get(end) == Some(&b'"') {
        let (name, rest) = body.split_at(end);
        return Ok((Cow::Borrowed(name), rest.get(1..).unwrap_or_default()));
    }
    // Names with escapes are legal and rare; serde_json knows all of them.
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match stream.next() {
        Some(Ok(name)) => Ok((Cow::Owned(name), text.get(stream.byte_offset()..).unwrap_or_default())),
        Some(Err(error)) => Err(DecodeError::Json { what: "event", message: error.to_string() }),
        None => Err(DecodeError::NotAnEvent),
    }
}

fn optional_json<'a>(text: &'a str, what: &'static str) -> Result<Option<&'a RawValue>, DecodeError> {
    let text = text.trim_ascii();
    if text.is_empty() { Ok(None) } else { json(text, what).map(Some) }
}

fn json<'a, T: Deserialize<'a>>(text: &'a str, what: &'static str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| DecodeError::Json { what, message: error.to_string() })
}
