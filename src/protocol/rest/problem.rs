//! Errors as RFC 9457 problems.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::core::rejection::Rejection;

/// `application/problem+json`, with the catalogue's code.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem: `https://gleitzeit.dev/errors/GZ3003`. See `gleitzeit errors show`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// What, which, and where.
    pub detail: String,
    pub code: String,
    /// What to do.
    pub fix: String,
    pub retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// By which the log of the server tells of the request that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl From<&Rejection> for Problem {
    fn from(rejection: &Rejection) -> Self {
        let entry = rejection.code.entry();
        Self {
            kind: format!("https://gleitzeit.dev/errors/{}", entry.code),
            title: entry.what.trim_end_matches('.').to_owned(),
            status: entry.http_status,
            detail: rejection.message.clone(),
            code: entry.code.to_string(),
            fix: entry.fix.to_owned(),
            retryable: entry.retryable,
            retry_after_ms: rejection.retry_after_ms.or(entry.retry_after_ms),
            request_id: None,
        }
    }
}
