//! Workflows as REST shows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::task::ErrorView;
use super::words;
use crate::core::ids::Timestamp;
use crate::core::listing::Summary;
use crate::core::spec::WorkflowSpec;
use crate::core::state::{StatusKind, Workflow};
use crate::protocol::time::Rfc3339;

/// The answer to a submission.
#[derive(Debug, Serialize, ToSchema)]
pub struct Submitted {
    pub id: Arc<str>,
    pub name: Arc<str>,
    #[schema(schema_with = words::workflow_status)]
    pub status: &'static str,
    pub total_tasks: u32,
    /// Position of the log at which this is true.
    pub seq: u64,
}

/// A workflow in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkflowView {
    pub id: Arc<str>,
    pub name: Arc<str>,
    #[schema(schema_with = words::workflow_status)]
    pub status: &'static str,
    pub total_tasks: u32,
    pub completed_tasks: u32,
    pub failed_tasks: u32,
    pub created_at: Rfc3339,
    pub started_at: Option<Rfc3339>,
    pub ended_at: Option<Rfc3339>,
}

impl From<Summary> for WorkflowView {
    fn from(summary: Summary) -> Self {
        Self {
            id: summary.label,
            name: summary.name,
            status: summary.status.name(),
            total_tasks: summary.total,
            completed_tasks: summary.completed,
            failed_tasks: summary.failed,
            created_at: Rfc3339(summary.created_at),
            started_at: summary.started_at.map(Rfc3339),
            ended_at: summary.ended_at.map(Rfc3339),
        }
    }
}

/// One workflow in full; its tasks are a list of their own.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkflowDetail {
    #[serde(flatten)]
    pub summary: WorkflowView,
    pub description: Option<Arc<str>>,
    #[schema(schema_with = words::error_strategy)]
    pub error_strategy: &'static str,
    pub max_parallel_tasks: Option<u32>,
    pub timeout_seconds: Option<f64>,
    pub tags: Vec<Arc<str>>,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
    /// Number of tasks in each status.
    pub task_counts: BTreeMap<&'static str, u32>,
    /// Share of tasks that have ended, 0 to 100.
    pub progress_percentage: f64,
    /// Only of a workflow that another server ran: here it is looked at, and never runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported: Option<ImportedView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedView {
    pub at: Rfc3339,
    /// Of the workflow when it was exported. What had not ended then is cancelled here.
    #[schema(schema_with = words::workflow_status)]
    pub status: &'static str,
    /// Of the server that ran it.
    pub version: Arc<str>,
}

impl From<&Workflow> for WorkflowDetail {
    fn from(workflow: &Workflow) -> Self {
        let spec: &WorkflowSpec = &workflow.spec;
        let total = spec.total();
        let ended = total - workflow.counts.unsettled();
        let metadata = spec.metadata.as_ref().map(|text| raw(text.as_str()));
        Self {
            summary: WorkflowView::from(Summary::of(workflow)),
            description: spec.description.clone(),
            error_strategy: spec.error_strategy.name(),
            max_parallel_tasks: spec.max_parallel_tasks,
            timeout_seconds: spec.timeout_ms.map(seconds),
            tags: spec.tags.clone(),
            metadata,
            task_counts: StatusKind::ALL
                .into_iter()
                .map(|kind| (kind.name(), workflow.counts.of(kind)))
                .collect(),
            progress_percentage: f64::from(ended) * 100.0 / f64::from(total.max(1)),
            imported: spec.imported.as_ref().map(|imported| ImportedView {
                at: Rfc3339(workflow.timed_from),
                status: imported.status.name(),
                version: Arc::clone(&imported.version),
            }),
        }
    }
}

/// What came out of a workflow, up to the values of its completed tasks: they follow as the field `results`, an
/// object by task name, which is written while the values are read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Results {
    pub workflow_id: Arc<str>,
    pub name: Arc<str>,
    #[schema(schema_with = words::workflow_status)]
    pub status: &'static str,
    pub total_tasks: u32,
    pub completed_tasks: u32,
    pub failed_tasks: u32,
    /// From the first assignment to the end, or to now.
    pub execution_time_seconds: f64,
    /// By task name: exactly the failed tasks, with the error of the last attempt.
    pub errors: BTreeMap<Arc<str>, ErrorView>,
}

impl Results {
    /// Everything but the values, which have to be loaded.
    pub fn without_values(workflow: &Workflow, now: Timestamp) -> Self {
        let began = workflow.started_at.unwrap_or(workflow.created_at);
        let failed = (0..workflow.spec.total())
            .filter(|index| workflow.task(*index).status.kind() == StatusKind::Failed);
        let errors =
            failed.filter_map(|index| Some((workflow.name_of(index), ErrorView::of(workflow, index)?)));
        Self {
            workflow_id: workflow.label(),
            name: Arc::clone(&workflow.spec.name),
            status: workflow.status.name(),
            total_tasks: workflow.spec.total(),
            completed_tasks: workflow.counts.of(StatusKind::Completed),
            failed_tasks: workflow.counts.of(StatusKind::Failed),
            execution_time_seconds: seconds(workflow.ended_at.unwrap_or(now).since(began)),
            errors: errors.collect(),
        }
    }
}

/// Stored text is JSON already.
pub(super) fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).expect("stored payloads were checked at the door")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of a duration fit into 53 bits for 285,000 years"
)]
pub(super) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
