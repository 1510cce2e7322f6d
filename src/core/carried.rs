//! A whole workflow as one value: written again when the log before it is released, or when it is reopened.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{AttemptNo, Fingerprint, Seq, TaskId, Timestamp, WorkerId, WorkflowId};
use super::payload::{Payload, Stored};
use super::spec::WorkflowSpec;
use super::state::{Grant, State, Task, Workflow, WorkflowStatus};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedWorkflow {
    pub id: WorkflowId,
    pub spec: Arc<WorkflowSpec>,
    pub body: Fingerprint,
    pub key: Option<Fingerprint>,
    pub status: WorkflowStatus,
    pub created_at: Timestamp,
    pub timed_from: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub second_round: bool,
    pub tasks: Vec<Task>,
    /// Attempts that workers hold or may still run.
    pub grants: Vec<(WorkerId, TaskId, AttemptNo, Grant)>,
}

impl CarriedWorkflow {
    /// The workflow as it stands. Its payloads stay where they are until they are [embedded](Self::embed).
    pub fn of(workflow: &Workflow, state: &State) -> Self {
        let grants = state.grants.all().filter(|(_, task, _, _)| task.workflow == workflow.id);
        let grants = grants.map(|(worker, task, attempt, grant)| (worker.clone(), task, attempt, grant));
        Self { grants: grants.collect(), ..Self::ended(workflow) }
    }

    /// A workflow of which nobody holds anything any more.
    pub fn ended(workflow: &Workflow) -> Self {
        Self {
            id: workflow.id,
            spec: Arc::clone(&workflow.spec),
            body: workflow.body,
            key: workflow.key,
            status: workflow.status,
            created_at: workflow.created_at,
            timed_from: workflow.timed_from,
            started_at: workflow.started_at,
            ended_at: workflow.ended_at,
            second_round: workflow.second_round,
            tasks: workflow.tasks.iter().cloned().collect(),
            grants: Vec::new(),
        }
    }

    /// Writes every payload that `find` has into this value; the others stay where they are.
    pub fn embed(&mut self, find: impl Fn(Seq, u32) -> Option<Payload>) {
        let mut next_part = 0;
        let mut embed = |stored: &mut Stored| {
            if let Stored::Logged { seq, part, .. } = stored
                && let Some(payload) = find(*seq, *part)
            {
                *stored = Stored::fresh(payload, &mut next_part);
            }
        };
        for task in &mut Arc::make_mut(&mut self.spec).tasks {
            embed(&mut task.parameters);
        }
        self.tasks.iter_mut().flat_map(Task::payloads_mut).for_each(embed);
    }

    /// Every payload of a workflow that lies before `up_to` in the log.
    pub fn references_below(workflow: &Workflow, up_to: Seq) -> Vec<(Seq, u32)> {
        let parameters = workflow.spec.tasks.iter().map(|task| &task.parameters);
        let kept = workflow.tasks.iter().flat_map(Task::payloads);
        let below = |stored: &Stored| match stored {
            Stored::Logged { seq, part, .. } if *seq < up_to => Some((*seq, *part)),
            Stored::Logged { .. } | Stored::Inline(_) | Stored::Own(_) => None,
        };
        parameters.chain(kept).filter_map(below).collect()
    }

    /// The large payloads, in the order of their part numbers.
    pub fn own_texts(&self) -> Vec<&Payload> {
        let parameters = self.spec.tasks.iter().map(|task| &task.parameters);
        let kept = self.tasks.iter().flat_map(Task::payloads);
        parameters.chain(kept).filter_map(Stored::own_text).collect()
    }
}

/// A specification whose large parameters are seen from outside the record at `seq`.
pub fn settled_spec(spec: &Arc<WorkflowSpec>, seq: Seq) -> Arc<WorkflowSpec> {
    let own = |stored: &Stored| matches!(stored, Stored::Own(_));
    if !spec.tasks.iter().any(|task| own(&task.parameters)) {
        return Arc::clone(spec);
    }
    let mut spec = WorkflowSpec::clone(spec);
    for task in &mut spec.tasks {
        task.parameters = task.parameters.settled(seq);
    }
    Arc::new(spec)
}

/// A specification with large parameters is shared with nobody: the state has one without their texts.
pub(super) fn drop_spec_texts(spec: &mut Arc<WorkflowSpec>) {
    if spec.tasks.iter().any(|task| task.parameters.own_text().is_some()) {
        for task in &mut Arc::make_mut(spec).tasks {
            task.parameters.drop_text();
        }
    }
}
