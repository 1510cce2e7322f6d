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

    /// What was asked for holds from `next` on.
    pub const fn before(next: Seq) -> Self {
        Self { ok: true, seq: next.0.saturating_sub(1) }
    }
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Answered<'a, T> {
    ok: bool,
    #[serde(flatten)]
    answer: &'a T,
}

impl<'a, T: Serialize> Answered<'a, T> {
    pub const fn new(answer: &'a T) -> Self {
        Self { ok: true, answer }
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

/// `authenticated`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Authenticated {
    success: bool,
    /// The acknowledgement says the same in its own word.
    ok: bool,
}

impl Authenticated {
    pub const EVENT: &'static str = "authenticated";
    pub const SUCCESS: Self = Self { success: true, ok: true };
}

/// `authentication_failed`.
#[derive(Debug, Serialize)]
pub struct AuthenticationFailed<'a> {
    error: &'a str,
    code: String,
}

impl AuthenticationFailed<'_> {
    pub const EVENT: &'static str = "authentication_failed";
}

impl<'a> From<&'a Rejection> for AuthenticationFailed<'a> {
    fn from(rejection: &'a Rejection) -> Self {
        Self { error: &rejection.message, code: rejection.code.to_string() }
    }
}

/// `error`: a refusal for those who asked for no acknowledgement.
#[derive(Debug, Serialize)]
pub struct ErrorEvent<'a> {
    /// The event that was refused.
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_id: Option<&'a str>,
    #[serde(flatten)]
    refused: Refused,
}

impl<'a> ErrorEvent<'a> {
    pub const EVENT: &'static str = "error";

    pub fn new(event: &'a str, rejection: &Rejection, workflow_id: Option<&'a str>) -> Self {
        Self { event, workflow_id, refused: Refused::from(rejection) }
    }
}
