//! How workflows end, and how they come back.

use crate::core::apply::change::Queue;
use crate::core::errors::{self, Code};
use crate::core::event::Outcome;
use crate::core::ids::{Seq, TaskId, Timestamp, WorkflowId};
use crate::core::state::{State, TaskStatus, Timer, WorkflowStatus};

impl State {
    pub(super) fn cancel_workflow(
        &mut self,
        id: WorkflowId,
        release_until: Timestamp,
        seq: Seq,
        at: Timestamp,
    ) {
        self.cut(id, errors::WORKFLOW_CANCELLED, release_until, seq, at);
        self.close(id, WorkflowStatus::Cancelled, seq, at);
    }

    pub(super) fn end_workflow(
        &mut self,
        id: WorkflowId,
        outcome: Outcome,
        release_until: Timestamp,
        seq: Seq,
        at: Timestamp,
    ) {
        let (status, code) = match outcome {
            Outcome::Completed => (WorkflowStatus::Completed, errors::WORKFLOW_CANCELLED),
            Outcome::Failed => (WorkflowStatus::Failed, errors::WORKFLOW_CANCELLED),
            Outcome::TimedOut => (WorkflowStatus::Failed, errors::WORKFLOW_TIMEOUT),
        };
        self.cut(id, code, release_until, seq, at);
        self.close(id, status, seq, at);
    }

    /// Cancels every task that has not ended.
    fn cut(&mut self, id: WorkflowId, code: Code, release_until: Timestamp, seq: Seq, at: Timestamp) {
        let Some(workflow) = self.workflows.get(&id) else { return };
        if workflow.counts.unsettled() == 0 {
            return;
        }
        // The lanes go at once: taking thousands of queued tasks out one by one would cost a search each.
        let classes = std::sync::Arc::clone(&workflow.classes);
        let open: Vec<u32> =
            (0..workflow.spec.total()).filter(|index| !workflow.task(*index).status.has_ended()).collect();
        for class in classes.iter() {
            self.ready.remove_workflow(*class, id);
        }
        for index in open {
            let task = TaskId::new(id, index);
            self.release_holder(task, release_until);
            self.cut_task(task, code, seq, at);
        }
    }

    /// Tasks in the extra round of the `retry` strategy.
    pub(super) fn start_round(&mut self, id: WorkflowId, at: Timestamp) {
        let Some(workflow) = self.workflows.get_mut(&id) else { return };
        workflow.second_round = true;
        let failed = |task: &u32| matches!(workflow.task(*task).status, TaskStatus::Failed { .. });
        let again: Vec<u32> = (0..workflow.spec.total()).filter(failed).collect();
        self.reset(id, &again, at);
    }

    pub(super) fn retry_tasks(&mut self, id: WorkflowId, tasks: &[u32], at: Timestamp) {
        let Some(workflow) = self.workflows.get_mut(&id) else { return };
        if workflow.status.has_ended() {
            workflow.second_round = false;
            self.reopen(id, at);
        }
        self.reset(id, tasks, at);
    }

    /// An ended workflow goes on, and its time begins anew.
    pub(super) fn reopen(&mut self, id: WorkflowId, at: Timestamp) {
        let Some(workflow) = self.workflows.get_mut(&id).filter(|known| known.status.has_ended()) else {
            return;
        };
        workflow.ended_at = None;
        workflow.ended_seq = None;
        workflow.timed_from = at;
        if let Some(deadline) = workflow.total_deadline() {
            self.timers.set(deadline, Timer::Total(id));
        }
        self.set_status(id, WorkflowStatus::Running);
    }

    /// Gives ended tasks a fresh start, and recounts what they and their dependents wait for.
    pub(super) fn reset(&mut self, id: WorkflowId, tasks: &[u32], at: Timestamp) {
        for index in tasks {
            let task = TaskId::new(id, *index);
            self.change(task, TaskStatus::Pending { waiting_on: u32::MAX }, Queue::Ordinary);
            if let Some(task) = self.task_mut(task) {
                (task.failures, task.lost, task.ended_at, task.ended_seq) = (0, 0, None, None);
            }
        }
        let Some(workflow) = self.workflows.get(&id) else { return };
        let graph = std::sync::Arc::clone(&workflow.graph);
        let touched: std::collections::BTreeSet<u32> =
            tasks.iter().flat_map(|task| graph.dependents(*task).iter().chain([task])).copied().collect();
        for index in touched {
            self.recount(TaskId::new(id, index), at);
        }
    }

    /// A task that was ready may have to wait again, because what it depends on runs again.
    pub(super) fn recount(&mut self, id: TaskId, at: Timestamp) {
        let Some(workflow) = self.workflows.get(&id.workflow) else { return };
        match workflow.task(id.index).status {
            TaskStatus::Pending { .. } => self.make_ready(id, at, Queue::Ordinary),
            TaskStatus::Queued { since } if workflow.waiting_on(id.index) > 0 => {
                self.make_ready(id, since, Queue::Ordinary);
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

    fn close(&mut self, id: WorkflowId, status: WorkflowStatus, seq: Seq, at: Timestamp) {
        let Some(workflow) = self.workflows.get_mut(&id) else { return };
        workflow.ended_at = Some(at);
        workflow.ended_seq = Some(seq);
        let handle = workflow.clone();
        self.clear_total(&handle);
        self.set_status(id, status);
    }
}
