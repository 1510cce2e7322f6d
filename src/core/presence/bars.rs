//! What keeps a task from a worker that serves its class and has a free slot.

use super::{Presence, Present, Refusal, Refused};
use crate::core::ids::{TaskId, Timestamp};
use crate::core::state::{State, StatusKind};

/// Tasks for which one worker's record remembers that it has no handler. Beyond it, it is asked again.
const NO_HANDLER_MAX: usize = 10_000;

/// Why a worker is not given a task now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    /// It said that it has no handler for it.
    NoHandler,
    /// It refused the task, and is left alone with it until then.
    Refused { until: Timestamp },
    /// It cannot begin before.
    Postponed { until: Timestamp },
    /// It does not fence and may still run an earlier attempt: it would start a second handler and confuse both.
    EarlierAttempt,
    /// It does not fence and may still run another workflow's task of the same id, which it could not tell apart.
    SameId,
}

impl Presence {
    /// Whether a ready task may be offered to this worker, which could run its route.
    pub fn may_take(&self, state: &State, worker: &Present, task: TaskId, now: Timestamp) -> bool {
        let queued = state.task(task).is_some_and(|task| task.status.kind() == StatusKind::Queued);
        queued && self.bar(state, worker, task, now).is_none()
    }

    /// What keeps this task from this worker.
    pub fn bar(&self, state: &State, worker: &Present, task: TaskId, now: Timestamp) -> Option<Bar> {
        let own = worker.own_bar(task, now);
        if own.is_some() || worker.facts.fences {
            return own;
        }
        if state.grants.of_task(&worker.facts.worker, task).next().is_some() {
            return Some(Bar::EarlierAttempt);
        }
        same_id_there(state, worker, task).then_some(Bar::SameId)
    }
}

impl Present {
    /// Whether a ready task may be offered to it that did not come back from a worker: nobody may still run it.
    pub(in crate::core) fn takes_fresh(&self, state: &State, task: TaskId, now: Timestamp) -> bool {
        self.own_bar(task, now).is_none() && (self.facts.fences || !same_id_there(state, self, task))
    }

    /// What the worker itself has said of the task.
    fn own_bar(&self, task: TaskId, now: Timestamp) -> Option<Bar> {
        if self.no_handler.contains(&task) {
            return Some(Bar::NoHandler);
        }
        let Refusal { until, why } = *self.refusals.get(&task).filter(|refusal| refusal.until > now)?;
        Some(match why {
            Refused::Full { .. } => Bar::Refused { until },
            Refused::Postponed => Bar::Postponed { until },
        })
    }

    /// Tasks that may be barred from this worker, at most.
    pub(in crate::core) fn bars(&self, state: &State) -> usize {
        self.no_handler.len() + self.refusals.len() + state.grants.count(&self.facts.worker) as usize
    }

    pub fn has_no_handler_for(&self, task: TaskId) -> bool {
        self.no_handler.contains(&task)
    }

    pub(super) fn note_no_handler(&mut self, task: TaskId, state: &State) {
        if self.no_handler.len() >= NO_HANDLER_MAX {
            let waits = |task: &TaskId| state.task(*task).is_some_and(|known| !known.status.has_ended());
            self.no_handler.retain(waits);
        }
        if self.no_handler.len() < NO_HANDLER_MAX {
            self.no_handler.insert(task);
        }
    }
}

/// Whether the worker may still run another task that goes by the same id. Generated ids are unique, so this asks
/// only where a submitter brought an id of its own. The own ids of a workflow that has left memory are not known any
/// more: while the worker has not confirmed that it stopped a task of such a one, any could be the same.
fn same_id_there(state: &State, worker: &Present, task: TaskId) -> bool {
    let own_id = |task: TaskId| {
        let workflow = state.workflow(task.workflow)?;
        workflow.spec.task(task.index).own_id.as_deref()
    };
    let Some(id) = own_id(task) else { return false };
    let mut held = state.grants.of(&worker.facts.worker).filter(|(other, _, _)| *other != task);
    held.any(|(other, _, _)| own_id(other) == Some(id) || state.workflow(other.workflow).is_none())
}
