//! What goes in and comes out. Fields that this version does not know are kept in `more`, so that a newer
//! server does not break an older client.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

/// How to submit a workflow; the default answers as soon as the workflow is stored.
///
/// ```
/// use std::time::Duration;
/// use gleitzeit::client::SubmitOptions;
///
/// let options = SubmitOptions { wait: Some(Duration::from_secs(30)), ..SubmitOptions::default() };
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubmitOptions {
    /// The same key with the same body gives the first answer again; generated unless set.
    pub idempotency_key: Option<String>,
    /// Waits up to this long for the workflow to end before the server answers.
    pub wait: Option<Duration>,
}

/// The language of a workflow that was written by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    Json,
    Yaml,
}

/// The receipt of a submission: the workflow is on disk.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Submitted {
    pub id: String,
    pub name: String,
    pub status: WorkflowStatus,
    pub total_tasks: u64,
    /// The position in the log, from where [`Client::events`](super::Client::events) shows what follows.
    pub seq: u64,
}

/// Where a workflow stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkflowStatus {
    Pending,
    Running,
    Paused,
    Completed,
    Failed,
    Cancelled,
    /// A status that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl WorkflowStatus {
    /// The name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Other(name) => name,
        }
    }

    /// Nothing more will happen unless somebody asks for a retry.
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for WorkflowStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A workflow in a list, or alone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct WorkflowInfo {
    pub id: String,
    pub name: String,
    pub status: WorkflowStatus,
    #[serde(default)]
    pub total_tasks: u64,
    #[serde(default)]
    pub completed_tasks: u64,
    #[serde(default)]
    pub failed_tasks: u64,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A task in a list, or alone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TaskInfo {
    pub id: String,
    /// Absent when the submitter gave none.
    #[serde(default)]
    pub name: Option<String>,
    /// `pending`, `queued`, `assigned`, `processing`, `retrying`, `completed`, `failed`, `cancelled` or
    /// `skipped`.
    pub status: String,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What a workflow has produced so far.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct WorkflowResults {
    pub workflow_id: String,
    pub status: WorkflowStatus,
    pub total_tasks: u64,
    pub completed_tasks: u64,
    pub failed_tasks: u64,
    #[serde(default)]
    pub execution_time_seconds: Option<f64>,
    /// Exactly the completed tasks by name; a result may be null.
    pub results: BTreeMap<String, Value>,
    /// The failed tasks by name.
    #[serde(default)]
    pub errors: BTreeMap<String, TaskFailure>,
}

/// Why a task failed for good: the last attempt's reason.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TaskFailure {
    pub code: String,
    pub message: String,
}

/// A connected service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Service {
    #[serde(alias = "service_id", alias = "node_id")]
    pub id: String,
    #[serde(alias = "service_name")]
    pub name: String,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last one.
    #[serde(default = "none")]
    pub next_cursor: Option<String>,
}

fn none() -> Option<String> {
    None
}

/// Which page of a list; the default is the first, in the server's usual size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRequest {
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// Which workflows to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkflowFilter {
    pub status: Option<WorkflowStatus>,
    pub name: Option<String>,
    pub page: PageRequest,
}

/// What can be asked of a workflow; of a task only to cancel or to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Cancel,
    Pause,
    Resume,
    Retry,
}

impl Action {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
        }
    }
}

/// The answer to an action: it is on disk.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Receipt {
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub seq: Option<u64>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The answer to a validation that found nothing wrong.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Validation {
    #[serde(flatten)]
    pub report: Map<String, Value>,
}

/// How the server is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Health {
    /// `healthy`, `degraded` or `unhealthy`.
    pub status: String,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}
