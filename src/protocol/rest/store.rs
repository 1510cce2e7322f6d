//! What a check of the data says.

use serde::Serialize;
use utoipa::ToSchema;

/// The answer of `POST /store/verify`.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct StoreReport {
    /// Nothing that was acknowledged is missing or wrong.
    pub whole: bool,
    pub first_seq: u64,
    /// The last event that was looked at.
    pub seq: u64,
    pub segments: u64,
    pub log_bytes: u64,
    /// Events that were read.
    pub records: u64,
    /// Ended workflows whose references were followed.
    pub archived_workflows: u64,
    pub archived_tasks: u64,
    pub payloads: u64,
    /// The first hundred or so.
    pub problems: Vec<String>,
    pub more_problems: u64,
}
