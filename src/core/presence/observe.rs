//! What commands say of workers: they come, are heard of, and go.

use std::sync::Arc;

use super::worker::accepted;
use super::{OfferDeadline, Presence, Present};
use crate::core::command::{Command, Disconnected, Drain, Heartbeat, Progress, WorkerFacts, WorkerStatus};
use crate::core::ids::{SessionId, TaskId, Timestamp, WorkerId};
use crate::core::match_workers::can_run;
use crate::core::state::{Phase, State};

impl Presence {
    /// Follows a command that was not rejected, after its events have been applied.
    pub fn observe(&mut self, state: &State, command: &Command, now: Timestamp) {
        match command {
            Command::RegisterWorker { session, facts, .. } => self.register(*session, facts, state, now),
            Command::Heartbeat { session, heartbeat } => self.heartbeat(*session, heartbeat, state, now),
            Command::SetWorkerStatus { session, status } => self.set_status(*session, *status, state, now),
            Command::DrainWorker { worker, drain } => self.set_drained(worker, *drain, state, now),
            Command::Disconnect { session, how } => self.disconnected(*session, *how, state, now),
            Command::ReportProgress { .. }
            | Command::AcceptTask { .. }
            | Command::CompleteTask { .. }
            | Command::RefuseResult { .. }
            | Command::FailTask { .. }
            | Command::SubmitWorkflow { .. }
            | Command::CancelWorkflow { .. }
            | Command::PauseWorkflow { .. }
            | Command::ResumeWorkflow { .. }
            | Command::RetryWorkflow { .. }
            | Command::CancelTask { .. }
            | Command::RetryTask { .. }
            | Command::SettleTask { .. }
            | Command::RecordDelivery { .. }
            | Command::TakeCallback { .. }
            | Command::CarryPayloads { .. }
            | Command::CarryArchived { .. }
            | Command::CarryLive { .. }
            | Command::CarryServices
            | Command::ReleaseLog { .. }
            | Command::OrderSubscription { .. }
            | Command::OrderAccess { .. }
            | Command::FailDispatch { .. }
            | Command::ReturnAttempt { .. } => {}
        }
    }

    /// A worker says something, whatever becomes of it: it is there, and what was thought of its capacity is out of
    /// date.
    pub fn hear(&mut self, state: &State, command: &Command, now: Timestamp) {
        let (session, attempt) = match command {
            Command::ReportProgress { session, attempt, .. }
            | Command::AcceptTask { session, attempt, .. }
            | Command::CompleteTask { session, attempt, .. }
            | Command::RefuseResult { session, attempt, .. }
            | Command::FailTask { session, attempt, .. } => (session, *attempt),
            Command::Heartbeat { session, .. } | Command::SetWorkerStatus { session, .. } => (session, None),
            Command::RegisterWorker { .. }
            | Command::DrainWorker { .. }
            | Command::Disconnect { .. }
            | Command::SubmitWorkflow { .. }
            | Command::CancelWorkflow { .. }
            | Command::PauseWorkflow { .. }
            | Command::ResumeWorkflow { .. }
            | Command::RetryWorkflow { .. }
            | Command::CancelTask { .. }
            | Command::RetryTask { .. }
            | Command::SettleTask { .. }
            | Command::RecordDelivery { .. }
            | Command::TakeCallback { .. }
            | Command::CarryPayloads { .. }
            | Command::CarryArchived { .. }
            | Command::CarryLive { .. }
            | Command::CarryServices
            | Command::ReleaseLog { .. }
            | Command::OrderSubscription { .. }
            | Command::OrderAccess { .. }
            | Command::FailDispatch { .. }
            | Command::ReturnAttempt { .. } => return,
        };
        let Some(id) = self.sessions.get(session) else { return };
        let Some(worker) = self.workers.get_mut(id) else { return };
        if attempt.is_some() {
            worker.learn_fencing();
        }
        if worker.hear(now) {
            let id = id.clone();
            self.refresh(&id, state, now);
        }
    }

    /// A worker's connection is its registration: an older connection of the same worker no longer counts.
    fn register(&mut self, session: SessionId, facts: &Arc<WorkerFacts>, state: &State, now: Timestamp) {
        let id = facts.worker.clone();
        let known_session = self.workers.get(&id).and_then(|worker| worker.session);
        if let Some(old) = known_session {
            self.sessions.remove(&old);
        }
        self.withdraw(&id);
        let drained = self.workers.get(&id).is_some_and(|worker| worker.drained);
        let mut worker = Present::new(session, Arc::clone(facts), now);
        worker.drained = drained;
        if known_session == Some(session) {
            // Lists that follow on this connection were made later, as after a heartbeat.
            worker.accepted_by_heartbeat = accepted(state, &id).collect();
        }
        worker.accepted_before_connection = accepted(state, &id).collect();
        worker.serves =
            state.ready.routes().filter(|(_, route)| can_run(facts, route)).map(|(id, _)| id).collect();
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
        // A breaker that opened before the restart, or while nobody of the service was here.
        if let Some(until) = state.services.get(&facts.name).and_then(|totals| totals.open_until) {
            self.slots.set_breaker(&facts.name, Some(until));
            self.deadlines.wake(until, &id);
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

    fn heartbeat(&mut self, session: SessionId, heartbeat: &Heartbeat, state: &State, now: Timestamp) {
        let Some(id) = self.sessions.get(&session).cloned() else { return };
        let id = &id;
        let Some(worker) = self.workers.get_mut(id) else { return };
        let low = worker.counts_too_few(state, heartbeat.active_count);
        worker.low_counts = if low { worker.low_counts + 1 } else { 0 };
        worker.last_heartbeat = Some(now);
        let limit = worker.silence_limit(&self.limits);
        worker.pulse.beat(now);
        if worker.silence_limit(&self.limits) != limit {
            self.deadlines.watch(id, now.plus(worker.silence_limit(&self.limits)));
        }
        worker.accepted_by_heartbeat = accepted(state, id).collect();
        worker.reported = heartbeat.reported.clone();
        if let Some(status) = heartbeat.status {
            worker.status = status;
        }
        self.refresh(id, state, now);
    }

    fn set_status(&mut self, session: SessionId, status: WorkerStatus, state: &State, now: Timestamp) {
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

    /// Remembers the latest progress of what a worker runs.
    pub fn note_progress(&mut self, state: &State, task: TaskId, progress: &Progress, now: Timestamp) {
        let holder = state.task(task).and_then(|known| known.holder());
        if let Some(worker) = holder.and_then(|id| self.workers.get_mut(id)) {
            worker.progress.insert(task, (now, progress.clone()));
        }
    }
}
