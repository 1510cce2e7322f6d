//! Tasks as REST shows them.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::usage::UsageView;
use super::why::ReasonView;
use super::words;
use super::workflow::{raw, seconds};
use crate::core::command::Progress;
use crate::core::errors;
use crate::core::ids::Timestamp;
use crate::core::payload::Payload;
use crate::core::secret_parameters::without_secrets;
use crate::core::state::{AttemptNote, SkipCause, Task, TaskStatus, Workflow};
use crate::protocol::time::Rfc3339;

/// A task in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    pub id: Arc<str>,
    /// The short key by which the workflow refers to it.
    pub key: Option<Arc<str>>,
    pub name: Arc<str>,
    pub workflow_id: Arc<str>,
    pub task_type: Arc<str>,
    pub external_task_type: Option<Arc<str>>,
    pub service_name: Option<Arc<str>>,
    #[schema(schema_with = words::task_status)]
    pub status: &'static str,
    #[schema(schema_with = words::priority)]
    pub priority: &'static str,
    /// The attempt that runs or ran last, counted from 1; 0 before the first.
    pub attempt: u32,
    pub failures: u32,
    pub max_attempts: u32,
    pub timeout_seconds: f64,
    pub dependencies: Vec<Arc<str>>,
    /// The worker that runs it, or that completed it.
    pub worker: Option<Arc<str>>,
    pub started_at: Option<Rfc3339>,
    pub ended_at: Option<Rfc3339>,
    /// When a task that waits for its backoff is tried again.
    pub retry_at: Option<Rfc3339>,
    pub error: Option<ErrorView>,
    /// Of a completed task that a language model worked on.
    pub usage: Option<UsageView>,
}

/// Why a task did not succeed, or why its last attempt did not.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorView {
    pub code: String,
    pub name: &'static str,
    pub message: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_code: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub details: Option<Box<RawValue>>,
}

/// One task in full.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskDetail {
    #[serde(flatten)]
    pub task: TaskView,
    /// As submitted or as edited since, templates included and secrets such as `webhook_token` hidden.
    #[schema(value_type = Object)]
    pub parameters: Box<RawValue>,
    /// Whether the parameters are no longer those that were submitted.
    pub parameters_edited: bool,
    /// Null unless it has completed, or was skipped with a value; `status` tells a null result from none.
    #[schema(value_type = Option<Value>)]
    pub result: Option<Box<RawValue>>,
    pub progress: Option<ProgressView>,
    /// Attempts that workers were told to stop and have not confirmed.
    pub releasing: Vec<ReasonView>,
    /// The latest unsuccessful attempts, oldest first.
    pub attempts: Vec<AttemptView>,
    pub tags: Vec<Arc<str>>,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ProgressView {
    pub percent: u8,
    pub message: Arc<str>,
    pub at: Rfc3339,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptView {
    pub attempt: u32,
    pub worker: Option<Arc<str>>,
    pub ended_at: Rfc3339,
    pub code: String,
    pub message: Arc<str>,
}

impl TaskView {
    pub fn of(workflow: &Workflow, index: u32) -> Self {
        let task = workflow.task(index);
        let spec = workflow.spec.task(index);
        let route = workflow.spec.route_of(index);
        let policy = workflow.spec.policy_of(index);
        Self {
            id: workflow.wire_id(index),
            key: spec.key.clone(),
            name: workflow.name_of(index),
            workflow_id: workflow.label(),
            task_type: Arc::clone(&route.task_type),
            external_task_type: route.external_type.clone(),
            service_name: route.service.clone(),
            status: task.status.name(),
            priority: policy.priority.name(),
            attempt: task.attempt.0,
            failures: task.failures,
            max_attempts: policy.retry.max_attempts,
            timeout_seconds: seconds(policy.run_timeout_ms),
            dependencies: spec.dependencies.iter().map(|at| workflow.name_of(*at)).collect(),
            worker: worker_of(task),
            started_at: task.started_at.map(Rfc3339),
            ended_at: task.ended_at.map(Rfc3339),
            retry_at: retry_at(&task.status).map(Rfc3339),
            error: ErrorView::of(workflow, index),
            usage: usage_of(task),
        }
    }
}

impl TaskDetail {
    pub fn of(
        workflow: &Workflow,
        index: u32,
        parameters: &Payload,
        result: Option<&Payload>,
        progress: Option<(Timestamp, Progress)>,
    ) -> Self {
        let spec = workflow.spec.task(index);
        let history = workflow.task(index).trouble.iter().flat_map(|trouble| &trouble.history);
        Self {
            task: TaskView::of(workflow, index),
            parameters: raw(&without_secrets(parameters.as_str())),
            parameters_edited: workflow.task(index).edited().is_some(),
            result: result.map(|payload| raw(payload.as_str())),
            progress: progress.map(|(at, progress)| ProgressView {
                percent: progress.percent,
                message: progress.message,
                at: Rfc3339(at),
            }),
            releasing: Vec::new(),
            attempts: history.map(AttemptView::from).collect(),
            tags: spec.tags.clone(),
            metadata: spec.metadata.as_ref().map(|text| raw(text.as_str())),
        }
    }
}

impl ErrorView {
    /// The error of a task that failed, was skipped or cancelled, or whose last attempt failed.
    pub fn of(workflow: &Workflow, index: u32) -> Option<Self> {
        let task = workflow.task(index);
        match &task.status {
            // What it was where it ran stands in its last note.
            TaskStatus::Cancelled { code } if *code == errors::WORKFLOW_IMPORTED => {
                let note = task.trouble.as_ref().and_then(|trouble| trouble.history.last());
                Some(Self::plain(*code, note.map_or(code.entry().what, |note| &note.message)))
            }
            TaskStatus::Cancelled { code } => Some(Self::plain(*code, code.entry().what)),
            TaskStatus::Skipped { cause: SkipCause::Dependency(cause) } => {
                let cause = workflow.name_of(*cause);
                let message = format!("skipped, because \"{cause}\" did not succeed");
                Some(Self::plain(errors::DEPENDENCY_NOT_SATISFIED, &message))
            }
            TaskStatus::Skipped { cause: SkipCause::ByHand { .. } } | TaskStatus::Completed { .. } => None,
            TaskStatus::Pending { .. }
            | TaskStatus::Queued { .. }
            | TaskStatus::Assigned { .. }
            | TaskStatus::Processing { .. }
            | TaskStatus::Retrying { .. }
            | TaskStatus::Failed { .. } => {
                let failure = task.last_failure()?;
                Some(Self {
                    service_code: failure.service_code.clone(),
                    details: failure.details.as_ref().map(|text| raw(text.as_str())),
                    ..Self::plain(failure.code, &failure.message)
                })
            }
        }
    }

    fn plain(code: errors::Code, message: &str) -> Self {
        Self {
            code: code.to_string(),
            name: code.entry().name,
            message: Arc::from(message),
            service_code: None,
            details: None,
        }
    }
}

impl From<&AttemptNote> for AttemptView {
    fn from(note: &AttemptNote) -> Self {
        Self {
            attempt: note.attempt.0,
            worker: note.worker.as_ref().map(|worker| Arc::clone(&worker.0)),
            ended_at: Rfc3339(note.ended_at),
            code: note.code.to_string(),
            message: Arc::clone(&note.message),
        }
    }
}

fn worker_of(task: &Task) -> Option<Arc<str>> {
    if let TaskStatus::Completed { worker: Some(worker), .. } = &task.status {
        return Some(Arc::clone(&worker.0));
    }
    task.holder().map(|worker| Arc::clone(&worker.0))
}

fn usage_of(task: &Task) -> Option<UsageView> {
    let TaskStatus::Completed { usage, .. } = &task.status else { return None };
    usage.as_deref().map(UsageView::from)
}

fn retry_at(status: &TaskStatus) -> Option<Timestamp> {
    if let TaskStatus::Retrying { due } = status { Some(*due) } else { None }
}
