//! What was submitted: a workflow and its tasks, checked once at the door. A value of these types is valid:
//! names are unique, references are known, there is no cycle, limits are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::payload::{Payload, Stored};
use super::state::WorkflowStatus;

/// A workflow as submitted. Routes and policies are tables, because thousands of tasks share a few of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowSpec {
    /// The submitter's own id where it is not a UUID.
    pub label: Option<Arc<str>>,
    pub name: Arc<str>,
    pub description: Option<Arc<str>>,
    pub error_strategy: ErrorStrategy,
    pub max_parallel_tasks: Option<u32>,
    /// Limit for the whole workflow, from submission.
    pub timeout_ms: Option<u64>,
    pub tags: Vec<Arc<str>>,
    /// A JSON object, or nothing.
    pub metadata: Option<Payload>,
    /// W3C trace context, passed on to workers.
    pub traceparent: Option<Arc<str>>,
    pub routes: Vec<Route>,
    pub policies: Vec<Policy>,
    pub tasks: Vec<TaskSpec>,
    /// Present where another server ran it: here it is looked at, and never runs.
    pub imported: Option<Box<Imported>>,
}

/// What only the server that ran a workflow knew of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// When it was exported.
    pub status: WorkflowStatus,
    /// Of that server.
    pub version: Arc<str>,
    /// What had happened to it, as that server showed it: a JSON array in the order of its log.
    pub events: Stored,
}

impl WorkflowSpec {
    /// Every payload that belongs to the specification.
    pub fn payloads(&self) -> impl Iterator<Item = &Stored> {
        let parameters = self.tasks.iter().map(|task| &task.parameters);
        parameters.chain(self.imported.iter().map(|imported| &imported.events))
    }

    pub(in crate::core) fn payloads_mut(&mut self) -> impl Iterator<Item = &mut Stored> {
        let parameters = self.tasks.iter_mut().map(|task| &mut task.parameters);
        parameters.chain(self.imported.iter_mut().map(|imported| &mut imported.events))
    }

    /// # Panics
    /// When `index` is not a task of this workflow, which a valid task id excludes.
    pub fn task(&self, index: u32) -> &TaskSpec {
        self.tasks.get(index as usize).expect("a task index lies inside its workflow")
    }

    pub fn route_of(&self, index: u32) -> &Route {
        self.routes.get(self.task(index).route as usize).expect("a checked task names a known route")
    }

    pub fn policy_of(&self, index: u32) -> &Policy {
        self.policies.get(self.task(index).policy as usize).expect("a checked task names a known policy")
    }

    /// Number of tasks; at most 200,000.
    pub fn total(&self) -> u32 {
        u32::try_from(self.tasks.len()).expect("a workflow has at most 200,000 tasks")
    }

    /// The task that `reference` names inside this workflow: its key, its own id or its name.
    pub fn find(&self, reference: &str) -> Option<u32> {
        let is = |text: &Option<Arc<str>>| text.as_deref() == Some(reference);
        let found = self
            .tasks
            .iter()
            .position(|task| is(&task.key) || is(&task.own_id) || task.name.as_deref() == Some(reference))?;
        u32::try_from(found).ok()
    }
}

/// One task of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Short key (`task_1`): refers to the task inside its workflow.
    pub key: Option<Arc<str>>,
    /// A submitter's own task id, which travels on the wire as it is.
    pub own_id: Option<Arc<str>>,
    /// Absent where none was given; results are then keyed by key, own id or generated id.
    pub name: Option<Arc<str>>,
    /// Index into [`WorkflowSpec::routes`].
    pub route: u32,
    /// Index into [`WorkflowSpec::policies`].
    pub policy: u32,
    /// A JSON object, with templates where `has_templates` says so.
    pub parameters: Stored,
    pub has_templates: bool,
    /// Indexes of the tasks that must end before this one, ascending, each once. Template references are
    /// among them.
    pub dependencies: Vec<u32>,
    pub tags: Vec<Arc<str>>,
    pub metadata: Option<Payload>,
}

/// What a worker must offer to run a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// `text`, `function`, `external_ml`, ...
    pub task_type: Arc<str>,
    /// For external tasks: `ml_training`, `api_integration`, or a name of the user's own.
    pub external_type: Option<Arc<str>>,
    /// Only the service with this name.
    pub service: Option<Arc<str>>,
    /// For function tasks: the function's name.
    pub function: Option<Arc<str>>,
    pub requirements: Option<Requirements>,
}

/// Facts a worker must have declared at its registration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Requirements {
    pub cpu_cores: u32,
    pub memory_mb: u64,
    pub gpu_memory_mb: u64,
    pub requires_gpu: bool,
    pub required_models: Vec<Arc<str>>,
    pub node_tags: Vec<Arc<str>>,
}

/// How a task is scheduled, timed and retried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Policy {
    pub priority: Priority,
    pub trigger: Trigger,
    pub retry: RetryPolicy,
    /// From acceptance to the report.
    pub run_timeout_ms: u64,
    /// From being ready to being assigned; none unless set.
    pub queue_timeout_ms: Option<u64>,
}

/// When a task whose dependencies have ended runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Trigger {
    /// Only when all of them succeeded; otherwise it is skipped.
    OnSuccess,
    /// However they ended.
    OnEnd,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// All tries together, the first included; at least 1.
    pub max_attempts: u32,
    pub strategy: RetryStrategy,
    pub base_delay_ms: u64,
    pub max_delay_ms: u64,
    /// Spread of the delay: 200 means up to 20 % more or less.
    pub jitter_permille: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RetryStrategy {
    Fixed,
    Linear,
    Exponential,
}

/// What a final failure does to the rest of its workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ErrorStrategy {
    /// Everything else is cancelled and the workflow fails.
    Stop,
    /// Independent branches go on, dependents are skipped, the workflow ends failed.
    Continue,
    /// Dependents run with null in place of the result, the workflow ends completed.
    Skip,
    /// When all else has settled, failed tasks get one more full round; then as `Continue`.
    Retry,
}

/// Priorities, from the most to the least urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Priority {
    Urgent,
    High,
    Normal,
    Low,
}

impl Priority {
    pub const ALL: [Self; 4] = [Self::Urgent, Self::High, Self::Normal, Self::Low];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Share of a worker's turns while several priorities wait.
    pub const fn weight(self) -> u32 {
        match self {
            Self::Urgent => 8,
            Self::High => 4,
            Self::Normal => 2,
            Self::Low => 1,
        }
    }
}

impl ErrorStrategy {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Continue => "continue",
            Self::Skip => "skip",
            Self::Retry => "retry",
        }
    }
}

/// Names in a workflow, for references: key, own id and name of every task.
pub fn references(tasks: &[TaskSpec]) -> BTreeMap<&str, u32> {
    let mut names = BTreeMap::new();
    for (index, task) in tasks.iter().enumerate() {
        let index = u32::try_from(index).expect("a workflow has at most 200,000 tasks");
        for name in [&task.name, &task.own_id, &task.key].into_iter().flatten() {
            names.insert(name.as_ref(), index);
        }
    }
    names
}
