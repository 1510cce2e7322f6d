//! What a call can fail with.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::tls::TRUST_IT;

/// An answer that says no, in the format of RFC 9457.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Where the error is described.
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub status: u16,
    /// What exactly was wrong this time.
    #[serde(default)]
    pub detail: String,
    /// The stable code, such as `GZ3003`.
    #[serde(default)]
    pub code: String,
    /// What to do.
    #[serde(default)]
    pub fix: String,
    /// The same request may succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// When "later" is, if the server knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whatever else the server said.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code.is_empty() {
            write!(f, "error {}: {}", self.status, self.title)?;
        } else {
            write!(f, "error[{}]: {}", self.code, self.title)?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if !self.fix.is_empty() {
            write!(f, " ({})", self.fix)?;
        }
        Ok(())
    }
}

/// Why a call of the [`Client`](super::Client) gave no result.
///
/// ```
/// use gleitzeit::client::ClientError;
///
/// fn advice(error: &ClientError) -> &'static str {
///     match error.code() {
///         Some("GZ3002") => "there is no such workflow",
///         Some("GZ4001") => "set the token",
///         _ if error.is_unreachable() => "start the server",
///         _ => "read the message",
///     }
/// }
/// # let _ = advice;
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the client cannot be made: {0}")]
    Config(String),
    #[error("cannot reach {url}: {reason}; check that the server runs and listens there")]
    Unreachable { url: String, reason: String },
    #[error("{url} is not trusted: {reason}; {}", fix.unwrap_or(TRUST_IT))]
    Untrusted {
        url: String,
        reason: String,
        /// What to do instead, where trusting it does not help.
        fix: Option<&'static str>,
    },
    #[error("{0}")]
    Problem(Box<Problem>),
    #[error("{url} answered with {status} and not as a Gleitzeit server does: {body}")]
    Unexpected { url: String, status: u16, body: String },
    #[error("the answer of {url} cannot be read: {reason}")]
    Decode { url: String, reason: String },
    #[error("the request cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
    #[error("{what} has not ended within {limit:?}; it goes on, ask again later")]
    WaitTimeout { what: String, limit: Duration },
}

impl ClientError {
    /// The stable code of the server's answer, when there was one.
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }

    /// What the server said, when it said no.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::Config(_)
            | Self::Unreachable { .. }
            | Self::Untrusted { .. }
            | Self::Unexpected { .. }
            | Self::Decode { .. }
            | Self::Encode(_)
            | Self::WaitTimeout { .. } => None,
        }
    }

    /// Nobody answered.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// How long to wait before the same request may succeed; nothing when it would fail again.
    pub(super) fn retry_delay(&self, usual: Duration) -> Option<Duration> {
        match self {
            Self::Problem(problem) if matches!(problem.status, 429 | 502 | 503 | 504) => {
                Some(problem.retry_after_ms.map_or(usual, Duration::from_millis))
            }
            Self::Unreachable { .. } | Self::Unexpected { status: 502..=504, .. } => Some(usual),
            Self::Problem(_)
            | Self::Config(_)
            | Self::Untrusted { .. }
            | Self::Unexpected { .. }
            | Self::Decode { .. }
            | Self::Encode(_)
            | Self::WaitTimeout { .. } => None,
        }
    }
}
