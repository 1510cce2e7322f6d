//! Free slots per routing class, so that the next worker for a task is found without a search.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::worker::Present;
use crate::core::ids::{Timestamp, WorkerId};
use crate::core::state::{ClassId, State};

#[derive(Debug, Default)]
pub struct Slots {
    /// Workers with a free slot, in the order of their turns.
    free: BTreeMap<ClassId, BTreeMap<u64, WorkerId>>,
    /// Classes that some worker with a free slot serves.
    open: BTreeSet<ClassId>,
    next_turn: u64,
    /// What was last seen of each breaker that is not closed.
    breakers: BTreeMap<Arc<str>, Timestamp>,
}

impl Slots {
    /// Classes that some worker with a free slot serves.
    pub const fn open(&self) -> &BTreeSet<ClassId> {
        &self.open
    }

    /// Workers with a free slot for this class, in the order of their turns.
    pub fn of_class(&self, class: ClassId) -> impl Iterator<Item = &WorkerId> {
        self.free.get(&class).into_iter().flat_map(BTreeMap::values)
    }

    /// Puts the worker at the end of each of its classes, unless it waits there already.
    pub(super) fn offer(&mut self, worker: &mut Present) {
        if !worker.turns.is_empty() {
            return;
        }
        for class in worker.serves.iter().copied() {
            let turn = self.turn();
            worker.turns.insert(class, turn);
            self.free.entry(class).or_default().insert(turn, worker.facts.worker.clone());
            self.open.insert(class);
        }
    }

    pub(super) fn withdraw(&mut self, worker: &mut Present) {
        for (class, turn) in std::mem::take(&mut worker.turns) {
            self.take(class, turn);
        }
    }

    /// The worker has had its turn in this class.
    pub(super) fn rotate(&mut self, class: ClassId, worker: &mut Present) {
        let next = self.next_turn;
        let Some(turn) = worker.turns.get_mut(&class) else { return };
        let Some(waiting) = self.free.get_mut(&class) else { return };
        if let Some(id) = waiting.remove(turn) {
            self.next_turn += 1;
            *turn = next;
            waiting.insert(next, id);
        }
    }

    /// Drops the classes that no workflow uses any more.
    pub(super) fn prune(&mut self, state: &State) {
        self.free.retain(|class, _| state.ready.has_class(*class));
        self.open.retain(|class| state.ready.has_class(*class));
    }

    /// Whether the breaker of any service is not closed.
    pub fn any_breaker(&self) -> bool {
        !self.breakers.is_empty()
    }

    pub(super) fn breaker(&self, service: &str) -> Option<Timestamp> {
        self.breakers.get(service).copied()
    }

    pub(super) fn set_breaker(&mut self, service: &Arc<str>, open_until: Option<Timestamp>) {
        match open_until {
            Some(until) => self.breakers.insert(Arc::clone(service), until),
            None => self.breakers.remove(service),
        };
    }

    fn take(&mut self, class: ClassId, turn: u64) {
        if let Some(waiting) = self.free.get_mut(&class) {
            waiting.remove(&turn);
            if waiting.is_empty() {
                self.free.remove(&class);
                self.open.remove(&class);
            }
        }
    }

    const fn turn(&mut self) -> u64 {
        self.next_turn += 1;
        self.next_turn - 1
    }
}
