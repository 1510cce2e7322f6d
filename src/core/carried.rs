//! A whole workflow as one value: written again when the log before it is released, or when it is reopened.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{AttemptNo, Fingerprint, Seq, TaskId, Timestamp, WorkerId, WorkflowId};
use super::payload::{Payload, Stored};
use super::spec::WorkflowSpec;
use super::state::{Grant, State, Task, TaskStatus, Workflow, WorkflowStatus};

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
            grants: grants.collect(),
        }
    }

    /// Writes every payload that `load` finds into this value, so that it refers to no earlier record.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn embed<E>(&mut self, load: impl Fn(Seq, u32) -> Result<Payload, E>) -> Result<(), E> {
        let mut next_part = 0;
        let mut embed = |stored: &mut Stored| {
            let payload = match stored {
                Stored::Inline(_) => return Ok(()),
                Stored::Own(own) => own.text.clone().expect("an event in the making has its texts"),
                Stored::Logged { seq, part, .. } => load(*seq, *part)?,
            };
            *stored = Stored::fresh(payload, &mut next_part);
            Ok(())
        };
        for task in &mut Arc::make_mut(&mut self.spec).tasks {
            embed(&mut task.parameters)?;
        }
        for task in &mut self.tasks {
            if let TaskStatus::Completed { result, .. } = &mut task.status {
                embed(result)?;
            }
        }
        Ok(())
    }

    /// The large payloads, in the order of their part numbers.
    pub fn own_texts(&self) -> Vec<&Payload> {
        let parameters = self.spec.tasks.iter().map(|task| &task.parameters);
        let results = self.tasks.iter().filter_map(|task| match &task.status {
            TaskStatus::Completed { result, .. } => Some(result),
            TaskStatus::Pending { .. }
            | TaskStatus::Queued { .. }
            | TaskStatus::Assigned { .. }
            | TaskStatus::Processing { .. }
            | TaskStatus::Retrying { .. }
            | TaskStatus::Failed { .. }
            | TaskStatus::Cancelled { .. }
            | TaskStatus::Skipped { .. } => None,
        });
        parameters.chain(results).filter_map(Stored::own_text).collect()
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
