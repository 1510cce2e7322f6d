//! Why a task waits, as REST says it.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::words;
use crate::core::ids::Timestamp;
use crate::core::presence::Left;
use crate::core::state::Workflow;
use crate::core::why::{Handing, Nobody, Reason, Why};
use crate::protocol::time::Rfc3339;

#[derive(Debug, Serialize, ToSchema)]
pub struct WhyView {
    pub task_id: String,
    pub task_name: String,
    pub workflow_id: String,
    #[schema(schema_with = words::task_status)]
    pub status: &'static str,
    /// One sentence for a person.
    pub summary: String,
    pub reasons: Vec<ReasonView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonView {
    /// A stable word: `dependencies`, `no_worker`, `workers_busy`, `backoff`, ...
    pub kind: &'static str,
    pub message: String,
    /// What the reason is about; its members depend on the kind.
    #[serde(flatten)]
    pub facts: Value,
}

impl WhyView {
    pub fn of(workflow: &Workflow, why: &Why, now: Timestamp) -> Self {
        Self {
            task_id: workflow.wire_id(why.task.index).to_string(),
            task_name: workflow.name_of(why.task.index).to_string(),
            workflow_id: workflow.label().to_string(),
            status: why.status.name(),
            summary: why.summary.clone(),
            reasons: why.reasons.iter().map(|reason| ReasonView::of(workflow, reason, now)).collect(),
        }
    }
}

impl ReasonView {
    pub fn of(workflow: &Workflow, reason: &Reason, now: Timestamp) -> Self {
        Self { kind: reason.kind(), message: reason.sentence(now), facts: facts(workflow, reason) }
    }
}

fn facts(workflow: &Workflow, reason: &Reason) -> Value {
    let time = |at: &Timestamp| Rfc3339(*at).to_string();
    match reason {
        Reason::Dependencies { waiting_on, listed } => {
            let tasks: Vec<Value> = listed
                .iter()
                .map(|(index, name, status)| {
                    json!({"id": &*workflow.wire_id(*index), "name": &**name, "status": status.name()})
                })
                .collect();
            json!({"waiting_on": waiting_on, "dependencies": tasks})
        }
        Reason::DiskFull | Reason::WorkflowPaused { .. } | Reason::Ended => json!({}),
        Reason::ParallelLimit { limit } => json!({"limit": limit}),
        Reason::NoWorker(nobody) => of_nobody(nobody),
        Reason::WorkersBusy { workers } => {
            let busy: Vec<Value> = workers
                .iter()
                .map(|busy| {
                    json!({
                        "id": &*busy.worker.0, "name": &*busy.name, "active_tasks": busy.held,
                        "capacity": busy.capacity, "takes_work": busy.takes_work,
                    })
                })
                .collect();
            json!({"workers": busy})
        }
        Reason::BreakerOpen { service, until } => json!({"service": &**service, "until": time(until)}),
        Reason::Refused { worker, until } => json!({"worker": &*worker.0, "until": time(until)}),
        Reason::Postponed { worker, until, remark } => {
            json!({"worker": &*worker.0, "until": time(until), "remark": remark.as_deref()})
        }
        Reason::EarlierAttempt { worker } | Reason::SameId { worker } | Reason::NoHandler { worker } => {
            json!({"worker": &*worker.0})
        }
        Reason::Unheard { worker, since } => json!({"worker": &*worker.0, "since": time(since)}),
        Reason::Backoff { until, failures, max_attempts } => {
            json!({"until": time(until), "failures": failures, "max_attempts": max_attempts})
        }
        Reason::Releasing { worker, attempt, until } => {
            json!({"worker": &*worker.0, "attempt": attempt.0, "until": time(until)})
        }
        Reason::Unconfirmed { worker, since, until } => {
            json!({"worker": &*worker.0, "since": time(since), "until": time(until)})
        }
        Reason::InLine { waiting } => json!({"waiting": waiting}),
        Reason::HandedOn { receiver, handing, since, run_until } => {
            let (tries, error, next) = match handing {
                Handing::Failed { tries, error, next } => (Some(tries), Some(&**error), Some(time(next))),
                Handing::Posting | Handing::Taken => (None, None, None),
            };
            json!({
                "receiver": receiver.as_deref(), "taken": *handing == Handing::Taken, "tries": tries, "error": error,
                "next_at": next, "since": time(since), "timeout_at": run_until.as_ref().map(time),
            })
        }
        Reason::Running { worker, since, accepted, connected, run_until } => json!({
            "worker": &*worker.0, "since": time(since), "accepted": accepted, "connected": connected,
            "timeout_at": run_until.as_ref().map(time),
        }),
    }
}

fn of_nobody(nobody: &Nobody) -> Value {
    let Nobody { wanted, connected, advice: _, nearest, remarks, lacking, gone } = nobody;
    let said: Vec<Value> =
        remarks.iter().map(|(worker, remark)| json!({"worker": &*worker.0, "remark": &**remark})).collect();
    let lacking = lacking.as_ref().map(|(worker, lacks)| json!({"worker": &*worker.0, "lacks": lacks}));
    let gone = gone.as_ref().map(|gone| {
        json!({
            "service": &*gone.service, "last_seen_at": Rfc3339(gone.last_seen).to_string(),
            "left": gone.how.map(Left::name),
        })
    });
    json!({
        "wanted": wanted, "connected_workers": connected, "nearest": nearest, "remarks": said,
        "lacking": lacking, "gone": gone,
    })
}
