//! What can go wrong on the wire. Every message names the peer or the packet and says what to do.

use std::time::Duration;

use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::error::CapacityError;

use crate::client::tls::{Distrust, TRUST_IT, distrust};

/// A text frame that is not a packet this client can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("an empty text frame is not an Engine.IO packet")]
    Empty,
    #[error("unknown Engine.IO packet type {0:?}; this client speaks Engine.IO 4")]
    UnknownEngineType(char),
    #[error("unknown Socket.IO packet type {0:?}; this client speaks Socket.IO 5")]
    UnknownSocketType(char),
    #[error("a Socket.IO packet of one character has no type")]
    MissingSocketType,
    #[error("binary packets are not supported: send the payload as JSON")]
    Binary,
    #[error("the acknowledgement id does not fit in 64 bits")]
    AckIdTooLarge,
    #[error("an acknowledgement without an id answers nothing")]
    MissingAckId,
    #[error("the {what} packet carries invalid JSON: {message}")]
    Json { what: &'static str, message: String },
    #[error("the payload of an event must be an array that begins with the event's name")]
    NotAnEvent,
    #[error("the payload of an acknowledgement must be an array")]
    NotAnArray,
    #[error("the {what} packet carries data after its end")]
    TrailingData { what: &'static str },
}

/// A connection that could not be made, or has ended.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("{url:?} is not a server address: {reason}; write it like http://127.0.0.1:8000")]
    Url { url: String, reason: String },
    #[error("cannot reach {address}: {source}; check that the server runs and listens there")]
    Unreachable { address: String, source: std::io::Error },
    #[error("{address} is not trusted: {reason}; {}", fix.unwrap_or(TRUST_IT))]
    Untrusted {
        address: String,
        reason: String,
        /// What to do instead, where trusting it does not help.
        fix: Option<&'static str>,
    },
    #[error("the websocket handshake with {address} failed: {source}")]
    Handshake { address: String, source: Box<tungstenite::Error> },
    #[error("the trusted certificates cannot be used: {0}; pass PEM with at least one certificate")]
    Certificates(String),
    #[error("{what} took longer than {after:?}")]
    Timeout { what: &'static str, after: Duration },
    #[error("the server refused namespace {namespace}: {message}")]
    Refused { namespace: String, message: String },
    #[error("the server sent a packet that cannot be used: {0}")]
    Decode(#[from] DecodeError),
    #[error("the payload of {event:?} cannot be written as JSON: {source}")]
    Encode { event: String, source: serde_json::Error },
    #[error("the message of {size} bytes is larger than the limit of {limit} bytes")]
    TooLarge { size: usize, limit: usize },
    #[error("nothing came from the server for {0:?}: the connection is taken for dead")]
    Silent(Duration),
    #[error("{0} acknowledgements are outstanding already; await some before asking for more")]
    TooManyAcks(usize),
    #[error("{0} frames wait to be written already; the server reads too slowly")]
    QueueFull(usize),
    #[error("the connection has ended: {0}")]
    Closed(String),
}

impl WireError {
    /// What became of an attempt to open a websocket.
    pub(super) fn of_handshake(address: String, error: tungstenite::Error) -> Self {
        match distrust(&error) {
            Some(Distrust { reason, fix }) => Self::Untrusted { address, reason, fix },
            None => Self::Handshake { address, source: Box::new(error) },
        }
    }

    /// Translates what the websocket library says about an open connection.
    pub(super) fn from_stream(error: &tungstenite::Error) -> Self {
        if let tungstenite::Error::Capacity(CapacityError::MessageTooLong { size, max_size }) = error {
            return Self::TooLarge { size: *size, limit: *max_size };
        }
        Self::Closed(error.to_string())
    }
}
