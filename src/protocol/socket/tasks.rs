//! What workers are sent, and what the room of a workflow is told.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Refused;
use crate::core::event::Failure;
use crate::core::ids::{AttemptNo, Timestamp};
use crate::core::rejection::Rejection;
use crate::core::state::{StatusKind, Workflow};
use crate::protocol::fields::Seconds;
use crate::protocol::time::NaiveUtc;

/// The greeting of a new connection.
#[derive(Debug, Serialize)]
pub struct Connected<'a> {
    pub message: &'a str,
    pub sid: &'a str,
}

impl Connected<'_> {
    pub const EVENT: &'static str = "connected";
}

/// `task:assign`.
#[derive(Debug, Serialize)]
pub struct Assign<'a> {
    pub task_id: &'a str,
    pub workflow_id: &'a str,
    pub attempt: u32,
    pub task_type: &'a str,
    pub task_name: &'a str,
    /// An object, templates filled.
    pub parameters: &'a RawValue,
    pub priority: &'static str,
    pub max_retries: u32,
    /// How long the attempt may run.
    pub timeout: Seconds,
    pub assigned_at: NaiveUtc,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<&'a str>,
    /// For services only.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub external: Option<External<'a>>,
}

impl Assign<'_> {
    pub const EVENT: &'static str = "task:assign";
}

/// What handlers of services look for beside the parameters. It stands in the parameters as well.
#[derive(Debug, Serialize)]
pub struct External<'a> {
    #[serde(rename = "external_task_type", skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_name: Option<&'a str>,
    #[serde(rename = "external_parameters")]
    parameters: &'a RawValue,
    #[serde(rename = "external_timeout")]
    timeout: Seconds,
}

impl<'a> External<'a> {
    /// Looks for the external parameters in those of the task.
    pub fn new(
        parameters: &'a RawValue,
        task_type: Option<&'a str>,
        service_name: Option<&'a str>,
        timeout: Seconds,
    ) -> Self {
        #[derive(Deserialize)]
        struct View<'a> {
            #[serde(borrow)]
            external_parameters: Option<&'a RawValue>,
        }
        let view: Result<View<'a>, _> = serde_json::from_str(parameters.get());
        let parameters = view.ok().and_then(|view| view.external_parameters);
        let parameters = parameters
            .unwrap_or_else(|| serde_json::from_str("{}").expect("the text of an empty object is JSON"));
        Self { task_type, service_name, parameters, timeout }
    }
}

/// `task:cancel`.
#[derive(Debug, Serialize)]
pub struct Cancel<'a> {
    pub task_id: &'a str,
    pub workflow_id: &'a str,
    pub attempt: u32,
}

impl Cancel<'_> {
    pub const EVENT: &'static str = "task:cancel";
}

/// `cluster:shutdown`.
#[derive(Debug, Serialize)]
pub struct Shutdown<'a> {
    pub reason: &'a str,
    /// Whether the server comes back, so that a worker that understands this keeps its tasks.
    pub restart: bool,
}

impl Shutdown<'_> {
    pub const EVENT: &'static str = "cluster:shutdown";
}

/// `task:progress` in the room of a workflow.
#[derive(Debug, Serialize)]
pub struct TaskProgress<'a> {
    pub task_id: &'a str,
    pub workflow_id: &'a str,
    pub progress: u8,
    pub message: &'a str,
    pub timestamp: NaiveUtc,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a RawValue>,
}

impl TaskProgress<'_> {
    pub const EVENT: &'static str = "task:progress";
}

/// `task:completed` in the room of a workflow.
#[derive(Debug, Serialize)]
pub struct TaskCompletion<'a> {
    pub task_id: &'a str,
    pub workflow_id: &'a str,
    pub result: &'a RawValue,
    pub timestamp: NaiveUtc,
    /// Seconds from the acceptance.
    pub execution_time: f64,
}

impl TaskCompletion<'_> {
    pub const EVENT: &'static str = "task:completed";
}

/// `task:failed` in the room of a workflow, when the failure is final.
#[derive(Debug, Serialize)]
pub struct TaskFailure<'a> {
    task_id: &'a str,
    workflow_id: &'a str,
    error: &'a str,
    code: String,
    retry_count: u32,
    timestamp: NaiveUtc,
}

impl<'a> TaskFailure<'a> {
    pub const EVENT: &'static str = "task:failed";

    pub fn new(
        (task_id, workflow_id): (&'a str, &'a str),
        failure: &'a Failure,
        attempt: AttemptNo,
        at: Timestamp,
    ) -> Self {
        Self {
            task_id,
            workflow_id,
            error: &failure.message,
            code: failure.code.to_string(),
            retry_count: attempt.0.saturating_sub(1),
            timestamp: NaiveUtc(at),
        }
    }
}

/// `workflow:started`.
#[derive(Debug, Serialize)]
pub struct WorkflowStart<'a> {
    pub workflow_id: &'a str,
    pub name: &'a str,
    pub total_tasks: u32,
    pub timestamp: NaiveUtc,
}

impl WorkflowStart<'_> {
    pub const EVENT: &'static str = "workflow:started";
}

/// `workflow:progress`.
#[derive(Debug, Serialize)]
pub struct WorkflowProgress<'a> {
    pub workflow_id: &'a str,
    pub progress_percentage: u32,
    pub total_tasks: u32,
    pub completed_tasks: u32,
    pub failed_tasks: u32,
    pub timestamp: NaiveUtc,
}

impl<'a> WorkflowProgress<'a> {
    pub const EVENT: &'static str = "workflow:progress";

    /// `ended` counts the tasks that will not run any more, whatever became of them.
    pub fn new(
        workflow_id: &'a str,
        (total_tasks, ended): (u32, u32),
        (completed_tasks, failed_tasks): (u32, u32),
        at: Timestamp,
    ) -> Self {
        let share = 100 * u64::from(ended) / u64::from(total_tasks.max(1));
        Self {
            workflow_id,
            progress_percentage: u32::try_from(share.min(100)).expect("at most 100"),
            total_tasks,
            completed_tasks,
            failed_tasks,
            timestamp: NaiveUtc(at),
        }
    }
}

/// `workflow:completed`, which is sent for a failure as well.
#[derive(Debug, Serialize)]
pub struct WorkflowEnd<'a> {
    pub workflow_id: &'a str,
    pub status: &'a str,
    pub completed_tasks: u32,
    pub failed_tasks: u32,
    pub timestamp: NaiveUtc,
}

impl WorkflowEnd<'_> {
    pub const EVENT: &'static str = "workflow:completed";
}

/// `workflow:cancelled`.
#[derive(Debug, Serialize)]
pub struct WorkflowCancellation<'a> {
    pub workflow_id: &'a str,
    pub timestamp: NaiveUtc,
}

impl WorkflowCancellation<'_> {
    pub const EVENT: &'static str = "workflow:cancelled";
}

/// What watchers are sent: all records of a workflow, or of everything, since the frame before.
#[derive(Debug, Serialize)]
pub struct WatchFrame<'a> {
    /// Absent in frames about everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<&'a str>,
    /// The first position that the frame covers. A client whose last frame ended before the one before it has
    /// missed something, and reads on from its own position.
    pub since: u64,
    /// The last position that the frame covers.
    pub seq: u64,
    /// Something was left out because there was too much of it: read from `since` on.
    pub gap: bool,
    pub events: &'a [Arc<RawValue>],
    /// Progress of tasks, which has no position and is told once.
    pub progress: &'a [Arc<RawValue>],
}

impl WatchFrame<'_> {
    pub const EVENT: &'static str = "watch:frame";
}

/// `workflow:status_response`.
#[derive(Debug, Serialize)]
pub struct WorkflowStatusResponse<'a> {
    pub workflow_id: &'a str,
    /// Absent where there is no such workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<WorkflowState<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Refused>,
}

impl<'a> WorkflowStatusResponse<'a> {
    pub const EVENT: &'static str = "workflow:status_response";

    pub fn found(label: &'a str, workflow: &'a Workflow) -> Self {
        let status = WorkflowState {
            id: label,
            name: &workflow.spec.name,
            status: workflow.status.name(),
            total_tasks: workflow.spec.total(),
            completed_tasks: workflow.counts.of(StatusKind::Completed),
            failed_tasks: workflow.counts.of(StatusKind::Failed),
            created_at: NaiveUtc(workflow.created_at),
            completed_at: workflow.ended_at.map(NaiveUtc),
        };
        Self { workflow_id: label, status: Some(status), error: None }
    }

    pub fn refused(workflow_id: &'a str, rejection: &Rejection) -> Self {
        Self { workflow_id, status: None, error: Some(Refused::from(rejection)) }
    }
}

#[derive(Debug, Serialize)]
pub struct WorkflowState<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub status: &'a str,
    pub total_tasks: u32,
    pub completed_tasks: u32,
    pub failed_tasks: u32,
    pub created_at: NaiveUtc,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<NaiveUtc>,
}
