//! Failures of a task, which travel to the server, and failures of the node itself.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::client::wire::WireError;

/// Why a handler could not do its task.
///
/// Any `std::error::Error` becomes one with `?`. Without more, the retry policy of the task decides what
/// happens next; [`permanent`](Self::permanent) and [`retry_after`](Self::retry_after) overrule it.
///
/// ```
/// use std::time::Duration;
/// use gleitzeit::client::node::TaskError;
///
/// fn parse(text: &str) -> Result<u32, TaskError> {
///     Ok(text.parse::<u32>()?)
/// }
/// assert_eq!(parse("x").unwrap_err().to_string(), "invalid digit found in string");
///
/// let full = TaskError::new("the GPU is busy").retry_after(Duration::from_secs(5));
/// let wrong = TaskError::new("no such model").code("MODEL_UNKNOWN").permanent();
/// # let _ = (full, wrong);
/// ```
#[derive(Clone, PartialEq)]
pub struct TaskError {
    pub(super) message: String,
    pub(super) code: Option<String>,
    pub(super) retryable: Option<bool>,
    pub(super) retry_after: Option<Duration>,
    pub(super) details: Option<Value>,
}

impl TaskError {
    /// A failure that the task's retry policy deals with.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: None, retryable: None, retry_after: None, details: None }
    }

    /// A stable code of the service's own, for programs that read the error.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Trying again would fail in the same way.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.retryable = Some(false);
        self
    }

    /// Trying again may help.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.retryable = Some(true);
        self
    }

    /// Trying again may help, but not before this time has passed.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retryable = Some(true);
        self.retry_after = Some(delay);
        self
    }

    /// Anything else that helps to understand the failure.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskError");
        debug.field("message", &self.message).field("code", &self.code).field("retryable", &self.retryable);
        debug.field("retry_after", &self.retry_after).field("details", &self.details).finish()
    }
}

/// Like `anyhow::Error`, this type is no `std::error::Error` itself, which is what makes `?` possible.
impl<E: std::error::Error> From<E> for TaskError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(message)
    }
}

/// Why a node cannot start, or is not connected.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("the service {name:?} cannot start: {reason}")]
    Config { name: String, reason: &'static str },
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("the server refused the key: {0}; set one that counts with `token`")]
    AuthenticationFailed(String),
    #[error("the server refused the registration: {code}: {message}")]
    RegistrationRefused { code: String, message: String },
    #[error("the server no longer knows this connection as the node: {0}")]
    NotRegistered(String),
    #[error("the server does not follow the protocol: {0}")]
    Protocol(String),
    #[error("the node has stopped")]
    Stopped,
}

impl NodeError {
    /// The server answered, and the answer was no. Trying again alone will not change that.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::AuthenticationFailed(_) | Self::RegistrationRefused { .. } => true,
            Self::Config { .. }
            | Self::Wire(_)
            | Self::NotRegistered(_)
            | Self::Protocol(_)
            | Self::Stopped => false,
        }
    }
}
