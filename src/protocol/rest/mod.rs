//! What the REST API answers.

mod access;
mod access_request;
mod batch;
mod definition;
mod event;
mod function;
mod graph;
mod latency;
mod letters;
mod list_query;
mod merge_patch;
mod problem;
mod receiver;
mod requests;
mod service;
mod shapes;
mod stats;
mod store;
mod submission;
mod task;
mod usage;
mod webhook;
mod webhook_request;
mod why;
mod words;
mod workflow;

use serde::Serialize;
use utoipa::ToSchema;

pub use access::{KeyMade, KeyView, UserView, WhoamiView};
pub use access_request::{KeyRequest, RoleRequest, UserRequest};
pub use batch::{BatchLine, batch_line};
pub use definition::{DefinitionHead, TaskDefinition};
pub use event::EventView;
pub use function::{ExampleView, FunctionView, ParameterView};
pub use graph::{GraphView, ShapeView};
pub use latency::{HistoryView, LatencyStats, QueuedColumns, RecentView, Spread};
pub use letters::{BulkDone, BulkItem, BulkRefusal, BulkRequest, LetterQuery, LetterView, Rehearsal};
pub use list_query::ListQuery;
pub use merge_patch::merge;
pub use problem::Problem;
pub use receiver::receiver_in;
pub use requests::{
    CompleteRequest, FailRequest, RetryTaskRequest, RetryWorkflowRequest, SkipRequest, parse_request,
};
pub use service::{GoneServiceView, ReportedView, ServiceView, ServicesView, breaker, node_type};
pub use shapes::{BatchAnswer, CallbackReport, ExportedRun, MetricsView, ResultsView, Stopping};
pub use stats::{DiskStats, Health, LogCheckStats, LogStats, Stats, TaskStats};
pub use store::StoreReport;
pub use submission::{RequirementsBody, RetryBody, TaskBody, WorkflowBody};
pub use task::{AttemptView, ErrorView, ProgressView, TaskDetail, TaskView};
pub use usage::UsageView;
pub use webhook::{
    DeliveryView, FailingView, FilterView, MissedView, TestView, WebhookMade, WebhookView, delivery_id,
    webhook_warning,
};
pub use webhook_request::{ResumeRequest, SecretText, WebhookRequest};
pub use why::{ReasonView, WhyView};
pub use workflow::{Results, Submitted, WorkflowDetail, WorkflowView};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `cursor` to read on; null at the end.
    pub next_cursor: Option<String>,
}

/// The answer to a verb.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    pub id: String,
    pub status: &'static str,
    /// Position of the log at which this is true.
    pub seq: u64,
}
