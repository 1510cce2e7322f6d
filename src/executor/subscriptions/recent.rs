//! The ends of the last moments, picked out of the feed once for all subscriptions. A subscription that lags further
//! behind reads the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::core::event::Record;
use crate::core::ids::Seq;
use crate::core::subscription::EndKind;
use crate::engine::{FeedItem, Published};

/// Ends that are kept: some hundred bytes each, and seconds at full load.
const KEPT: usize = 8_192;
/// Those who wait for ends hear of records without any this often, so that their cursors move on.
const TELL_EVERY: u64 = 5_000;

/// An end and its place.
pub(super) type End = (Seq, Arc<Record>);

#[derive(Debug)]
pub(super) struct Recent {
    inner: Mutex<Inner>,
    /// The position after the last record that was looked at, as far as it was told.
    told: watch::Sender<Seq>,
}

#[derive(Debug, Default)]
struct Inner {
    ends: VecDeque<End>,
    /// All ends from here on, up to `to`, are there; nothing while nobody follows.
    covered: Option<(Seq, Seq)>,
}

impl Recent {
    pub fn new() -> Self {
        Self { inner: Mutex::default(), told: watch::Sender::new(Seq::default()) }
    }

    /// Changes when there is something new.
    pub fn news(&self) -> watch::Receiver<Seq> {
        self.told.subscribe()
    }

    /// The first `limit` ends of these kinds from `from` on, and where to look on. Nothing when they are no longer
    /// here, or not yet.
    pub fn from(&self, from: Seq, limit: usize, wanted: impl Fn(EndKind) -> bool) -> Option<(Vec<End>, Seq)> {
        let inner = self.lock();
        let (_, to) = inner.covered.filter(|(first, _)| *first <= from)?;
        let begin = inner.ends.partition_point(|(seq, _)| *seq < from);
        let fits = |(_, record): &&End| EndKind::of(&record.event).is_some_and(&wanted);
        let found: Vec<End> = inner.ends.range(begin..).filter(fits).take(limit).cloned().collect();
        let next = found.last().filter(|_| found.len() == limit).map_or(to, |(seq, _)| seq.next());
        Some((found, next.max(from)))
    }

    /// Follows the feed for as long as the future is polled.
    pub async fn follow(&self, mut feed: broadcast::Receiver<FeedItem>) {
        loop {
            match feed.recv().await {
                Ok(FeedItem::Records(published)) => self.take(&published),
                Ok(FeedItem::Announcement(_)) => {}
                // What was missed is in the log.
                Err(RecvError::Lagged(_)) => {
                    self.forget();
                    self.told.send_modify(|_| {});
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Nobody follows any more.
    pub fn forget(&self) {
        *self.lock() = Inner::default();
    }

    fn take(&self, published: &Published) {
        let end = Seq(published.first.0 + published.records.len() as u64);
        let mut inner = self.lock();
        let before = inner.ends.len();
        let first = match inner.covered {
            Some((first, to)) if to == published.first => first,
            Some(_) | None => {
                inner.ends.clear();
                published.first
            }
        };
        inner.covered = Some((first, end));
        for (at, record) in (published.first.0..).map(Seq).zip(&published.records) {
            if EndKind::of(&record.event).is_some() {
                inner.ends.push_back((at, Arc::new(record.clone())));
            }
        }
        let grew = inner.ends.len() > before;
        while inner.ends.len() > KEPT {
            if let Some((seq, _)) = inner.ends.pop_front() {
                inner.covered = Some((seq.next(), end));
            }
        }
        drop(inner);
        if grew || end.0.saturating_sub(self.told.borrow().0) >= TELL_EVERY {
            self.told.send_replace(end);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics while it holds the ends")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::{Event, Outcome};
    use crate::core::ids::{Timestamp, WorkflowId};

    fn record(is_end: bool) -> Record {
        let workflow = WorkflowId(7);
        let event = if is_end {
            Event::WorkflowEnded { workflow, outcome: Outcome::Failed, release_until: Timestamp(0) }
        } else {
            Event::WorkflowPaused { workflow }
        };
        Record { at: Timestamp(1), event }
    }

    fn publish(recent: &Recent, first: u64, kinds: &[bool]) {
        let records = kinds.iter().map(|is_end| record(*is_end)).collect();
        recent.take(&Published { first: Seq(first), records });
    }

    fn seqs(recent: &Recent, from: u64, limit: usize) -> Option<(Vec<u64>, u64)> {
        let (found, next) = recent.from(Seq(from), limit, |kind| kind == EndKind::WorkflowFailed)?;
        Some((found.into_iter().map(|(seq, _)| seq.0).collect(), next.0))
    }

    #[test]
    fn what_was_followed_without_a_gap_is_here_and_nothing_else() {
        let recent = Recent::new();
        assert_eq!(seqs(&recent, 1, 9), None);
        publish(&recent, 10, &[true, false, true]);
        assert_eq!(seqs(&recent, 9, 9), None, "that is in the log alone");
        assert_eq!(seqs(&recent, 10, 9), Some((vec![10, 12], 13)));
        assert_eq!(seqs(&recent, 11, 9), Some((vec![12], 13)));
        assert_eq!(seqs(&recent, 10, 1), Some((vec![10], 11)));
        assert_eq!(seqs(&recent, 20, 9), Some((vec![], 20)), "a cursor never goes back");
        publish(&recent, 13, &[false, true]);
        assert_eq!(seqs(&recent, 12, 9), Some((vec![12, 14], 15)));
        publish(&recent, 20, &[true]);
        assert_eq!(seqs(&recent, 14, 9), None, "there was a gap");
        assert_eq!(seqs(&recent, 20, 9), Some((vec![20], 21)));
        assert!(recent.from(Seq(20), 9, |kind| kind == EndKind::TaskFailed).unwrap().0.is_empty());
    }

    #[test]
    fn only_so_many_are_kept() {
        let recent = Recent::new();
        publish(&recent, 1, &vec![true; KEPT + 3]);
        assert_eq!(seqs(&recent, 3, 1), None);
        assert_eq!(seqs(&recent, 4, 1), Some((vec![4], 5)));
    }
}
