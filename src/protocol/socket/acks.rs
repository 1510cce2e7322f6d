//! Answers to events, sent after the commit.

use serde::Serialize;

use crate::core::ids::Seq;
use crate::core::rejection::Rejection;

/// The event did what it asked for, and the log holds it at or before `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Acknowledged {
    ok: bool,
    seq: u64,
}

impl Acknowledged {
    pub const fn at(seq: Seq) -> Self {
        Self { ok: true, seq: seq.0 }
    }
}

/// The event changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    ok: bool,
    code: String,
    message: String,
    /// Whether the same event may be taken later. An outbox drops what is not.
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl From<&Rejection> for Refused {
    fn from(rejection: &Rejection) -> Self {
        let entry = rejection.code.entry();
        Self {
            ok: false,
            code: rejection.code.to_string(),
            message: rejection.message.clone(),
            retryable: entry.retryable,
            retry_after_ms: rejection.retry_after_ms.or(entry.retry_after_ms),
        }
    }
}

/// The answer to `node:register`.
#[derive(Debug, Serialize)]
pub struct RegisteredNode<'a> {
    ok: bool,
    pub seq: u64,
    pub node_id: &'a str,
    pub session: u64,
    /// A node that is silent for longer loses its tasks.
    pub lease_ms: u64,
    /// The longest pause between two heartbeats.
    pub heartbeat_ms: u64,
    /// The tasks that the node still holds; it stops any other.
    pub held: Vec<String>,
}

impl<'a> RegisteredNode<'a> {
    pub const fn new(
        seq: Seq,
        node_id: &'a str,
        session: u64,
        (lease_ms, heartbeat_ms): (u64, u64),
        held: Vec<String>,
    ) -> Self {
        Self { ok: true, seq: seq.0, node_id, session, lease_ms, heartbeat_ms, held }
    }
}
