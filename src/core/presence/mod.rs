//! Volatile knowledge: who is connected, who has free slots, who was heard of. It is never logged, and a restart
//! begins without it.

mod bars;
mod deadlines;
mod departed;
mod doubt;
mod follow;
mod observe;
mod pulse;
mod slots;
mod worker;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use rustc_hash::FxHashMap;

pub use bars::Bar;
pub use deadlines::{Deadlines, Due, OfferDeadline};
pub use departed::{DEPARTED_MAX, Departed, DepartedServices, Left};
pub(in crate::core) use doubt::{Older, Resolved};
pub use slots::Slots;
pub use worker::{Present, Refusal, Refused};

use super::ids::{SessionId, Timestamp, WorkerId};
use super::limits::Limits;
use super::state::{ClassId, Phase, State};

#[derive(Debug)]
pub struct Presence {
    pub limits: Limits,
    pub(in crate::core) workers: BTreeMap<WorkerId, Present>,
    /// Services that are gone. A name that somebody has again is not among them.
    pub departed: DepartedServices,
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
            departed: DepartedServices::default(),
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

    /// Those whose ids come after `last`, in the order of their ids.
    pub fn workers_after(&self, last: Option<&WorkerId>) -> impl Iterator<Item = &Present> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.workers.range((from, Bound::Unbounded)).map(|(_, worker)| worker)
    }

    /// The worker whose current connection this is.
    pub fn of_session(&self, session: SessionId) -> Option<&Present> {
        self.workers.get(self.sessions.get(&session)?)
    }

    /// The next moment at which something is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// After a start: whoever holds something has not come back yet.
    pub(in crate::core) fn expect_back(&mut self, worker: &WorkerId, name: &Arc<str>, now: Timestamp) {
        let absent = Present::absent(worker.clone(), Arc::clone(name), now);
        if let Some(known) = self.workers.insert(worker.clone(), absent) {
            self.departed.leave(&known.facts.name);
        }
        self.departed.arrive(name);
        self.deadlines.watch(worker, now.plus(self.limits.disconnect_grace_ms));
    }

    /// A worker that is gone and holds nothing any more is forgotten.
    fn forget(&mut self, id: &WorkerId) {
        self.withdraw(id);
        self.deadlines.unwatch(id);
        let Some(worker) = self.workers.remove(id) else { return };
        self.departed.leave(&worker.facts.name);
        if let Some(session) = worker.session {
            self.sessions.remove(&session);
        }
    }

    /// A process that was suspended blames nobody for the silence meanwhile.
    pub fn shift_deadlines(&mut self, gap_ms: u64, now: Timestamp) {
        self.deadlines.shift(gap_ms);
        self.shift_doubts(gap_ms);
        for worker in self.workers.values_mut() {
            // Whoever has been heard since is not ahead of the clock.
            worker.last_seen = worker.last_seen.plus(gap_ms).min(now);
            worker.pulse.shift(gap_ms, now);
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
                let Some(worker) = self.workers.get_mut(id) else { return };
                let limit = worker.silence_limit(&self.limits);
                let heard = worker.last_seen.plus(limit);
                if worker.is_connected() && heard > now {
                    self.deadlines.watch(id, heard);
                } else if worker.is_connected() {
                    worker.miss();
                    self.deadlines.watch(id, now.plus(limit));
                    self.refresh(id, state, now);
                } else if state.grants.count(id) == 0 {
                    self.forget(id);
                } else {
                    self.deadlines.watch(id, now.plus(limit));
                }
            }
            Due::Wake(id) => {
                if let Some(worker) = self.workers.get_mut(id) {
                    worker.no_room = None;
                }
                self.refresh(id, state, now);
            }
            Due::Doubt(id) => self.after_doubts(id, state, now),
        }
    }

    /// Forgets the offers that have been answered.
    pub fn drop_answered(&mut self, state: &State) {
        self.deadlines.drop_answered(|offer| {
            let grant = state.grants.get(&offer.worker, offer.task, offer.attempt);
            grant.is_some_and(|grant| grant.phase == Phase::Offered)
        });
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

    /// Whoever has free slots stands in line for each class that it serves, and nobody else does.
    pub(in crate::core) fn check_slots(&self, state: &State, now: Timestamp) -> Result<(), String> {
        for worker in self.workers.values() {
            let id = &worker.facts.worker;
            let free = worker.free_slots(state, now);
            let waits =
                worker.serves.iter().all(|class| self.slots.of_class(*class).any(|other| other == id));
            let absent =
                self.slots.open().iter().all(|class| self.slots.of_class(*class).all(|other| other != id));
            let served = worker.serves.iter().any(|class| state.ready.has_class(*class));
            if (free > 0 && served && !waits) || (free == 0 && !absent) {
                return Err(format!("{id} has {free} free slots, but in the turns it stands otherwise"));
            }
            if worker.session.is_some_and(|session| self.sessions.get(&session) != Some(id)) {
                return Err(format!("the connection of {id} belongs to another worker"));
            }
        }
        Ok(())
    }
}
