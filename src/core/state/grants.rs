//! Which worker holds which attempt: the logged fact behind every slot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::ids::{AttemptNo, TaskId, Timestamp, WorkerId, WorkflowId};

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
pub struct Grants {
    by_worker: BTreeMap<WorkerId, OfWorker>,
    /// Those whose attempt still counts.
    current: usize,
}

impl Grants {
    /// Attempts that workers hold and that still count.
    pub const fn current(&self) -> usize {
        self.current
    }

    /// Slots in use.
    pub fn count(&self, worker: &WorkerId) -> u32 {
        self.by_worker
            .get(worker)
            .map_or(0, |held| u32::try_from(held.len()).expect("bounded by the capacity"))
    }

    pub fn get(&self, worker: &WorkerId, task: TaskId, attempt: AttemptNo) -> Option<Grant> {
        self.by_worker.get(worker)?.get(&(task, attempt)).copied()
    }

    pub fn of(&self, worker: &WorkerId) -> impl Iterator<Item = (TaskId, AttemptNo, Grant)> {
        self.by_worker
            .get(worker)
            .into_iter()
            .flatten()
            .map(|((task, attempt), grant)| (*task, *attempt, *grant))
    }

    /// All attempts of one task that the worker holds or may still run.
    pub fn of_task(&self, worker: &WorkerId, task: TaskId) -> impl Iterator<Item = (AttemptNo, Grant)> {
        let all = (task, AttemptNo(0))..=(task, AttemptNo(u32::MAX));
        let held = self.by_worker.get(worker);
        held.into_iter().flat_map(move |held| held.range(all.clone())).map(|((_, no), grant)| (*no, *grant))
    }

    /// All attempts of one workflow that somebody holds or may still run.
    pub fn of_workflow(&self, id: WorkflowId) -> impl Iterator<Item = (&WorkerId, TaskId, AttemptNo, Grant)> {
        let first = (TaskId::new(id, 0), AttemptNo(0));
        let last = (TaskId::new(id, u32::MAX), AttemptNo(u32::MAX));
        self.by_worker.iter().flat_map(move |(worker, held)| {
            held.range(first..=last).map(move |((task, attempt), grant)| (worker, *task, *attempt, *grant))
        })
    }

    pub fn workers(&self) -> impl Iterator<Item = &WorkerId> {
        self.by_worker.keys()
    }

    /// How many attempts somebody holds or may still run.
    pub fn held(&self) -> usize {
        self.by_worker.values().map(BTreeMap::len).sum()
    }

    pub fn all(&self) -> impl Iterator<Item = (&WorkerId, TaskId, AttemptNo, Grant)> {
        self.by_worker.iter().flat_map(|(worker, held)| {
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
        let before = if let Some(held) = self.by_worker.get_mut(worker) {
            held.insert((task, attempt), grant)
        } else {
            self.by_worker.insert(worker.clone(), BTreeMap::from([((task, attempt), grant)]));
            None
        };
        self.current += usize::from(grant.phase.is_current());
        self.current -= usize::from(before.is_some_and(|before| before.phase.is_current()));
    }

    pub(in crate::core) fn remove(
        &mut self,
        worker: &WorkerId,
        task: TaskId,
        attempt: AttemptNo,
    ) -> Option<Grant> {
        let held = self.by_worker.get_mut(worker)?;
        let grant = held.remove(&(task, attempt));
        if held.is_empty() {
            self.by_worker.remove(worker);
        }
        self.current -= usize::from(grant.is_some_and(|grant| grant.phase.is_current()));
        grant
    }
}
