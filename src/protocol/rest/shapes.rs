//! Bodies that are written or read in pieces and never are one value in the program, as one who sends or reads them
//! sees them. Only the description of the interface is made of these types.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::problem::Problem;
use super::words;
use super::workflow::Results;

/// What came out of a workflow.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResultsView {
    #[serde(flatten)]
    pub head: Results,
    /// By task name: exactly the completed tasks.
    pub results: BTreeMap<String, Value>,
}

/// The answer to one line of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchAnswer {
    /// Counted from 1; empty lines do not count.
    pub line: u64,
    /// The status that the line would have had as a request of its own.
    pub code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Null where the workflow had been stored before.
    #[schema(schema_with = words::workflow_status)]
    pub status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tasks: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Of a line that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// How a task goes that was handed on, or how it went.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackReport {
    /// `completed`, `failed` or `progress`; may be left out where `result` or `error` says it.
    #[schema(schema_with = words::callback_status)]
    pub status: Option<String>,
    /// Null is a result like any other.
    pub result: Option<Value>,
    /// A text, or an object with `message`.
    pub error: Option<Value>,
    /// The receiver's own code for the failure.
    pub code: Option<String>,
    pub retryable: Option<bool>,
    pub retry_after_ms: Option<f64>,
    pub details: Option<Value>,
    /// Percent.
    pub progress: Option<f64>,
    pub message: Option<String>,
    /// Anything that goes with the progress.
    pub data: Option<Value>,
}

/// All metrics by name, and the figures of the server.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricsView {
    /// The members of `Stats`, unless the engine does not answer in time.
    #[serde(flatten)]
    pub figures: Value,
    pub metrics: BTreeMap<String, Value>,
}

/// The server stops after this answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stopping {
    /// `stopping`.
    pub status: &'static str,
}

/// What `gleitzeit export` writes. Other members mean nothing.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedRun {
    /// The format of the file.
    pub export: u32,
    /// Of the server that ran it.
    pub version: String,
    #[schema(value_type = Object)]
    pub workflow: Value,
    /// As of `GET /api/v1/workflows/{id}/definition`; the parameters of its tasks are taken from `tasks`.
    #[schema(value_type = Object)]
    pub definition: Value,
    /// Each as of `GET /api/v1/tasks/{id}`, in the order of the definition.
    #[schema(value_type = Vec<Object>)]
    pub tasks: Vec<Value>,
    /// By task id, what a task that had not ended waited for.
    #[schema(required = false)]
    pub why: BTreeMap<String, String>,
    /// In the order of their `seq`.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Value>,
}
