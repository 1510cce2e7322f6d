//! The feed: every durable record in order, and announcements that are only worth telling while they are new.

use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::sync::broadcast;

use super::dispatch::Announcement;
use crate::core::errors;
use crate::core::event::{Event, Record};
use crate::core::ids::{Seq, Timestamp, WorkflowId};
use crate::core::rejection::Rejection;
use crate::log::{LogError, LogRead};
use crate::store::record::decode;

/// Items that a follower may lag behind before it has to read the log. 4,096 batches are seconds at full load, and
/// without large payloads a record is a few hundred bytes.
const BACKLOG: usize = 4_096;

/// News of workers that a follower may lag behind. As many as may come back at once after a restart.
const NEWS_BACKLOG: usize = 8_192;

/// Records that one read looks at; a longer search goes on where it stopped.
const SCAN_MAX: u64 = 200_000;

/// Consecutive records, all of them durable. Their large payloads are in the log alone.
#[derive(Debug)]
pub struct Published {
    pub first: Seq,
    pub records: Vec<Record>,
}

#[derive(Debug, Clone)]
pub enum FeedItem {
    Records(Arc<Published>),
    /// Not in the log: progress, and workers that come and go.
    Announcement(Arc<Announcement>),
}

impl FeedItem {
    /// Whether a workflow may have ended by this.
    pub fn is_about(&self, id: WorkflowId) -> bool {
        match self {
            Self::Records(published) => {
                published.records.iter().any(|record| record.event.workflow() == Some(id))
            }
            Self::Announcement(_) => false,
        }
    }
}

/// Where anybody can follow what happens.
#[derive(Debug, Clone)]
pub struct Feed {
    sender: broadcast::Sender<FeedItem>,
    news: broadcast::Sender<Arc<Announcement>>,
    log: Arc<dyn LogRead>,
}

impl Feed {
    pub(super) fn new(log: Arc<dyn LogRead>) -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG), news: broadcast::Sender::new(NEWS_BACKLOG), log }
    }

    pub(super) fn publish(&self, item: FeedItem) {
        if let FeedItem::Announcement(announcement) = &item
            && !matches!(**announcement, Announcement::Progress { .. })
        {
            let _ = self.news.send(Arc::clone(announcement));
        }
        // Without followers nobody needs to hear it.
        let _ = self.sender.send(item);
    }

    /// Follows the workers that come, go and change, and nothing of what happens to workflows: such a follower
    /// sleeps while tasks run.
    pub fn follow_news(&self) -> broadcast::Receiver<Arc<Announcement>> {
        self.news.subscribe()
    }

    /// Follows from now on. A follower that lags too far behind is told so, and reads on with
    /// [`Feed::read`].
    pub fn follow(&self) -> broadcast::Receiver<FeedItem> {
        self.sender.subscribe()
    }

    pub fn has_followers(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// The first position that is kept.
    pub fn first_seq(&self) -> Seq {
        self.log.first_seq()
    }

    /// The position after the last durable record.
    pub fn durable_end(&self) -> Seq {
        self.log.durable_end()
    }

    /// Where the log begins to tell of a workflow that was written last at `spec_seq`. One that was opened again after it had left memory is written anew, and
    /// what was told of it before is still there. Reads the disk, as [`Self::read`] does.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn beginning_of(&self, spec_seq: Seq, created_at: Timestamp) -> Result<Seq, Rejection> {
        let (written, _) = self.read_among(spec_seq, 1, 1, &|_| true)?;
        match written.first().map(|(_, record)| &record.event) {
            Some(Event::WorkflowCarried { workflow: carried }) if carried.released.is_none() => {
                self.first_at(created_at)
            }
            Some(_) | None => Ok(spec_seq),
        }
    }

    /// The first record of that time, or after it: times never go back in the log.
    fn first_at(&self, at: Timestamp) -> Result<Seq, Rejection> {
        let (mut low, mut high) = (self.log.first_seq(), self.log.durable_end());
        while low < high {
            let middle = Seq(low.0 + (high.0 - low.0) / 2);
            let (found, _) = self.read_among(middle, 1, 1, &|_| true)?;
            if found.first().is_some_and(|(_, record)| record.at < at) {
                low = middle.next();
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Up to `limit` durable records from `from` on that `wanted` accepts, and where to read on. Reads the disk:
    /// not for an async context.
    ///
    /// # Errors
    /// [`errors::EVENTS_RELEASED`] when the position is no longer kept, [`errors::STORAGE_FAILED`] otherwise.
    pub fn read(
        &self,
        from: Seq,
        limit: usize,
        wanted: &dyn Fn(&Record) -> bool,
    ) -> Result<(Vec<(Seq, Record)>, Seq), Rejection> {
        self.read_among(from, SCAN_MAX, limit, wanted)
    }

    /// The same among so many records at most.
    pub(super) fn read_among(
        &self,
        from: Seq,
        looked_max: u64,
        limit: usize,
        wanted: &dyn Fn(&Record) -> bool,
    ) -> Result<(Vec<(Seq, Record)>, Seq), Rejection> {
        let mut found = Vec::new();
        let mut next = from.max(Seq::FIRST);
        let mut broken = None;
        let stop = Seq(next.0.saturating_add(looked_max));
        self.log
            .scan(next, &mut |view| {
                if found.len() == limit || view.seq >= stop {
                    return ControlFlow::Break(());
                }
                next = view.seq.next();
                match decode(&view) {
                    Ok(record) if wanted(&record) => found.push((view.seq, record)),
                    Ok(_) => {}
                    Err(error) => {
                        broken = Some(Rejection::new(errors::STORAGE_FAILED, error.to_string()));
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })
            .map_err(|error| unreadable(&error))?;
        broken.map_or(Ok((found, next)), Err)
    }
}

/// What a reader is told when the log cannot be read.
pub(super) fn unreadable(error: &LogError) -> Rejection {
    let code = if matches!(error, LogError::Released { .. }) {
        errors::EVENTS_RELEASED
    } else if matches!(error, LogError::Damaged(_)) {
        errors::DATA_CORRUPTION
    } else {
        errors::STORAGE_FAILED
    };
    Rejection::new(code, error.to_string())
}
