//! Volatile knowledge: who is connected, who has free slots, who was heard of. It is never logged, and a restart
//! begins without it.

mod deadlines;
mod slots;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

pub use deadlines::{Deadlines, Due, OfferDeadline};
pub use slots::Slots;
pub use worker::{Present, Refusal};

use super::command::{Command, Disconnected, Drain, Heartbeat, Progress, WorkerFacts, WorkerStatus};
use super::event::{Event, RefusalReason};
use super::ids::{SessionId, TaskId, Timestamp, WorkerId};
use super::limits::Limits;
use super::state::{ClassId, Phase, State, StatusKind};

#[derive(Debug)]
pub struct Presence {
    pub limits: Limits,
    pub(in crate::core) workers: BTreeMap<WorkerId, Present>,
    sessions: FxHashMap<SessionId, WorkerId>,
    pub(in crate::core) slots: Slots,
    pub(in crate::core) deadlines: Deadlines,
    /// The first class that no worker has been matched with yet.
    next_class: ClassId,
}

impl Presence {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            workers: BTreeMap::new(),
            sessions: FxHashMap::default(),
            slots: Slots::default(),
            deadlines: Deadlines::default(),
            next_class: ClassId(0),
        }
    }

    pub fn worker(&self, id: &WorkerId) -> Option<&Present> {
        self.workers.get(id)
    }

    pub fn workers(&self) -> impl Iterator<Item = &Present> {
        self.workers.values()
    }

    /// The worker whose current connection this is.
    pub fn of_session(&self, session: SessionId) -> Option<&Present> {
        self.workers.get(self.sessions.get(&session)?)
    }

    /// The next moment at which something is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// A worker said something.
    fn heard(&mut self, session: SessionId, now: Timestamp) -> Option<&mut Present> {
        let worker = self.workers.get_mut(self.sessions.get(&session)?)?;
        worker.last_seen = now;
        Some(worker)
    }

    /// A worker's connection is its registration: an older connection of the same worker no longer counts.
    fn register(&mut self, session: SessionId, facts: &Arc<WorkerFacts>, state: &State, now: Timestamp) {
        let id = facts.worker.clone();
        if let Some(old) = self.workers.get(&id).and_then(|worker| worker.session) {
            self.sessions.remove(&old);
        }
        self.withdraw(&id);
        let drained = self.workers.get(&id).is_some_and(|worker| worker.drained);
        let mut worker = Present::new(session, Arc::clone(facts), now);
        worker.drained = drained;
        worker.serves = state
            .ready
            .routes()
            .filter(|(_, route)| super::match_workers::can_run(facts, route))
            .map(|(id, _)| id)
            .collect();
        let limit = worker.silence_limit(&self.limits);
        self.workers.insert(id.clone(), worker);
        self.sessions.insert(session, id.clone());
        self.next_class = self.next_class.max(state.ready.next_class());
        self.deadlines.watch(&id, now.plus(limit));
        // Offers of an earlier run or connection get the whole time again.
        for (task, attempt, grant) in state.grants.of(&id) {
            if grant.phase == Phase::Offered {
                self.deadlines.offered(
                    now.plus(self.limits.accept_ms),
                    OfferDeadline { worker: id.clone(), task, attempt },
                );
            }
        }
        self.refresh(&id, state, now);
    }

    /// The connection is gone. The worker is remembered while its attempts may still be running there.
    fn disconnected(&mut self, session: SessionId, how: Disconnected, state: &State, now: Timestamp) {
        let Some(id) = self.sessions.remove(&session) else { return };
        self.withdraw(&id);
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.session = None;
            worker.last_seen = now;
            self.deadlines.watch(&id, now.plus(self.limits.disconnect_grace_ms));
        }
        if how == Disconnected::Cleanly && state.grants.count(&id) == 0 {
            self.forget(&id);
        }
    }

    /// After a start: whoever holds something has not come back yet.
    pub(in crate::core) fn expect_back(&mut self, worker: &WorkerId, name: &Arc<str>, now: Timestamp) {
        self.workers.insert(worker.clone(), Present::absent(worker.clone(), Arc::clone(name), now));
        self.deadlines.watch(worker, now.plus(self.limits.disconnect_grace_ms));
    }

    /// A worker that is gone and holds nothing any more is forgotten.
    fn forget(&mut self, id: &WorkerId) {
        self.withdraw(id);
        self.deadlines.unwatch(id);
        if let Some(session) = self.workers.remove(id).and_then(|worker| worker.session) {
            self.sessions.remove(&session);
        }
    }

    fn heartbeat(&mut self, session: SessionId, heartbeat: &Heartbeat, state: &State, now: Timestamp) {
        self.heard(session, now);
        let Some(id) = self.sessions.get(&session).cloned() else { return };
        let id = &id;
        let Some(worker) = self.workers.get_mut(id) else { return };
        let held = state.grants.of(id);
        let since = worker.reconnected_at.unwrap_or_default();
        let newer = held.filter(|(_, _, grant)| grant.since >= since).count();
        let low = heartbeat.active_count.is_some_and(|count| count as usize <= newer);
        worker.low_counts = if low { worker.low_counts + 1 } else { 0 };
        worker.last_heartbeat = Some(now);
        worker.reported = heartbeat.reported.clone();
        worker.correction = None;
        if let Some(status) = heartbeat.status {
            worker.status = status;
        }
        self.refresh(id, state, now);
    }

    fn set_status(&mut self, session: SessionId, status: WorkerStatus, state: &State, now: Timestamp) {
        self.heard(session, now);
        let Some(id) = self.sessions.get(&session).cloned() else { return };
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.status = status;
        }
        self.refresh(&id, state, now);
    }

    fn set_drained(&mut self, id: &WorkerId, drain: Drain, state: &State, now: Timestamp) {
        if let Some(worker) = self.workers.get_mut(id) {
            worker.drained = drain == Drain::Begin;
        }
        self.refresh(id, state, now);
    }

    /// A process that was suspended blames nobody for the silence meanwhile.
    pub fn shift_deadlines(&mut self, gap_ms: u64) {
        self.deadlines.shift(gap_ms);
        for worker in self.workers.values_mut() {
            worker.last_seen = worker.last_seen.plus(gap_ms);
        }
    }

    /// Follows a command that was not rejected, after its events have been applied.
    pub fn observe(&mut self, state: &State, command: &Command, now: Timestamp) {
        match command {
            Command::RegisterWorker { session, facts, .. } => self.register(*session, facts, state, now),
            Command::Heartbeat { session, heartbeat } => self.heartbeat(*session, heartbeat, state, now),
            Command::SetWorkerStatus { session, status } => self.set_status(*session, *status, state, now),
            Command::DrainWorker { worker, drain } => self.set_drained(worker, *drain, state, now),
            Command::Disconnect { session, how } => self.disconnected(*session, *how, state, now),
            Command::ReportProgress { session, attempt, .. }
            | Command::AcceptTask { session, attempt, .. }
            | Command::CompleteTask { session, attempt, .. }
            | Command::FailTask { session, attempt, .. } => {
                self.heard(*session, now).filter(|_| attempt.is_some()).map(Present::learn_fencing);
            }
            Command::SubmitWorkflow { .. }
            | Command::CancelWorkflow { .. }
            | Command::PauseWorkflow { .. }
            | Command::ResumeWorkflow { .. }
            | Command::RetryWorkflow { .. }
            | Command::CancelTask { .. }
            | Command::RetryTask { .. }
            | Command::FailDispatch { .. }
            | Command::ReturnAttempt { .. } => {}
        }
    }

    /// Remembers the latest progress of what a worker runs.
    pub fn note_progress(&mut self, state: &State, task: TaskId, progress: &Progress, now: Timestamp) {
        let holder = state.task(task).and_then(|known| known.holder());
        if let Some(worker) = holder.and_then(|id| self.workers.get_mut(id)) {
            worker.progress.insert(task, (now, progress.clone()));
        }
    }

    /// Takes out one deadline of the running process that has passed.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<Due> {
        self.deadlines.pop(now)
    }

    /// What a passed deadline leaves behind: a worker that was heard of is watched on, one that is gone and
    /// holds nothing is forgotten.
    pub fn after_due(&mut self, state: &State, due: &Due, now: Timestamp) {
        match due {
            Due::Offer(_) => {}
            Due::Silence(id) => {
                let Some(worker) = self.workers.get(id) else { return };
                let limit = worker.silence_limit(&self.limits);
                if worker.is_connected() {
                    let heard = worker.last_seen.plus(limit);
                    self.deadlines.watch(id, if heard > now { heard } else { now.plus(limit) });
                } else if state.grants.count(id) == 0 {
                    self.forget(id);
                } else {
                    self.deadlines.watch(id, now.plus(limit));
                }
            }
            Due::Wake(id) => {
                if let Some(worker) = self.workers.get_mut(id) {
                    worker.correction = None;
                }
                self.refresh(id, state, now);
            }
        }
    }

    /// Forgets the offers that have been answered.
    pub fn drop_answered(&mut self, state: &State) {
        self.deadlines.drop_answered(|offer| {
            let grant = state.grants.get(&offer.worker, offer.task, offer.attempt);
            grant.is_some_and(|grant| grant.phase == Phase::Offered)
        });
    }

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
            Event::TaskAccepted { .. } => self.reported(holder, state, now),
            Event::TaskCompleted { task, .. } | Event::TaskFailed { task, .. } => {
                self.done(holder, *task);
                self.reported(holder, state, now);
                self.follow_breaker(holder, state, now);
            }
            Event::AttemptLost { task, .. } => {
                self.done(holder, *task);
                self.refresh_some(holder, state, now);
            }
            Event::AttemptRefused { task, reason, .. } => {
                self.done(holder, *task);
                if let (Some(worker), RefusalReason::AtCapacity) = (holder, reason) {
                    self.refused(worker, *task, state, now);
                }
                self.refresh_some(holder, state, now);
            }
            Event::GrantReleased { worker, task, .. } => {
                self.done(Some(worker), *task);
                self.refresh(worker, state, now);
            }
            Event::TaskCancelled { task, .. } => self.done(holder, *task),
            Event::EngineStarted { .. }
            | Event::WorkflowSubmitted { .. }
            | Event::WorkflowPaused { .. }
            | Event::WorkflowResumed { .. }
            | Event::WorkflowCancelled { .. }
            | Event::WorkflowEnded { .. }
            | Event::RoundStarted { .. }
            | Event::TasksRetried { .. }
            | Event::WorkerNamed { .. }
            | Event::TaskRequeued { .. }
            | Event::TaskSkipped { .. }
            | Event::LateReportSeen { .. }
            | Event::WorkflowCarried { .. }
            | Event::ServicesCarried { .. }
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
            serves.extend(
                fresh
                    .iter()
                    .filter(|class| super::match_workers::can_run(&worker.facts, state.ready.route(**class))),
            );
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

    /// A report shows that the worker moves: what we thought of its capacity is out of date.
    fn reported(&mut self, holder: Option<&WorkerId>, state: &State, now: Timestamp) {
        let Some(id) = holder else { return };
        if let Some(worker) = self.workers.get_mut(id) {
            worker.correction = None;
        }
        self.refresh(id, state, now);
    }

    fn done(&mut self, holder: Option<&WorkerId>, task: TaskId) {
        if let Some(worker) = holder.and_then(|id| self.workers.get_mut(id)) {
            worker.progress.remove(&task);
        }
    }

    fn refused(&mut self, id: &WorkerId, task: TaskId, state: &State, now: Timestamp) {
        let Some(worker) = self.workers.get_mut(id) else { return };
        worker.correction = Some(state.grants.count(id));
        let until = worker.refuse(task, &self.limits, now);
        self.deadlines.wake(until, id);
    }

    /// When a breaker opens or closes, all workers of the service are looked at again.
    fn follow_breaker(&mut self, holder: Option<&WorkerId>, state: &State, now: Timestamp) {
        let Some(name) =
            holder.and_then(|id| self.workers.get(id)).map(|worker| Arc::clone(&worker.facts.name))
        else {
            return;
        };
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

    /// Offers the worker's free slots to its classes, or takes them back.
    fn refresh(&mut self, id: &WorkerId, state: &State, now: Timestamp) {
        let Some(worker) = self.workers.get_mut(id) else { return };
        if worker.free_slots(state, now) > 0 {
            self.slots.offer(worker);
        } else {
            self.slots.withdraw(worker);
        }
    }

    fn withdraw(&mut self, id: &WorkerId) {
        if let Some(worker) = self.workers.get_mut(id) {
            self.slots.withdraw(worker);
        }
    }

    /// Whether an unfinished task may be offered to this worker, which could run its route.
    pub fn may_take(&self, state: &State, worker: &Present, task: TaskId, now: Timestamp) -> bool {
        let id = &worker.facts.worker;
        let refused = worker.refusals.get(&task).is_some_and(|refusal| refusal.until > now);
        let barred = state
            .task(task)
            .is_none_or(|task| task.is_barred_from(id) || task.status.kind() != StatusKind::Queued);
        // A worker that does not fence would start a second handler and confuse both.
        let lingers = !worker.facts.fences && state.grants.of_task(id, task).next().is_some();
        !refused && !barred && !lingers
    }
}
