//! Which worker holds which attempt: the logged fact behind every slot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::ids::{AttemptNo, TaskId, Timestamp, WorkerId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub phase: Phase,
    pub since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    Offered,
    Accepted,
    /// The attempt no longer counts, but the worker may still run it.
    Releasing {
        until: Timestamp,
    },
    /// Accepted, and handed on to a receiver outside, whose answer is awaited. It is not handed on again.
    Delivered,
}

impl Phase {
    pub const fn is_current(self) -> bool {
        matches!(self, Self::Offered | Self::Accepted | Self::Delivered)
    }
}

type OfWorker = BTreeMap<(TaskId, AttemptNo), Grant>;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Grants(BTreeMap<WorkerId, OfWorker>);

impl Grants {
    /// Slots in use.
    pub fn count(&self, worker: &WorkerId) -> u32 {
        self.0.get(worker).map_or(0, |held| u32::try_from(held.len()).expect("bounded by the capacity"))
    }

    pub fn get(&self, worker: &WorkerId, task: TaskId, attempt: AttemptNo) -> Option<Grant> {
        self.0.get(worker)?.get(&(task, attempt)).copied()
    }

    pub fn of(&self, worker: &WorkerId) -> impl Iterator<Item = (TaskId, AttemptNo, Grant)> {
        self.0.get(worker).into_iter().flatten().map(|((task, attempt), grant)| (*task, *attempt, *grant))
    }

    /// All attempts of one task that the worker holds or may still run.
    pub fn of_task(&self, worker: &WorkerId, task: TaskId) -> impl Iterator<Item = (AttemptNo, Grant)> {
        let all = (task, AttemptNo(0))..=(task, AttemptNo(u32::MAX));
        let held = self.0.get(worker);
        held.into_iter().flat_map(move |held| held.range(all.clone())).map(|((_, no), grant)| (*no, *grant))
    }

    pub fn workers(&self) -> impl Iterator<Item = &WorkerId> {
        self.0.keys()
    }

    pub fn all(&self) -> impl Iterator<Item = (&WorkerId, TaskId, AttemptNo, Grant)> {
        self.0.iter().flat_map(|(worker, held)| {
            held.iter().map(move |((task, attempt), grant)| (worker, *task, *attempt, *grant))
        })
    }

    pub(in crate::core) fn insert(
        &mut self,
        worker: &WorkerId,
        task: TaskId,
        attempt: AttemptNo,
        grant: Grant,
    ) {
        if let Some(held) = self.0.get_mut(worker) {
            held.insert((task, attempt), grant);
        } else {
            self.0.insert(worker.clone(), BTreeMap::from([((task, attempt), grant)]));
        }
    }

    pub(in crate::core) fn remove(
        &mut self,
        worker: &WorkerId,
        task: TaskId,
        attempt: AttemptNo,
    ) -> Option<Grant> {
        let held = self.0.get_mut(worker)?;
        let grant = held.remove(&(task, attempt));
        if held.is_empty() {
            self.0.remove(worker);
        }
        grant
    }
}
