//! What an attempt's fate does to its task.

use std::sync::Arc;

use super::change::Queue;
use crate::core::errors::{self, Code};
use crate::core::event::{AfterFailure, Delivery, DeliveryOutcome, Failure, GrantAfter, LostReason};
use crate::core::ids::{AttemptNo, Seq, TaskId, Timestamp, WorkerId};
use crate::core::limits::{BREAKER_FAILURES, BREAKER_OPEN_MS};
use crate::core::payload::Stored;
use crate::core::state::{AttemptNote, Grant, Phase, SkipCause, State, TaskStatus, WorkflowStatus};
use crate::core::usage::Usage;

impl State {
    pub(super) fn offer(&mut self, id: TaskId, attempt: AttemptNo, worker: &WorkerId, at: Timestamp) {
        self.change(id, TaskStatus::Assigned { worker: worker.clone(), since: at }, Queue::Ordinary);
        let Some(workflow) = self.workflows.get_mut(&id.workflow) else { return };
        workflow.started_at.get_or_insert(at);
        if workflow.status == WorkflowStatus::Pending {
            workflow.status = WorkflowStatus::Running;
            self.census.remove(WorkflowStatus::Pending);
            self.census.add(WorkflowStatus::Running);
        }
        if let Some(task) = workflow.tasks.get_mut(id.at()) {
            task.attempt = attempt;
            task.started_at.get_or_insert(at);
        }
        self.hold(worker, id, attempt, Grant { phase: Phase::Offered, since: at });
    }

    pub(super) fn accept(&mut self, id: TaskId, attempt: AttemptNo, at: Timestamp) {
        let Some(worker) = self.holder(id, attempt) else { return };
        self.hold(&worker, id, attempt, Grant { phase: Phase::Accepted, since: at });
        self.change(id, TaskStatus::Processing { worker, since: at }, Queue::Ordinary);
    }

    /// An attempt that its receiver has taken is not sent again, whatever happens to this process.
    pub(super) fn deliver(&mut self, id: TaskId, attempt: AttemptNo, delivery: &Delivery) {
        let Some(worker) = self.holder(id, attempt) else { return };
        let held = self.grants.get(&worker, id, attempt);
        if let (DeliveryOutcome::Taken { .. }, Some(grant)) = (&delivery.outcome, held) {
            self.hold(&worker, id, attempt, Grant { phase: Phase::Delivered, ..grant });
        }
    }

    pub(super) fn complete(
        &mut self,
        id: TaskId,
        attempt: AttemptNo,
        (result, usage): (&Stored, Option<&Usage>),
        seq: Seq,
        at: Timestamp,
    ) {
        let Some(worker) = self.holder(id, attempt) else { return };
        let began = self.grants.get(&worker, id, attempt).map_or(at, |grant| grant.since);
        self.free(&worker, id, attempt);
        let service = self.service_of(&worker);
        let totals = self.services.entry(service).or_default();
        totals.completed += 1;
        totals.run_ms += at.since(began);
        totals.consecutive_failures = 0;
        totals.open_until = None;
        totals.last_seen_at = at;
        if let Some(task) = self.task_mut(id) {
            task.lost = 0;
        }
        let (result, usage) = (result.settled(seq), usage.map(|usage| Box::new(usage.clone())));
        self.end_task(id, TaskStatus::Completed { result, worker: Some(worker), usage }, seq, at);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "these are the fields of the event and its place in the log"
    )]
    pub(super) fn fail(
        &mut self,
        id: TaskId,
        attempt: AttemptNo,
        failure: &Failure,
        next: AfterFailure,
        grant: GrantAfter,
        seq: Seq,
        at: Timestamp,
    ) {
        if self.current(id, attempt).is_none() {
            return;
        }
        let worker = self.holder(id, attempt);
        if let Some(worker) = &worker {
            if failure.is_of_worker() {
                self.count_failure(worker, at);
            }
            self.settle_grant(worker, id, attempt, grant);
        }
        let failure = Arc::new(failure.clone());
        self.note(id, attempt, worker, failure.code, Arc::clone(&failure.message), at);
        if let Some(task) = self.task_mut(id) {
            task.failures += u32::from(attempt > AttemptNo(0));
            task.lost = 0;
            let trouble = task.trouble.get_or_insert_default();
            trouble.last_failure = Some(Arc::clone(&failure));
        }
        match next {
            AfterFailure::RetryAt(due) => self.change(id, TaskStatus::Retrying { due }, Queue::Ordinary),
            AfterFailure::Final => self.end_task(id, TaskStatus::Failed { failure }, seq, at),
        }
    }

    fn count_failure(&mut self, worker: &WorkerId, at: Timestamp) {
        let service = self.service_of(worker);
        let totals = self.services.entry(service).or_default();
        totals.failed += 1;
        totals.last_seen_at = at;
        // The built-in worker cannot be away or overloaded: its failures are those of the tasks.
        if worker.is_built_in() {
            return;
        }
        totals.consecutive_failures = totals.consecutive_failures.saturating_add(1);
        if totals.consecutive_failures >= BREAKER_FAILURES {
            totals.open_until = Some(at.plus(BREAKER_OPEN_MS));
        }
    }

    pub(super) fn lose(
        &mut self,
        id: TaskId,
        attempt: AttemptNo,
        reason: LostReason,
        grant: GrantAfter,
        at: Timestamp,
    ) {
        let Some(worker) = self.holder(id, attempt) else { return };
        self.settle_grant(&worker, id, attempt, grant);
        let code = match reason {
            LostReason::Silent | LostReason::Disconnected => errors::NODE_HEARTBEAT_TIMEOUT,
            LostReason::NotAccepted => errors::TASK_ACCEPT_TIMEOUT,
            LostReason::Forgotten | LostReason::Abandoned | LostReason::Unconfirmed => errors::TASK_NOT_HELD,
        };
        self.note(id, attempt, Some(worker), code, Arc::from(reason.text()), at);
        if let Some(task) = self.task_mut(id) {
            task.lost += 1;
        }
        self.make_ready(id, at, Queue::Returned);
    }

    pub(super) fn refuse(&mut self, id: TaskId, attempt: AttemptNo, at: Timestamp) {
        let Some(worker) = self.holder(id, attempt) else { return };
        self.free(&worker, id, attempt);
        self.make_ready(id, at, Queue::Returned);
    }

    pub(super) fn requeue(&mut self, id: TaskId, at: Timestamp) {
        self.make_ready(id, at, Queue::Ordinary);
    }

    pub(super) fn cancel_task(&mut self, id: TaskId, release_until: Timestamp, seq: Seq, at: Timestamp) {
        self.release_holder(id, release_until);
        self.end_task(id, TaskStatus::Cancelled { code: errors::TASK_CANCELLED }, seq, at);
    }

    pub(super) fn skip(&mut self, id: TaskId, cause: TaskId, seq: Seq, at: Timestamp) {
        self.end_task(id, TaskStatus::Skipped { cause: SkipCause::Dependency(cause.index) }, seq, at);
    }

    /// Whoever runs the task may go on for a while; its slot is kept so long.
    pub(super) fn release_holder(&mut self, id: TaskId, until: Timestamp) {
        let Some(task) = self.task(id) else { return };
        let attempt = task.attempt;
        if let Some(worker) = self.holder(id, attempt) {
            self.settle_grant(&worker, id, attempt, GrantAfter::ReleasingUntil(until));
        }
    }

    fn settle_grant(&mut self, worker: &WorkerId, id: TaskId, attempt: AttemptNo, grant: GrantAfter) {
        let since = self.grants.get(worker, id, attempt).map(|grant| grant.since);
        match (grant, since) {
            (GrantAfter::Freed, _) | (_, None) => self.free(worker, id, attempt),
            (GrantAfter::ReleasingUntil(until), Some(since)) => {
                if let Some(task) = self.task_mut(id) {
                    task.trouble.get_or_insert_default().lingering += 1;
                }
                self.hold(worker, id, attempt, Grant { phase: Phase::Releasing { until }, since });
            }
        }
    }

    /// The worker that holds this very attempt.
    fn holder(&self, id: TaskId, attempt: AttemptNo) -> Option<WorkerId> {
        self.current(id, attempt)?.holder().cloned()
    }

    pub(super) fn note(
        &mut self,
        id: TaskId,
        attempt: AttemptNo,
        worker: Option<WorkerId>,
        code: Code,
        message: Arc<str>,
        ended_at: Timestamp,
    ) {
        if let Some(task) = self.task_mut(id) {
            task.note(AttemptNote { attempt, worker, ended_at, code, message });
        }
    }
}
