//! Making turns durable: one write and one sync for all turns that came while the disk was busy.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tracing::{error, info, warn};

use super::dispatch::Announcement;
use super::feed::{Feed, FeedItem, Published};
use super::turn::{Output, Turn};
use super::writing::{Writing, Written};
use crate::figures::Figures;
use crate::log::{Lack, Log, LogError, Space};

/// Records and outputs that may wait for the disk. Beyond it the engine pauses, and its inbox fills.
const WAITING_MAX: usize = 100_000;
/// How often a write that a full disk had no room for is tried again.
const SPACE_PAUSE: Duration = Duration::from_millis(100);
/// Without work for this long the log is sealed.
const IDLE: Duration = Duration::from_secs(1);

/// What others may know of the commit thread.
#[derive(Debug)]
pub struct CommitStatus {
    /// The position after the last durable record.
    pub durable: AtomicU64,
    /// Bytes appended since the start.
    pub bytes: AtomicU64,
    /// Batches, each of which was one sync.
    pub batches: AtomicU64,
    /// What a full disk still takes in one piece; [`ENDLESS`] on any other.
    room: AtomicU64,
    /// It is descriptors that are missing, and no space.
    lacks_descriptors: AtomicBool,
}

/// The room on a disk that is not full.
const ENDLESS: u64 = u64::MAX;

impl Default for CommitStatus {
    fn default() -> Self {
        let (durable, bytes, batches) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let lacks_descriptors = AtomicBool::new(false);
        Self { durable, bytes, batches, room: AtomicU64::new(ENDLESS), lacks_descriptors }
    }
}

impl CommitStatus {
    /// How many bytes can be written although the disk is full; nothing while it is not.
    pub fn reserve(&self) -> Option<u64> {
        Some(self.room.load(Ordering::Relaxed)).filter(|room| *room != ENDLESS)
    }

    /// Why no more can be written.
    pub fn lack(&self) -> Lack {
        if self.lacks_descriptors.load(Ordering::Relaxed) { Lack::Descriptors } else { Lack::Space }
    }

    /// The disk is full; only the reserve is left.
    pub fn is_read_only(&self) -> bool {
        self.reserve().is_some()
    }
}

/// The engine's side of the commit thread.
#[derive(Debug, Clone)]
pub struct Committer {
    mailbox: Arc<Mailbox>,
    pub status: Arc<CommitStatus>,
    figures: Arc<Figures>,
}

#[derive(Debug, Default)]
struct Mailbox {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    turns: Vec<Turn>,
    /// Their records and outputs.
    size: usize,
    closed: bool,
    /// Nobody waits for the disk any longer.
    stopping: bool,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no thread panics while it holds the mailbox")
    }
}

impl Committer {
    pub(super) fn new(figures: Arc<Figures>) -> Self {
        Self { mailbox: Arc::default(), status: Arc::default(), figures }
    }

    /// Hands a turn over, and waits while too much waits for the disk.
    pub(super) fn submit(&self, turn: Turn) {
        let mut waiting = self.mailbox.lock();
        while waiting.size > WAITING_MAX && !waiting.stopping {
            waiting =
                self.mailbox.changed.wait(waiting).expect("no thread panics while it holds the mailbox");
        }
        waiting.size += turn.records.len() + turn.outputs.len();
        waiting.turns.push(turn);
        drop(waiting);
        self.mailbox.changed.notify_all();
    }

    /// The process is about to stop: what a full disk has no room for is given up, unanswered.
    pub(super) fn stop_waiting(&self) {
        self.mailbox.lock().stopping = true;
        self.mailbox.changed.notify_all();
    }

    /// No more turns will come: the thread ends when it has written what it has.
    pub(super) fn close(&self) {
        self.mailbox.lock().closed = true;
        self.mailbox.changed.notify_all();
    }

    /// Writes until the mailbox is closed. A full disk is waited for: nothing was written, nothing is answered, and
    /// the engine takes nothing meanwhile that would need room.
    ///
    /// # Errors
    /// The first failure of the log. Nothing that depends on it has been answered, and the process must stop:
    /// nobody can say what the disk holds.
    pub(super) fn run(
        &self,
        log: &mut dyn Log,
        feed: &Feed,
        outputs: &Sender<Vec<Output>>,
    ) -> Result<(), LogError> {
        let mut writing = Writing::new(log.next_seq());
        let mut sealed = false;
        loop {
            self.note(log.space());
            let Some(turns) = self.take(sealed) else { break };
            if turns.is_empty() {
                log.seal()?;
                sealed = true;
                continue;
            }
            sealed = false;
            writing.add(turns);
            while self.write(log, &mut writing, feed, outputs)? == Written::NoSpace {
                if !self.wait_for_space(log.space()) {
                    let records = writing.records().count();
                    warn!(records, "stopping on a full disk: what nobody was told of is given up");
                    return log.seal();
                }
            }
        }
        log.seal()
    }

    /// Lets the engine know that nothing can be written, and pauses. Says whether it is worth to go on.
    fn wait_for_space(&self, space: Space) -> bool {
        let lack = match space {
            Space::Writable => Lack::Space,
            Space::ReserveOnly { lack, .. } => lack,
        };
        self.note(Space::ReserveOnly { left: 0, largest: 0, lack });
        std::thread::sleep(SPACE_PAUSE);
        !self.mailbox.lock().stopping
    }

    /// The waiting turns; none after a while of silence; nothing when closed.
    fn take(&self, sealed: bool) -> Option<Vec<Turn>> {
        let mut waiting = self.mailbox.lock();
        while waiting.turns.is_empty() {
            if waiting.closed {
                return None;
            }
            // A sealed log on a healthy disk needs no attention: sleep until there is work.
            if sealed && !self.status.is_read_only() {
                waiting =
                    self.mailbox.changed.wait(waiting).expect("no thread panics while it holds the mailbox");
                continue;
            }
            let (guard, timeout) = self
                .mailbox
                .changed
                .wait_timeout(waiting, IDLE)
                .expect("no thread panics while it holds the mailbox");
            waiting = guard;
            if timeout.timed_out() && waiting.turns.is_empty() && !waiting.closed {
                return Some(Vec::new());
            }
        }
        waiting.size = 0;
        let turns = std::mem::take(&mut waiting.turns);
        drop(waiting);
        self.mailbox.changed.notify_all();
        Some(turns)
    }

    fn write(
        &self,
        log: &mut dyn Log,
        writing: &mut Writing,
        feed: &Feed,
        outputs: &Sender<Vec<Output>>,
    ) -> Result<Written, LogError> {
        writing.write(log, &mut |durable| {
            if durable.bytes > 0 {
                self.figures.batch_records.record(durable.records.records.len() as u64);
                self.status.bytes.fetch_add(durable.bytes, Ordering::Relaxed);
                self.status.batches.fetch_add(1, Ordering::Relaxed);
                self.status.durable.store(durable.end.0, Ordering::Release);
            }
            let outputs_left = publish_progress(feed, durable.outputs);
            publish(feed, durable.records);
            release(outputs, outputs_left);
        })
    }

    fn note(&self, space: Space) {
        let (room, lack) = match space {
            Space::Writable => (ENDLESS, Lack::Space),
            Space::ReserveOnly { largest, lack, .. } => (largest, lack),
        };
        self.status.lacks_descriptors.store(lack == Lack::Descriptors, Ordering::Relaxed);
        let before = self.status.room.swap(room, Ordering::Relaxed);
        if before == ENDLESS && room != ENDLESS {
            let what = match lack {
                Lack::Space => "the disk is full",
                Lack::Descriptors => "no more files can be opened",
            };
            error!("{what}: new work is refused, reports of running work are still taken");
        } else if before != ENDLESS && room == ENDLESS {
            info!("the log has room again: new work is taken");
        }
    }
}

/// Progress is told before the records of its turns: what a task did comes before its end.
fn publish_progress(feed: &Feed, outputs: Vec<Output>) -> Vec<Output> {
    let is_progress = |output: &Output| matches!(output, Output::Announce(Announcement::Progress { .. }));
    if !outputs.iter().any(is_progress) {
        return outputs;
    }
    let mut left = Vec::with_capacity(outputs.len());
    for output in outputs {
        if let Output::Announce(announcement @ Announcement::Progress { .. }) = output {
            feed.publish(FeedItem::Announcement(Arc::new(announcement)));
        } else {
            left.push(output);
        }
    }
    left
}

fn publish(feed: &Feed, published: Published) {
    if !published.records.is_empty() {
        feed.publish(FeedItem::Records(Arc::new(published)));
    }
}

fn release(outputs: &Sender<Vec<Output>>, pending: Vec<Output>) {
    if !pending.is_empty() && outputs.send(pending).is_err() {
        warn!("the dispatching thread has stopped before the log");
    }
}
