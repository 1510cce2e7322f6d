//! Deadlines that only make sense while the process runs: acceptance, silence, and pauses of a worker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::core::ids::{AttemptNo, TaskId, Timestamp, WorkerId};

#[derive(Debug, Default)]
pub struct Deadlines {
    /// Every offer has the same time, so the queue is in order by itself.
    offers: VecDeque<(Timestamp, OfferDeadline)>,
    /// When a worker must have been heard of, or must be back.
    silence: BTreeSet<(Timestamp, WorkerId)>,
    watched: BTreeMap<WorkerId, Timestamp>,
    /// When a worker that was left alone may be asked again.
    wakes: BTreeSet<(Timestamp, WorkerId)>,
    /// When something in doubt of a worker that came back may be due.
    doubts: BTreeSet<(Timestamp, WorkerId)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferDeadline {
    pub worker: WorkerId,
    pub task: TaskId,
    pub attempt: AttemptNo,
}

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    Offer(OfferDeadline),
    Silence(WorkerId),
    Wake(WorkerId),
    Doubt(WorkerId),
}

impl Deadlines {
    pub(super) fn offered(&mut self, at: Timestamp, offer: OfferDeadline) {
        self.offers.push_back((at, offer));
    }

    /// Drops the oldest offers that `is_open` says have been answered.
    pub(in crate::core) fn drop_answered(&mut self, is_open: impl Fn(&OfferDeadline) -> bool) {
        while self.offers.front().is_some_and(|(_, offer)| !is_open(offer)) {
            self.offers.pop_front();
        }
    }

    pub(super) fn watch(&mut self, worker: &WorkerId, at: Timestamp) {
        self.unwatch(worker);
        self.watched.insert(worker.clone(), at);
        self.silence.insert((at, worker.clone()));
    }

    pub(super) fn unwatch(&mut self, worker: &WorkerId) {
        if let Some(at) = self.watched.remove(worker) {
            self.silence.remove(&(at, worker.clone()));
        }
    }

    pub(super) fn wake(&mut self, at: Timestamp, worker: &WorkerId) {
        self.wakes.insert((at, worker.clone()));
    }

    pub(super) fn doubt(&mut self, at: Timestamp, worker: &WorkerId) {
        self.doubts.insert((at, worker.clone()));
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        let offer = self.offers.front().map(|(at, _)| *at);
        let silence = self.silence.first().map(|(at, _)| *at);
        let wake = self.wakes.first().map(|(at, _)| *at);
        let doubt = self.doubts.first().map(|(at, _)| *at);
        [offer, silence, wake, doubt].into_iter().flatten().min()
    }

    /// Takes one thing out that is due.
    pub(in crate::core) fn pop(&mut self, now: Timestamp) -> Option<Due> {
        if self.offers.front().is_some_and(|(at, _)| *at <= now) {
            return self.offers.pop_front().map(|(_, offer)| Due::Offer(offer));
        }
        if self.silence.first().is_some_and(|(at, _)| *at <= now) {
            let (_, worker) = self.silence.pop_first()?;
            self.watched.remove(&worker);
            return Some(Due::Silence(worker));
        }
        if self.wakes.first().is_some_and(|(at, _)| *at <= now) {
            return self.wakes.pop_first().map(|(_, worker)| Due::Wake(worker));
        }
        if self.doubts.first().is_some_and(|(at, _)| *at <= now) {
            return self.doubts.pop_first().map(|(_, worker)| Due::Doubt(worker));
        }
        None
    }

    pub(super) fn shift(&mut self, gap_ms: u64) {
        for (at, _) in &mut self.offers {
            *at = at.plus(gap_ms);
        }
        let later = |(at, worker): &(Timestamp, WorkerId)| (at.plus(gap_ms), worker.clone());
        self.silence = self.silence.iter().map(later).collect();
        self.doubts = self.doubts.iter().map(later).collect();
        for at in self.watched.values_mut() {
            *at = at.plus(gap_ms);
        }
    }
}
