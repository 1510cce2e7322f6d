//! The one place where a task's status changes: counters, queues and timers follow from it.

use std::sync::Arc;

use crate::core::errors::Code;
use crate::core::ids::{AttemptNo, Seq, TaskId, Timestamp};
use crate::core::spec::Priority;
use crate::core::state::{ClassId, State, StatusKind, Task, TaskStatus, Timer, Turn, Workflow};

/// Where a task that becomes ready queues up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    /// In its workflow's lane, or before the lanes when some workers must not get it.
    Ordinary,
    /// Before the lanes: it came back from a worker.
    Returned,
    /// Nowhere: its workflow has just been taken out of all queues.
    Gone,
}

/// What the queues need to know of a task.
struct Place {
    class: ClassId,
    priority: Priority,
    queue_timeout_ms: Option<u64>,
    run_timeout_ms: u64,
}

impl Place {
    fn of(workflow: &Workflow, index: u32) -> Self {
        let route = workflow.spec.task(index).route as usize;
        let policy = workflow.spec.policy_of(index);
        Self {
            class: *workflow.classes.get(route).expect("one class for each route"),
            priority: policy.priority,
            queue_timeout_ms: policy.queue_timeout_ms,
            run_timeout_ms: policy.run_timeout_ms,
        }
    }
}

/// A deadline, and a queue.
type Due = (Timestamp, Timer);
type Spot = (ClassId, Priority);

impl State {
    /// Moves a task to another status. Grants are the caller's.
    pub(super) fn change(&mut self, id: TaskId, to: TaskStatus, queue: Queue) {
        let Some(workflow) = self.workflows.get_mut(&id.workflow) else { return };
        let place = Place::of(workflow, id.index);
        let before = workflow.dispatches();
        let Some(task) = workflow.tasks.get_mut(id.at()) else { return };
        let from = std::mem::replace(&mut task.status, to);
        let (old, new) = (from.kind(), task.status.kind());
        workflow.counts.remove(old);
        workflow.counts.add(new);
        let after = workflow.dispatches();
        if old == StatusKind::Queued && queue != Queue::Gone {
            self.ready.remove(place.class, place.priority, id);
        }
        self.clear_timer(id, &from, &place);
        self.enter(id, &place, queue);
        if before != after {
            self.settle_turn(id.workflow);
        }
    }

    fn clear_timer(&mut self, id: TaskId, left: &TaskStatus, place: &Place) {
        if let Some((at, timer)) = timer_of(id, left, place) {
            self.timers.clear(at, timer);
        }
    }

    /// Puts a task into the queue and sets the timer that its status asks for.
    fn enter(&mut self, id: TaskId, place: &Place, queue: Queue) {
        let Some(workflow) = self.workflows.get(&id.workflow) else { return };
        let turn = if workflow.dispatches() { Turn::Takes } else { Turn::Parked };
        let task = workflow.task(id.index);
        if let Some((at, timer)) = timer_of(id, &task.status, place) {
            self.timers.set(at, timer);
        }
        if task.status.kind() == StatusKind::Queued {
            match queue {
                Queue::Ordinary if !task.is_choosy() => {
                    self.ready.push(place.class, place.priority, id, turn);
                }
                Queue::Ordinary | Queue::Returned => {
                    self.ready.push_returned(place.class, place.priority, id, turn);
                }
                Queue::Gone => {}
            }
        }
    }

    /// Queues and times a task that entered memory with its status, after a restart or a carry.
    pub(super) fn enter_restored(&mut self, id: TaskId) {
        let Some(workflow) = self.workflows.get(&id.workflow) else { return };
        let place = Place::of(workflow, id.index);
        self.enter(id, &place, Queue::Ordinary);
    }

    /// The deadline and the place in the queues that a task should have.
    pub(in crate::core) fn due_and_place(workflow: &Workflow, index: u32) -> (Option<Due>, Option<Spot>) {
        let place = Place::of(workflow, index);
        let task = workflow.task(index);
        let due = timer_of(workflow.task_id(index), &task.status, &place);
        let queued = task.status.kind() == StatusKind::Queued;
        (due, queued.then_some((place.class, place.priority)))
    }

    /// The opposite of [`Self::enter_restored`].
    pub(super) fn leave_for_good(&mut self, id: TaskId) {
        let Some(workflow) = self.workflows.get(&id.workflow) else { return };
        let place = Place::of(workflow, id.index);
        let status = workflow.task(id.index).status.clone();
        if status.kind() == StatusKind::Queued {
            self.ready.remove(place.class, place.priority, id);
        }
        self.clear_timer(id, &status, &place);
    }

    /// Marks the end of a task and wakes what waited for it.
    pub(super) fn end_task(&mut self, id: TaskId, to: TaskStatus, seq: Seq, at: Timestamp) {
        self.mark_ended(id, to, Queue::Ordinary, seq, at);
        self.wake_dependents(id, at);
    }

    /// Marks the end of a task together with its whole workflow, whose queues are gone already.
    pub(super) fn cut_task(&mut self, id: TaskId, code: Code, seq: Seq, at: Timestamp) {
        self.mark_ended(id, TaskStatus::Cancelled { code }, Queue::Gone, seq, at);
    }

    pub(super) fn mark_ended(&mut self, id: TaskId, to: TaskStatus, queue: Queue, seq: Seq, at: Timestamp) {
        self.change(id, to, queue);
        if let Some(task) = self.task_mut(id) {
            task.ended_at = Some(at);
            task.ended_seq = Some(seq);
        }
    }

    fn wake_dependents(&mut self, id: TaskId, at: Timestamp) {
        let Some(graph) = self.workflows.get(&id.workflow).map(|workflow| Arc::clone(&workflow.graph)) else {
            return;
        };
        for dependent in graph.dependents(id.index) {
            let Some(workflow) = self.workflows.get_mut(&id.workflow) else { return };
            if !workflow.satisfies(id.index, *dependent) {
                continue;
            }
            let Some(task) = workflow.tasks.get_mut(*dependent as usize) else { continue };
            match &mut task.status {
                TaskStatus::Pending { waiting_on } if *waiting_on > 1 => *waiting_on -= 1,
                TaskStatus::Pending { .. } => {
                    let dependent = TaskId::new(id.workflow, *dependent);
                    self.change(dependent, TaskStatus::Queued { since: at }, Queue::Ordinary);
                }
                TaskStatus::Queued { .. }
                | TaskStatus::Assigned { .. }
                | TaskStatus::Processing { .. }
                | TaskStatus::Retrying { .. }
                | TaskStatus::Completed { .. }
                | TaskStatus::Failed { .. }
                | TaskStatus::Cancelled { .. }
                | TaskStatus::Skipped { .. } => {}
            }
        }
    }

    /// Queues a task, unless it has to wait for dependencies, which a retry by hand may have opened again.
    pub(super) fn make_ready(&mut self, id: TaskId, since: Timestamp, queue: Queue) {
        let Some(workflow) = self.workflows.get(&id.workflow) else { return };
        let status = match workflow.waiting_on(id.index) {
            0 => TaskStatus::Queued { since },
            waiting_on => TaskStatus::Pending { waiting_on },
        };
        self.change(id, status, queue);
    }

    /// The task, where `attempt` is the one it runs now.
    pub(super) fn current(&self, id: TaskId, attempt: AttemptNo) -> Option<&Task> {
        self.task(id).filter(|task| task.attempt == attempt)
    }
}

/// The deadline that a status brings with it.
fn timer_of(id: TaskId, status: &TaskStatus, place: &Place) -> Option<(Timestamp, Timer)> {
    match status {
        TaskStatus::Queued { since } => {
            place.queue_timeout_ms.map(|limit| (since.plus(limit), Timer::Queue(id)))
        }
        TaskStatus::Processing { since, .. } => Some((since.plus(place.run_timeout_ms), Timer::Run(id))),
        TaskStatus::Retrying { due } => Some((*due, Timer::Retry(id))),
        TaskStatus::Pending { .. }
        | TaskStatus::Assigned { .. }
        | TaskStatus::Completed { .. }
        | TaskStatus::Failed { .. }
        | TaskStatus::Cancelled { .. }
        | TaskStatus::Skipped { .. } => None,
    }
}
