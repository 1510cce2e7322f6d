//! One workflow's facts. A clone is a cheap handle for readers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chunks::Chunks;
use super::ready::ClassId;
use super::task::{StatusKind, Task, TaskStatus};
use crate::core::graph::Graph;
use crate::core::ids::{Fingerprint, Seq, TaskId, Timestamp, WorkflowId};
use crate::core::payload::Stored;
use crate::core::spec::{ErrorStrategy, Trigger, WorkflowSpec};

#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    pub id: WorkflowId,
    pub spec: Arc<WorkflowSpec>,
    pub graph: Arc<Graph>,
    /// The record that holds the specification.
    pub spec_seq: Seq,
    pub body: Fingerprint,
    pub key: Option<Fingerprint>,
    pub status: WorkflowStatus,
    pub created_at: Timestamp,
    /// The time limit counts from here: the submission, or the last retry by hand.
    pub timed_from: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// The record that ended it. A workflow that was retried ends more than once.
    pub ended_seq: Option<Seq>,
    /// Whether the extra round of the `retry` strategy has been used.
    pub second_round: bool,
    pub tasks: Chunks<Task>,
    pub counts: Counts,
    /// Routing class of each route of the specification.
    pub classes: Arc<Vec<ClassId>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WorkflowStatus {
    /// No task has been offered yet.
    Pending,
    Running,
    Paused,
    Completed,
    Failed,
    Cancelled,
}

impl WorkflowStatus {
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Paused, Self::Completed, Self::Failed, Self::Cancelled];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == text)
    }

    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// How many tasks are in each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts([u32; StatusKind::ALL.len()]);

impl Counts {
    pub fn of(&self, kind: StatusKind) -> u32 {
        self.0.get(kind as usize).copied().expect("one counter for each status")
    }

    pub(in crate::core) fn add(&mut self, kind: StatusKind) {
        *self.0.get_mut(kind as usize).expect("one counter for each status") += 1;
    }

    pub(in crate::core) fn remove(&mut self, kind: StatusKind) {
        *self.0.get_mut(kind as usize).expect("one counter for each status") -= 1;
    }

    /// Tasks that hold a worker.
    pub fn running(&self) -> u32 {
        self.of(StatusKind::Assigned) + self.of(StatusKind::Processing)
    }

    /// Tasks that go on without anything else having to end first.
    pub fn active(&self) -> u32 {
        self.running() + self.of(StatusKind::Queued) + self.of(StatusKind::Retrying)
    }

    pub fn unsettled(&self) -> u32 {
        self.active() + self.of(StatusKind::Pending)
    }
}

impl Workflow {
    /// # Panics
    /// When `index` lies outside, which a known task id excludes.
    pub fn task(&self, index: u32) -> &Task {
        self.tasks.get(index as usize).expect("a known task lies inside its workflow")
    }

    pub const fn task_id(&self, index: u32) -> TaskId {
        TaskId::new(self.id, index)
    }

    /// The name under which results and errors of a task are listed.
    pub fn name_of(&self, index: u32) -> Arc<str> {
        let task = self.spec.task(index);
        [&task.name, &task.key, &task.own_id]
            .into_iter()
            .flatten()
            .next()
            .map_or_else(|| Arc::from(self.task_id(index).to_string()), Arc::clone)
    }

    /// The id by which a worker and the submitter know a task.
    pub fn wire_id(&self, index: u32) -> Arc<str> {
        let own = self.spec.task(index).own_id.as_ref();
        own.map_or_else(|| Arc::from(self.task_id(index).to_string()), Arc::clone)
    }

    /// The id by which the submitter knows the workflow.
    pub fn label(&self) -> Arc<str> {
        self.spec.label.as_ref().map_or_else(|| Arc::from(self.id.to_string()), Arc::clone)
    }

    /// What a task runs with: as submitted, or as edited since. Templates may be in it.
    pub fn parameters_of(&self, index: u32) -> &Stored {
        let submitted = || &self.spec.task(index).parameters;
        self.task(index).edited().map_or_else(submitted, |edited| &edited.parameters)
    }

    /// Its place in lists: by creation, which a generated id tells by itself.
    pub fn listed_at(&self) -> (Timestamp, WorkflowId) {
        (self.id.generated_at().unwrap_or(self.created_at), self.id)
    }

    /// When the whole workflow is out of time.
    pub fn total_deadline(&self) -> Option<Timestamp> {
        self.spec.timeout_ms.map(|limit| self.timed_from.plus(limit))
    }

    /// Whether `dependency`, as it stands, lets `dependent` start.
    pub fn satisfies(&self, dependency: u32, dependent: u32) -> bool {
        let status = &self.task(dependency).status;
        if status.result().is_some() {
            return true;
        }
        let tolerant = self.spec.error_strategy == ErrorStrategy::Skip
            || self.spec.policy_of(dependent).trigger == Trigger::OnEnd;
        // Under `retry` a failure of the first round is not an end yet.
        let comes_again = matches!(status, TaskStatus::Failed { .. })
            && self.spec.error_strategy == ErrorStrategy::Retry
            && !self.second_round;
        status.has_ended() && tolerant && !comes_again
    }

    /// How many dependencies a task still waits for.
    pub fn waiting_on(&self, index: u32) -> u32 {
        let dependencies = &self.spec.task(index).dependencies;
        let waiting = dependencies.iter().filter(|dependency| !self.satisfies(**dependency, index)).count();
        u32::try_from(waiting).expect("bounded by the number of tasks")
    }

    /// Whether new attempts of its tasks may be offered now.
    pub fn dispatches(&self) -> bool {
        let open = matches!(self.status, WorkflowStatus::Pending | WorkflowStatus::Running);
        open && self.spec.max_parallel_tasks.is_none_or(|limit| self.counts.running() < limit)
    }
}
