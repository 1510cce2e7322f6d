//! What commands say of workers: they come, are heard of, and go.

use std::sync::Arc;

use super::worker::accepted;
use super::{OfferDeadline, Older, Presence, Present};
use crate::core::command::{
    Command, Disconnected, Drain, Heartbeat, Held, Progress, WorkerFacts, WorkerStatus,
};
use crate::core::ids::{SessionId, TaskId, Timestamp, WorkerId};
use crate::core::match_workers::can_run;
use crate::core::state::{Phase, State};

impl Presence {
    /// Follows a command that was not rejected, after its events have been applied.
    pub fn observe(&mut self, state: &State, command: &Command, now: Timestamp) {
        match command {
            Command::RegisterWorker { session, facts, active, .. } => {
                self.register(*session, facts, active.as_deref(), state, now);
            }
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
            | Command::ImportWorkflow { .. }
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
            | Command::ImportWorkflow { .. }
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
        if let Command::ReportProgress { task, .. } | Command::AcceptTask { task, .. } = command {
            worker.show_life(state, task, attempt);
        }
        if worker.hear(now) {
            let id = id.clone();
            self.refresh(&id, state, now);
        }
    }

    /// A worker's connection is its registration: an older connection of the same worker no longer counts.
    fn register(
        &mut self,
        session: SessionId,
        facts: &Arc<WorkerFacts>,
        active: Option<&[Held]>,
        state: &State,
        now: Timestamp,
    ) {
        let id = facts.worker.clone();
        self.withdraw(&id);
        let known = self.workers.remove(&id);
        if let Some(known) = &known {
            self.departed.leave(&known.facts.name);
        }
        self.departed.arrive(&facts.name);
        let known_session = known.as_ref().and_then(|known| known.session);
        if let Some(old) = known_session {
            self.sessions.remove(&old);
        }
        let mut worker = Present::new(session, Arc::clone(facts), now);
        let is_same_process = known.as_ref().is_some_and(|known| {
            known.session == Some(session)
                || facts.instance.is_some() && known.facts.instance == facts.instance
        });
        if let Some(known) = known {
            worker.drained = known.drained;
            worker.pulse = known.pulse.again(now);
            if known_session == Some(session) {
                // Lists that follow on this connection were made later, as after a heartbeat.
                worker.accepted_by_heartbeat = accepted(state, &id).collect();
                (worker.older, worker.low_counts) = (known.older, known.low_counts);
            }
        }
        if known_session != Some(session) {
            worker.older = Older::all(state, &id);
        }
        worker.serves =
            state.ready.routes().filter(|(_, route)| can_run(facts, route)).map(|(id, _)| id).collect();
        let limit = worker.silence_limit(&self.limits);
        self.workers.insert(id.clone(), worker);
        self.sessions.insert(session, id.clone());
        self.next_class = self.next_class.max(state.ready.next_class());
        self.deadlines.watch(&id, now.plus(limit));
        if active.is_none() && !is_same_process {
            self.doubt(&id, state, now);
        }
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
            self.departed.note(worker, how, now);
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
        if heartbeat.active.is_some() {
            // It has named what it holds of them; of the rest nothing is left.
            worker.older.clear();
        } else if heartbeat.active_count.is_some() && !low {
            worker.settle_doubts();
        }
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
