//! Deadlines that follow from the facts.

use std::collections::BTreeSet;

use crate::core::ids::{AttemptNo, TaskId, Timestamp, WorkerId, WorkflowId};

/// What a deadline is for. A timer that outlived its reason does not exist: whoever ends the reason removes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The attempt has run too long.
    Run(TaskId),
    /// The task has waited too long for a worker.
    Queue(TaskId),
    /// The backoff is over.
    Retry(TaskId),
    /// The workflow has taken too long.
    Total(WorkflowId),
    /// The worker had its time to confirm.
    Release(WorkerId, TaskId, AttemptNo),
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Timers(BTreeSet<(Timestamp, Timer)>);

impl Timers {
    pub(in crate::core) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(in crate::core) fn clear(&mut self, at: Timestamp, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Whether this timer still stands.
    pub fn contains(&self, due: &(Timestamp, Timer)) -> bool {
        self.0.contains(due)
    }

    /// A timer that is only here, or only there.
    pub(in crate::core) fn difference(
        &self,
        other: &BTreeSet<(Timestamp, Timer)>,
    ) -> Option<(Timestamp, Timer)> {
        self.0.symmetric_difference(other).next().cloned()
    }

    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = &(Timestamp, Timer)> {
        self.0.iter().take_while(move |(at, _)| *at <= now)
    }
}
