//! What facts mean for workers: their slots, their turns, their pauses.

use std::collections::BTreeSet;

use super::{OfferDeadline, Presence};
use crate::core::event::{Delivery, DeliveryOutcome, Event, LostReason, RefusalReason};
use crate::core::ids::{TaskId, Timestamp, WorkerId, WorkflowId};
use crate::core::match_workers::can_run;
use crate::core::state::{ClassId, State};

impl Presence {
    /// Follows a fact that has just been applied. `holder` held the task before it.
    pub fn follow(&mut self, state: &State, event: &Event, holder: Option<&WorkerId>, now: Timestamp) {
        self.meet_new_classes(state, now);
        match event {
            Event::TaskOffered { task, attempt, worker } => {
                let deadline = OfferDeadline { worker: worker.clone(), task: *task, attempt: *attempt };
                self.deadlines.offered(now.plus(self.limits.accept_ms), deadline);
                self.charge(worker, *task, state);
                self.refresh(worker, state, now);
            }
            Event::TaskCompleted { task, .. } | Event::TaskFailed { task, .. } => {
                self.done(holder, *task);
                self.refresh_some(holder, state, now);
                self.follow_breaker(holder, state, now);
            }
            Event::AttemptLost { task, reason, .. } => {
                self.done(holder, *task);
                if *reason == LostReason::NotAccepted {
                    self.left_unanswered(holder, now);
                }
                self.refresh_some(holder, state, now);
            }
            Event::AttemptRefused { task, reason, .. } => {
                self.done(holder, *task);
                if let Some(worker) = holder {
                    self.refused(worker, *task, *reason, state, now);
                }
                self.refresh_some(holder, state, now);
            }
            Event::GrantReleased { worker, task, .. } => {
                self.done(Some(worker), *task);
                self.refresh(worker, state, now);
            }
            Event::TaskCancelled { task, .. } | Event::TaskSettledByHand { task, .. } => {
                self.done(holder, *task);
            }
            Event::DeliveryTried { task, delivery, .. } => self.tried(holder, *task, delivery),
            Event::TasksRetried { workflow, tasks, .. } => self.ask_all_again(*workflow, tasks),
            Event::EngineStarted { .. }
            | Event::WorkflowSubmitted { .. }
            | Event::WorkflowPaused { .. }
            | Event::WorkflowResumed { .. }
            | Event::WorkflowCancelled { .. }
            | Event::WorkflowEnded { .. }
            | Event::RoundStarted { .. }
            | Event::WorkerNamed { .. }
            | Event::TaskAccepted { .. }
            | Event::TaskRequeued { .. }
            | Event::ParametersEdited { .. }
            | Event::TaskSkipped { .. }
            | Event::LateReportSeen { .. }
            | Event::WorkflowCarried { .. }
            | Event::TasksCarried { .. }
            | Event::PayloadsCarried { .. }
            | Event::ServicesCarried { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::Subscription { .. }
            | Event::Access { .. }
            | Event::Released { .. } => {}
        }
    }

    fn meet_new_classes(&mut self, state: &State, now: Timestamp) {
        let end = state.ready.next_class();
        if self.next_class == end {
            return;
        }
        let fresh: Vec<ClassId> =
            (self.next_class.0..end.0).map(ClassId).filter(|id| state.ready.has_class(*id)).collect();
        self.next_class = end;
        let mut serving = BTreeSet::new();
        for (id, worker) in &mut self.workers {
            let serves = &mut worker.serves;
            serves.retain(|class| state.ready.has_class(*class));
            let before = serves.len();
            serves.extend(fresh.iter().filter(|class| can_run(&worker.facts, state.ready.route(**class))));
            if serves.len() > before {
                serving.insert(id.clone());
            }
        }
        self.slots.prune(state);
        for id in serving {
            self.withdraw(&id);
            self.refresh(&id, state, now);
        }
    }

    /// Takes the offered task's priority off the worker's turns.
    fn charge(&mut self, id: &WorkerId, task: TaskId, state: &State) {
        let Some(workflow) = state.workflow(task.workflow) else { return };
        let policy = workflow.spec.policy_of(task.index);
        let route = workflow.spec.task(task.index).route as usize;
        if let Some(worker) = self.workers.get_mut(id) {
            worker.charge(policy.priority);
            if let Some(class) = workflow.classes.get(route) {
                self.slots.rotate(*class, worker);
            }
        }
    }

    /// A worker that has said nothing at all since the offer was made gets no other one before it speaks.
    fn left_unanswered(&mut self, holder: Option<&WorkerId>, now: Timestamp) {
        let accept_ms = self.limits.accept_ms;
        let worker = holder.and_then(|id| self.workers.get_mut(id));
        if let Some(worker) = worker.filter(|worker| now.since(worker.last_seen) >= accept_ms) {
            worker.miss();
        }
    }

    fn done(&mut self, holder: Option<&WorkerId>, task: TaskId) {
        if let Some(worker) = holder.and_then(|id| self.workers.get_mut(id)) {
            worker.progress.remove(&task);
            worker.handed_on.remove(&task);
        }
    }

    fn tried(&mut self, holder: Option<&WorkerId>, task: TaskId, delivery: &Delivery) {
        let Some(worker) = holder.and_then(|id| self.workers.get_mut(id)) else { return };
        match delivery.outcome {
            DeliveryOutcome::Taken { .. } => worker.handed_on.remove(&task),
            DeliveryOutcome::Refused { .. } | DeliveryOutcome::Unanswered { .. } => {
                worker.handed_on.insert(task, delivery.clone())
            }
        };
    }

    fn refused(&mut self, id: &WorkerId, task: TaskId, reason: RefusalReason, state: &State, now: Timestamp) {
        let Some(worker) = self.workers.get_mut(id) else { return };
        let held = Some(state.grants.count(id));
        match reason {
            RefusalReason::AtCapacity => worker.correction = held,
            RefusalReason::NoRoom => worker.no_room = held,
            RefusalReason::NoHandler => return worker.note_no_handler(task, state),
            RefusalReason::Postponed { until } => {
                worker.postpone(task, until, now);
                return self.deadlines.wake(until, id);
            }
        }
        let until = worker.refuse(task, &self.limits, now);
        self.deadlines.wake(until, id);
    }

    /// Somebody wants these tasks to run after all: whoever had no handler for them may have one now.
    fn ask_all_again(&mut self, workflow: WorkflowId, tasks: &[u32]) {
        for worker in self.workers.values_mut() {
            let again = |task: &TaskId| task.workflow == workflow && tasks.binary_search(&task.index).is_ok();
            worker.no_handler.retain(|task| !again(task));
        }
    }

    /// When a breaker opens or closes, all workers of the service are looked at again.
    fn follow_breaker(&mut self, holder: Option<&WorkerId>, state: &State, now: Timestamp) {
        let Some(name) = holder.map(|id| state.service_of(id)) else { return };
        let open_until = state.services.get(&name).and_then(|totals| totals.open_until);
        let known = self.slots.breaker(&name);
        if known == open_until {
            return;
        }
        self.slots.set_breaker(&name, open_until);
        let same: Vec<WorkerId> = self
            .workers
            .values()
            .filter(|worker| worker.facts.name == name)
            .map(|worker| worker.facts.worker.clone())
            .collect();
        for id in same {
            if let Some(until) = open_until {
                self.deadlines.wake(until, &id);
            }
            self.refresh(&id, state, now);
        }
    }

    fn refresh_some(&mut self, holder: Option<&WorkerId>, state: &State, now: Timestamp) {
        if let Some(id) = holder {
            self.refresh(id, state, now);
        }
    }
}
