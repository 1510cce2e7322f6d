//! What the REST API answers.

mod batch;
mod event;
mod function;
mod letters;
mod list_query;
mod merge_patch;
mod problem;
mod requests;
mod service;
mod stats;
mod task;
mod why;
mod workflow;

use serde::Serialize;

pub use batch::{BatchLine, batch_line};
pub use event::EventView;
pub use function::{ExampleView, FunctionView, ParameterView};
pub use letters::{BulkDone, BulkItem, BulkRefusal, BulkRequest, LetterQuery, LetterView, Rehearsal};
pub use list_query::ListQuery;
pub use merge_patch::merge;
pub use problem::Problem;
pub use requests::{
    CompleteRequest, FailRequest, RetryTaskRequest, RetryWorkflowRequest, SkipRequest, parse_request,
};
pub use service::{ReportedView, ServiceView, breaker, node_type};
pub use stats::{Health, LogStats, Stats, TaskStats};
pub use task::{AttemptView, ErrorView, ProgressView, TaskDetail, TaskView};
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
