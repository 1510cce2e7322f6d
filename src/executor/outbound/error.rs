//! Why a request brought no response.

use std::error::Error;

use super::resolve::ClosedHost;
use crate::core::errors::{
    ADDRESS_DENIED, Code, HTTP_REQUEST_FAILED, INVALID_ARGUMENT, NETWORK_TIMEOUT, PAYLOAD_TOO_LARGE,
};

/// How many causes a message tells, one behind the other.
const CAUSES_MAX: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The request cannot be sent as it is. Nothing was sent.
    #[error("{0}")]
    Invalid(String),
    /// Its host, or that of a redirect, is not one that requests may go to. Nothing was sent there.
    #[error(
        "{to}: {what}, and no request goes there unless `allow` under `[http]` in the server's configuration \
         names the network or the host"
    )]
    Denied { to: String, what: String },
    /// No connection, or one that broke.
    #[error("{to}: {cause}")]
    Failed { to: String, cause: String },
    #[error("{to}: redirected more than {limit} times")]
    TooManyRedirects { to: String, limit: u32 },
    #[error("{to}: the response is larger than the limit of {limit} bytes")]
    TooLarge { to: String, limit: usize },
    #[error("{to}: no whole response within {} s", seconds(*ms))]
    TimedOut { to: String, ms: u64 },
}

impl OutboundError {
    pub const fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => INVALID_ARGUMENT,
            Self::Denied { .. } => ADDRESS_DENIED,
            Self::Failed { .. } | Self::TooManyRedirects { .. } => HTTP_REQUEST_FAILED,
            Self::TooLarge { .. } => PAYLOAD_TOO_LARGE,
            Self::TimedOut { .. } => NETWORK_TIMEOUT,
        }
    }

    /// Whether the same request may bring a response another time.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Failed { .. } | Self::TimedOut { .. } => true,
            Self::Invalid(_)
            | Self::Denied { .. }
            | Self::TooManyRedirects { .. }
            | Self::TooLarge { .. } => false,
        }
    }

    pub(super) fn denied(to: String, closed: &ClosedHost) -> Self {
        Self::Denied { to, what: closed.to_string() }
    }

    /// The connector carries a refused host as one of the causes of its failure.
    pub(super) fn from_client(to: String, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut causes = Vec::new();
        let mut next: Option<&dyn Error> = Some(&error);
        while let Some(cause) = next.filter(|_| causes.len() < CAUSES_MAX) {
            if let Some(closed) = cause.downcast_ref::<ClosedHost>() {
                return Self::denied(to, closed);
            }
            causes.push(cause.to_string());
            next = cause.source();
        }
        // Layers of the client repeat what the one below them said.
        causes.dedup();
        Self::Failed { to, cause: causes.join(": ") }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time limit has far fewer digits than a float")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
