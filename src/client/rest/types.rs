//! What goes in and comes out. Fields that this version does not know are kept in `more`, so that a newer
//! server does not break an older client, and what was read can be written again.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    pub id: String,
    pub name: String,
    pub status: WorkflowStatus,
    pub total_tasks: u64,
    /// The position of the log at which this is true; [`Client::events`](super::Client::events) reads on
    /// from there.
    pub seq: u64,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Where a workflow stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskInfo {
    pub id: String,
    pub name: String,
    /// `pending`, `queued`, `assigned`, `processing`, `retrying`, `completed`, `failed`, `cancelled` or
    /// `skipped`.
    pub status: String,
    #[serde(default)]
    pub task_type: String,
    /// The attempt that runs or ran last, from 1; 0 before the first.
    #[serde(default)]
    pub attempt: u32,
    /// The worker that runs it, or that completed it.
    #[serde(default)]
    pub worker: Option<String>,
    /// Of the last attempt, unless it succeeded.
    #[serde(default)]
    pub error: Option<TaskFailure>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    pub task_id: String,
    pub task_name: String,
    pub status: String,
    /// The whole answer in one sentence.
    pub summary: String,
    pub reasons: Vec<WhyReason>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// One of the things that a task waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhyReason {
    /// A stable word: `dependencies`, `no_worker`, `workers_busy`, `backoff`, ...
    pub kind: String,
    pub message: String,
    /// What the reason is about; its members depend on the kind.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
}

/// What a workflow has produced so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowResults {
    pub workflow_id: String,
    pub status: WorkflowStatus,
    pub total_tasks: u64,
    pub completed_tasks: u64,
    pub failed_tasks: u64,
    pub execution_time_seconds: f64,
    /// Exactly the completed tasks by name; a result may be null.
    pub results: BTreeMap<String, Value>,
    /// Exactly the failed tasks by name.
    pub errors: BTreeMap<String, TaskFailure>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Why a task did not succeed: the last attempt's reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskFailure {
    pub code: String,
    pub message: String,
    /// The service's own code.
    #[serde(default)]
    pub service_code: Option<String>,
    /// What else the service said.
    #[serde(default)]
    pub details: Option<Value>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A worker: a service, an executor node, or the executor inside the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// The `node_id` of its registration.
    pub id: String,
    pub name: String,
    /// `external_service`, `executor` or `built_in`.
    #[serde(default)]
    pub node_type: String,
    #[serde(default)]
    pub connected: bool,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub draining: bool,
    #[serde(default)]
    pub task_types: Vec<String>,
    #[serde(default)]
    pub capacity: u32,
    #[serde(default)]
    pub active_tasks: u32,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last one.
    pub next_cursor: Option<String>,
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
    /// Any of these; all, where there is none.
    pub statuses: Vec<WorkflowStatus>,
    /// Part of the name.
    pub name: Option<String>,
    /// Beginnings of words of the name, in any order.
    pub text: Option<String>,
    /// All of these tags.
    pub tags: Vec<String>,
    /// All of these members of the metadata.
    pub metadata: Vec<(String, String)>,
    /// RFC 3339 or milliseconds since 1970.
    pub created_after: Option<String>,
    pub created_before: Option<String>,
    pub page: PageRequest,
}

/// Who asks for something, and why; kept with the event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Note {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a task fails by hand.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct FailureByHand {
    pub error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// It is tried again as its policy says; without this the failure is final.
    pub retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// Which failed tasks to list: `name`, `tag`, `code`, `service`, `text`, `failed_after`, `failed_before` and the other
/// conditions of workflow lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetterFilter {
    pub conditions: Vec<(String, String)>,
    pub page: PageRequest,
}

/// What a verb did to many things.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BulkDone {
    pub dry_run: bool,
    pub done: Vec<BulkItem>,
    pub refused: Vec<BulkRefusal>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BulkItem {
    pub id: String,
    pub name: String,
    pub status: String,
    #[serde(default)]
    pub workflow_id: Option<String>,
    #[serde(default)]
    pub seq: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BulkRefusal {
    pub id: String,
    pub name: String,
    pub error: super::Problem,
}

/// A function that runs inside the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionInfo {
    pub name: String,
    pub summary: String,
    pub usage: String,
    pub parameters: Vec<Value>,
    pub example: Value,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The answer to a request that changes something: the change is on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub id: String,
    /// The status it has now.
    pub status: String,
    /// The position of the log at which this is true.
    pub seq: u64,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The answer to a validation that found nothing wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    pub name: String,
    pub total_tasks: u64,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Who ends when the server is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// The server only; it will be back, and services wait for it.
    Restart,
    /// The connected services as well.
    WithServices,
}

/// Figures of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    pub version: String,
    pub pid: u32,
    pub uptime_seconds: f64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// User and system time since the start.
    pub cpu_seconds: f64,
    /// The position of the log up to which these figures hold.
    pub seq: u64,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How the server is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// `healthy`, `degraded` or `unhealthy`.
    pub status: String,
    #[serde(default)]
    pub version: String,
    /// The disk is full: new work is refused.
    #[serde(default)]
    pub read_only: bool,
    /// What is wrong, and what to do.
    #[serde(default)]
    pub problems: Vec<String>,
    /// What will be wrong if nobody does anything.
    #[serde(default)]
    pub warnings: Vec<String>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}
