//! What a person's word does to a task.

use std::sync::Arc;

use super::change::Queue;
use crate::core::event::{AfterFailure, ByHand, Failure};
use crate::core::ids::{AttemptNo, Seq, TaskId, Timestamp};
use crate::core::payload::Stored;
use crate::core::state::{Edited, SkipCause, State, TaskStatus};

impl State {
    pub(super) fn settle_by_hand(
        &mut self,
        id: TaskId,
        how: &ByHand,
        again: &[u32],
        release_until: Timestamp,
        seq: Seq,
        at: Timestamp,
    ) {
        self.release_holder(id, release_until);
        self.reopen(id.workflow, at);
        match how {
            ByHand::Completed { result } => {
                let status = TaskStatus::Completed { result: result.settled(seq), worker: None, usage: None };
                self.mark_ended(id, status, Queue::Ordinary, seq, at);
            }
            ByHand::Skipped { with } => {
                let with = with.as_ref().map(|value| value.settled(seq));
                let status = TaskStatus::Skipped { cause: SkipCause::ByHand { with } };
                self.mark_ended(id, status, Queue::Ordinary, seq, at);
            }
            ByHand::Failed { failure, next } => self.fail_by_hand(id, failure, *next, seq, at),
        }
        self.reset(id.workflow, again, at);
        // It may have ended before in another way, which let some of them start and others not: they are counted
        // anew instead of counted down.
        let Some(graph) = self.workflows.get(&id.workflow).map(|workflow| Arc::clone(&workflow.graph)) else {
            return;
        };
        for dependent in graph.dependents(id.index) {
            self.recount(TaskId::new(id.workflow, *dependent), at);
        }
    }

    fn fail_by_hand(&mut self, id: TaskId, failure: &Failure, next: AfterFailure, seq: Seq, at: Timestamp) {
        let Some(task) = self.task(id) else { return };
        let (attempt, failure) = (task.attempt, Arc::new(failure.clone()));
        self.note(id, attempt, None, failure.code, Arc::clone(&failure.message), at);
        if let Some(task) = self.task_mut(id) {
            task.failures += u32::from(attempt > AttemptNo(0));
            task.lost = 0;
            task.trouble.get_or_insert_default().last_failure = Some(Arc::clone(&failure));
        }
        match next {
            AfterFailure::RetryAt(due) => self.change(id, TaskStatus::Retrying { due }, Queue::Ordinary),
            AfterFailure::Final => {
                self.mark_ended(id, TaskStatus::Failed { failure }, Queue::Ordinary, seq, at);
            }
        }
    }

    pub(super) fn edit(&mut self, id: TaskId, parameters: Stored, references: &[u32]) {
        if let Some(task) = self.task_mut(id) {
            let edited = Edited { parameters, references: references.to_vec() };
            task.trouble.get_or_insert_default().edited = Some(edited);
        }
    }
}
