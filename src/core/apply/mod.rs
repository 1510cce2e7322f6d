//! Folding a fact into the state. Total: a fact cannot be refused, so replay never fails.

mod access;
mod by_hand;
mod change;
mod end;
mod submit;
mod subscription;
mod task;

use std::sync::Arc;

pub use submit::{count, graph_of};

use super::event::{Event, Record};
use super::ids::{AttemptNo, Seq, TaskId, Timestamp, WorkerId, WorkflowId};
use super::state::{ClassId, Grant, Leap, Phase, State, Task, Timer, Turn, WorkflowStatus};

/// Worker names that are remembered. Beyond it those that hold nothing are forgotten.
const WORKER_NAMES_MAX: usize = 50_000;

impl State {
    /// Folds one fact in. An event about an unknown workflow is one of a released prefix, and is passed over
    /// until the workflow is carried.
    pub fn apply(&mut self, record: &Record) {
        let seq = self.next_seq;
        let at = record.at;
        self.next_seq = seq.next();
        let newest = self.now;
        self.now = newest.max(at);
        match &record.event {
            Event::EngineStarted { release_until, .. } => {
                // A crash cut those off before they were whole.
                self.arriving.clear();
                self.leap = Leap::at_start(self.leap, newest, at);
                self.extend_releases(*release_until);
            }
            Event::WorkflowSubmitted { workflow, spec, body, key } => {
                self.submit(*workflow, spec, *body, *key, seq, at);
            }
            Event::WorkflowPaused { workflow } => self.set_open_status(*workflow, WorkflowStatus::Paused),
            Event::WorkflowResumed { workflow } => self.set_open_status(*workflow, WorkflowStatus::Running),
            Event::WorkflowCancelled { workflow, release_until } => {
                self.cancel_workflow(*workflow, *release_until, seq, at);
            }
            Event::WorkflowEnded { workflow, outcome, release_until } => {
                self.end_workflow(*workflow, *outcome, *release_until, seq, at);
            }
            Event::RoundStarted { workflow } => self.start_round(*workflow, at),
            Event::TasksRetried { workflow, tasks, .. } => self.retry_tasks(*workflow, tasks, at),
            Event::TaskSettledByHand { task, how, again, release_until, .. } => {
                self.settle_by_hand(*task, how, again, *release_until, seq, at);
            }
            Event::ParametersEdited { task, parameters, references, .. } => {
                self.edit(*task, parameters.settled(seq), references);
            }
            Event::WorkerNamed { worker, name } => self.name_worker(worker, name),
            Event::TaskOffered { task, attempt, worker } => self.offer(*task, *attempt, worker, at),
            Event::TaskAccepted { task, attempt } => self.accept(*task, *attempt, at),
            Event::TaskCompleted { task, attempt, result, usage } => {
                self.complete(*task, *attempt, (result, usage.as_deref()), seq, at);
            }
            Event::TaskFailed { task, attempt, failure, next, grant } => {
                self.fail(*task, *attempt, failure, *next, *grant, seq, at);
            }
            Event::AttemptLost { task, attempt, reason, grant } => {
                self.lose(*task, *attempt, *reason, *grant, at);
            }
            Event::AttemptRefused { task, attempt, .. } => self.refuse(*task, *attempt, at),
            Event::TaskRequeued { task } => self.requeue(*task, at),
            Event::TaskCancelled { task, release_until } => self.cancel_task(*task, *release_until, seq, at),
            Event::TaskSkipped { task, cause } => self.skip(*task, *cause, seq, at),
            Event::GrantReleased { task, attempt, worker } => self.release(worker, *task, *attempt),
            Event::LateReportSeen { task, .. } => {
                if let Some(task) = self.task_mut(*task) {
                    task.late = task.late.saturating_add(1);
                }
            }
            Event::WorkflowCarried { workflow } => self.carry(workflow, seq),
            Event::TasksCarried { workflow, tasks } => self.carry_tasks(*workflow, tasks, seq),
            Event::ServicesCarried { services, workers } => {
                // Whatever a replay without the released part has made of them before is wrong.
                self.services = services.iter().cloned().collect();
                self.workers = workers.iter().cloned().collect();
            }
            Event::Released { up_to } => self.released = *up_to,
            Event::DeliveryTried { task, attempt, delivery } => self.deliver(*task, *attempt, delivery),
            Event::PayloadsCarried { .. } | Event::BreakerOpened { .. } | Event::BreakerClosed { .. } => {}
            Event::Subscription { subscription, fact } => {
                self.subscription_fact(*subscription, fact, seq, at);
            }
            Event::Access { fact, .. } => self.access_fact(fact, at),
        }
    }

    /// A worker that was told to stop before the restart could not confirm: its grace starts anew, and is never
    /// shorter than it was.
    fn extend_releases(&mut self, at_least: Timestamp) {
        let shorter =
            |(worker, task, attempt, grant): (&WorkerId, TaskId, AttemptNo, Grant)| match grant.phase {
                Phase::Releasing { until } if until < at_least => {
                    Some((worker.clone(), task, attempt, grant.since))
                }
                Phase::Releasing { .. } | Phase::Offered | Phase::Accepted | Phase::Delivered => None,
            };
        let shorter: Vec<_> = self.grants.all().filter_map(shorter).collect();
        for (worker, task, attempt, since) in shorter {
            self.free(&worker, task, attempt);
            let phase = Phase::Releasing { until: at_least };
            self.hold(&worker, task, attempt, Grant { phase, since });
        }
    }

    fn set_status(&mut self, id: WorkflowId, status: WorkflowStatus) {
        let Some(workflow) = self.workflows.get_mut(&id) else { return };
        self.census.remove(workflow.status);
        self.census.add(status);
        workflow.status = status;
    }

    fn set_open_status(&mut self, id: WorkflowId, status: WorkflowStatus) {
        let Some(workflow) = self.workflows.get(&id) else { return };
        let never_started = status == WorkflowStatus::Running && workflow.started_at.is_none();
        self.set_status(id, if never_started { WorkflowStatus::Pending } else { status });
        self.settle_turn(id);
    }

    /// Parks the workflow's waiting tasks, or lets them take turns again, as its status and limit demand.
    fn settle_turn(&mut self, id: WorkflowId) {
        let Some(workflow) = self.workflows.get(&id) else { return };
        let turn = if workflow.dispatches() { Turn::Takes } else { Turn::Parked };
        for class in workflow.classes.iter() {
            self.ready.set_turn(*class, id, turn);
        }
    }

    fn name_worker(&mut self, worker: &WorkerId, name: &Arc<str>) {
        self.workers.insert(worker.clone(), Arc::clone(name));
        if self.workers.len() > WORKER_NAMES_MAX {
            let idle = self.workers.keys().find(|known| *known != worker && self.grants.count(known) == 0);
            if let Some(idle) = idle.cloned() {
                self.workers.remove(&idle);
            }
        }
    }

    fn task_mut(&mut self, id: TaskId) -> Option<&mut Task> {
        self.workflows.get_mut(&id.workflow)?.tasks.get_mut(id.at())
    }

    /// Drops a workflow that has ended and that the store holds. Not a fact: memory is a cache of the store.
    /// `ended_seq` says which of its ends was stored.
    pub fn forget(&mut self, id: WorkflowId, ended_seq: Seq) {
        let Some(workflow) = self.workflows.get(&id).filter(|known| known.ended_seq == Some(ended_seq))
        else {
            return;
        };
        let classes = Arc::clone(&workflow.classes);
        self.take_out(id, &classes);
    }

    /// Removes a workflow that has left all queues and timers.
    fn take_out(&mut self, id: WorkflowId, classes: &[ClassId]) {
        self.drop_indexes(id);
        if let Some(workflow) = self.workflows.remove(&id) {
            self.census.remove(workflow.status);
        }
        for class in classes {
            self.ready.leave(*class);
        }
    }

    /// Takes a workflow's keys and ids out of the indexes.
    fn drop_indexes(&mut self, id: WorkflowId) {
        let Some(workflow) = self.workflows.get(&id) else { return };
        self.listed.remove(&workflow.listed_at());
        // A later workflow may have taken a key that had expired, or ids that were free again.
        if let Some(key) = workflow.key
            && self.keys.get(&key) == Some(&id)
        {
            self.keys.remove(&key);
        }
        for task in &workflow.spec.tasks {
            if let Some(uuid) = task.own_id.as_deref().and_then(super::ids::canonical_uuid)
                && self.own_ids.get(&uuid).is_some_and(|task| task.workflow == id)
            {
                self.own_ids.remove(&uuid);
            }
        }
    }

    fn hold(&mut self, worker: &WorkerId, task: TaskId, attempt: AttemptNo, grant: Grant) {
        if let Phase::Releasing { until } = grant.phase {
            self.timers.set(until, Timer::Release(worker.clone(), task, attempt));
        }
        self.grants.insert(worker, task, attempt, grant);
    }

    /// A worker that had been told to stop does not run the attempt any more.
    fn release(&mut self, worker: &WorkerId, id: TaskId, attempt: AttemptNo) {
        self.free(worker, id, attempt);
        if let Some(trouble) = self.task_mut(id).and_then(|task| task.trouble.as_mut()) {
            trouble.lingering = trouble.lingering.saturating_sub(1);
        }
    }

    fn free(&mut self, worker: &WorkerId, task: TaskId, attempt: AttemptNo) {
        let grant = self.grants.remove(worker, task, attempt);
        if let Some(Grant { phase: Phase::Releasing { until }, .. }) = grant {
            self.timers.clear(until, Timer::Release(worker.clone(), task, attempt));
        }
    }
}
