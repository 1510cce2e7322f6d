//! A workflow with all of its tasks in columns: one list for each property, in the order of the tasks. 10,000 tasks are
//! a sixth of what they are as objects, and a browser reads them in a few milliseconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::task::ErrorView;
use super::workflow::WorkflowDetail;
use crate::core::ids::{Seq, Timestamp, WorkerId};
use crate::core::spec::{Route, WorkflowSpec};
use crate::core::state::{StatusKind, Task, TaskStatus, Workflow};

/// Failures that are told with their words; of more, a person reads the tasks one by one. A message has at most
/// 4 KiB, so these are 2 MiB at worst.
const ERRORS_MAX: usize = 500;
/// What stands where a task has no value: it has not started, not ended, no worker.
const NONE: i64 = -1;

/// `GET /workflows/{id}/graph`.
#[derive(Debug, Serialize, ToSchema)]
pub struct GraphView {
    #[serde(flatten)]
    pub workflow: WorkflowDetail,
    /// Position of the log at which all of this is true.
    pub seq: u64,
    /// Engine time of this answer and of the creation, in milliseconds since 1970. `started` and `ended` of the tasks
    /// count from the latter.
    pub now_ms: u64,
    pub created_ms: u64,
    /// The id of task `i` is `<generated_id>.<i>`, except those in `own_ids`.
    pub generated_id: String,
    #[schema(value_type = BTreeMap<String, String>)]
    pub own_ids: BTreeMap<u32, Arc<str>>,
    #[serde(flatten)]
    pub shape: ShapeView,
    /// The words for the numbers in `task_status`.
    pub statuses: [&'static str; StatusKind::ALL.len()],
    pub task_status: Vec<u8>,
    pub attempt: Vec<u32>,
    /// Milliseconds from the creation, -1 where there is none yet.
    pub started: Vec<i64>,
    pub ended: Vec<i64>,
    /// What the numbers in `worker` stand for; -1 is nobody.
    pub workers: Vec<Arc<str>>,
    pub worker: Vec<i64>,
    /// When tasks that wait for their backoff are tried again, in milliseconds since 1970.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub retry_at: BTreeMap<u32, u64>,
    /// Of tasks that failed, or whose last attempt did; the first 500.
    #[schema(value_type = BTreeMap<String, ErrorView>)]
    pub errors: BTreeMap<u32, ErrorView>,
}

/// What does not change while a workflow runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShapeView {
    pub names: Vec<Arc<str>>,
    /// What the numbers in `route` stand for.
    pub routes: Vec<RouteView>,
    pub route: Vec<u32>,
    /// How many dependencies each task has; they follow one another in `dependencies`, as places in these lists.
    pub dependency_counts: Vec<usize>,
    pub dependencies: Vec<u32>,
}

/// What tasks ask of a worker.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteView {
    pub task_type: Arc<str>,
    pub external_task_type: Option<Arc<str>>,
    pub service_name: Option<Arc<str>>,
    pub function: Option<Arc<str>>,
}

impl GraphView {
    pub fn of(workflow: &Workflow, seq: Seq, now: Timestamp) -> Self {
        let created = workflow.created_at;
        let since = |at: Option<Timestamp>| {
            at.map_or(NONE, |at| i64::try_from(at.since(created)).unwrap_or(i64::MAX))
        };
        let spec = &workflow.spec;
        let indexes = || 0..spec.total();
        let mut workers = Numbers::default();
        let worker = workflow.tasks.iter().map(|task| worker_of(task).map_or(NONE, |name| workers.of(name)));
        Self {
            worker: worker.collect(),
            workers: workers.names,
            workflow: WorkflowDetail::from(workflow),
            seq: seq.0,
            now_ms: now.0,
            created_ms: created.0,
            generated_id: workflow.id.to_string(),
            own_ids: indexes().filter_map(|at| Some((at, spec.task(at).own_id.clone()?))).collect(),
            shape: ShapeView::of(spec, |index| workflow.name_of(index)),
            statuses: StatusKind::ALL.map(StatusKind::name),
            task_status: workflow.tasks.iter().map(|task| task.status.kind() as u8).collect(),
            attempt: workflow.tasks.iter().map(|task| task.attempt.0).collect(),
            started: workflow.tasks.iter().map(|task| since(task.started_at)).collect(),
            ended: workflow.tasks.iter().map(|task| since(task.ended_at)).collect(),
            retry_at: indexes().filter_map(|at| Some((at, due(&workflow.task(at).status)?))).collect(),
            errors: indexes()
                .filter(|at| workflow.task(*at).last_failure().is_some())
                .filter_map(|at| Some((at, ErrorView::of(workflow, at)?)))
                .take(ERRORS_MAX)
                .collect(),
        }
    }
}

impl ShapeView {
    pub fn of(spec: &WorkflowSpec, name: impl Fn(u32) -> Arc<str>) -> Self {
        Self {
            names: (0..spec.total()).map(name).collect(),
            routes: spec.routes.iter().map(RouteView::from).collect(),
            route: spec.tasks.iter().map(|task| task.route).collect(),
            dependency_counts: spec.tasks.iter().map(|task| task.dependencies.len()).collect(),
            dependencies: spec.tasks.iter().flat_map(|task| task.dependencies.iter().copied()).collect(),
        }
    }

    /// Of a workflow that has not been submitted.
    pub fn of_draft(spec: &WorkflowSpec) -> Self {
        Self::of(spec, |index| {
            let task = spec.task(index);
            let name = [&task.name, &task.key, &task.own_id].into_iter().flatten().next();
            name.map_or_else(|| Arc::from(index.to_string()), Arc::clone)
        })
    }
}

impl From<&Route> for RouteView {
    fn from(route: &Route) -> Self {
        Self {
            task_type: Arc::clone(&route.task_type),
            external_task_type: route.external_type.clone(),
            service_name: route.service.clone(),
            function: route.function.clone(),
        }
    }
}

/// Numbers for names, in the order of their appearance.
#[derive(Default)]
struct Numbers {
    names: Vec<Arc<str>>,
    known: BTreeMap<Arc<str>, i64>,
}

impl Numbers {
    fn of(&mut self, worker: &WorkerId) -> i64 {
        if let Some(number) = self.known.get(&worker.0) {
            return *number;
        }
        let number = i64::try_from(self.names.len()).expect("there are fewer workers than tasks");
        self.known.insert(Arc::clone(&worker.0), number);
        self.names.push(Arc::clone(&worker.0));
        number
    }
}

/// Who runs a task, completed it, or made the last unsuccessful attempt.
fn worker_of(task: &Task) -> Option<&WorkerId> {
    if let TaskStatus::Completed { worker, .. } = &task.status {
        return worker.as_ref();
    }
    task.holder().or_else(|| task.trouble.as_ref()?.history.last()?.worker.as_ref())
}

fn due(status: &TaskStatus) -> Option<u64> {
    if let TaskStatus::Retrying { due } = status { Some(due.0) } else { None }
}
