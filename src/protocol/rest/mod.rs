//! What the REST API answers.

#[cfg(feature = "server")]
mod batch;
#[cfg(feature = "server")]
mod definition;
mod event;
#[cfg(feature = "server")]
mod function;
#[cfg(feature = "server")]
mod graph;
mod latency;
#[cfg(feature = "server")]
mod letters;
#[cfg(feature = "server")]
mod list_query;
#[cfg(feature = "server")]
mod merge_patch;
mod problem;
#[cfg(feature = "server")]
mod requests;
mod service;
mod stats;
#[cfg(feature = "server")]
mod store;
mod task;
mod usage;
mod webhook;
#[cfg(feature = "server")]
mod webhook_request;
mod why;
mod workflow;

use serde::Serialize;

#[cfg(feature = "server")]
pub use batch::{BatchLine, batch_line};
#[cfg(feature = "server")]
pub use definition::{DefinitionHead, TaskDefinition};
pub use event::EventView;
#[cfg(feature = "server")]
pub use function::{ExampleView, FunctionView, ParameterView};
#[cfg(feature = "server")]
pub use graph::{GraphView, ShapeView};
pub use latency::{HistoryView, LatencyStats, QueuedColumns, RecentView, Spread};
#[cfg(feature = "server")]
pub use letters::{BulkDone, BulkItem, BulkRefusal, BulkRequest, LetterQuery, LetterView, Rehearsal};
#[cfg(feature = "server")]
pub use list_query::ListQuery;
#[cfg(feature = "server")]
pub use merge_patch::merge;
pub use problem::Problem;
#[cfg(feature = "server")]
pub use requests::{
    CompleteRequest, FailRequest, RetryTaskRequest, RetryWorkflowRequest, SkipRequest, parse_request,
};
pub use service::{ReportedView, ServiceView, breaker, node_type};
pub use stats::{DiskStats, Health, LogStats, Stats, TaskStats};
#[cfg(feature = "server")]
pub use store::StoreReport;
pub use task::{AttemptView, ErrorView, ProgressView, TaskDetail, TaskView};
pub use usage::UsageView;
pub use webhook::{DeliveryView, FilterView, MissedView, TestView, WebhookMade, WebhookView, delivery_id};
#[cfg(feature = "server")]
pub use webhook_request::{ResumeRequest, SecretText, WebhookRequest};
pub use why::{ReasonView, WhyView};
pub use workflow::{Results, Submitted, WorkflowDetail, WorkflowView};

/// One page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `cursor` to read on; null at the end.
    pub next_cursor: Option<String>,
}

/// The answer to a verb.
#[derive(Debug, Serialize)]
pub struct Done {
    pub id: String,
    pub status: &'static str,
    /// Position of the log at which this is true.
    pub seq: u64,
}
