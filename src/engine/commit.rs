//! Making turns durable: one write and one sync for all turns that came while the disk was busy.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tracing::{error, info, warn};

use super::dispatch::Announcement;
use super::feed::{Feed, FeedItem, Published};
use super::turn::{Output, Turn};
use crate::core::event::{Event, Record};
use crate::core::ids::Seq;
use crate::log::{Batch, Log, LogError, Space};
use crate::store::record::{HEAD_BYTES, encode, size_hint};

/// Records that may wait for the disk. Beyond it the engine pauses, and its inbox fills.
const WAITING_RECORDS_MAX: usize = 100_000;
/// A batch is written when it has grown to this, so that no single sync takes long.
const BATCH_BYTES: u64 = 4 << 20;
/// Without work for this long the log is sealed.
const IDLE: Duration = Duration::from_secs(1);

/// What others may know of the commit thread.
#[derive(Debug, Default)]
pub struct CommitStatus {
    /// The position after the last durable record.
    pub durable: AtomicU64,
    /// The disk is full; only the reserve is left.
    pub read_only: AtomicBool,
    /// Bytes appended since the start.
    pub bytes: AtomicU64,
    /// Batches, each of which was one sync.
    pub batches: AtomicU64,
}

/// The engine's side of the commit thread.
#[derive(Debug, Clone)]
pub struct Committer {
    mailbox: Arc<Mailbox>,
    pub status: Arc<CommitStatus>,
}

#[derive(Debug, Default)]
struct Mailbox {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    turns: Vec<Turn>,
    records: usize,
    closed: bool,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no thread panics while it holds the mailbox")
    }
}

impl Committer {
    pub(super) fn new() -> Self {
        Self { mailbox: Arc::default(), status: Arc::default() }
    }

    /// Hands a turn over, and waits while too many records wait for the disk.
    pub(super) fn submit(&self, turn: Turn) {
        let mut waiting = self.mailbox.lock();
        while waiting.records > WAITING_RECORDS_MAX {
            waiting =
                self.mailbox.changed.wait(waiting).expect("no thread panics while it holds the mailbox");
        }
        waiting.records += turn.records.len();
        waiting.turns.push(turn);
        drop(waiting);
        self.mailbox.changed.notify_all();
    }

    /// No more turns will come: the thread ends when it has written what it has.
    pub(super) fn close(&self) {
        self.mailbox.lock().closed = true;
        self.mailbox.changed.notify_all();
    }

    /// Writes until the mailbox is closed.
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
        let mut batch = Batch::new(log.next_seq());
        let mut sealed = false;
        loop {
            self.watch_space(log);
            let Some(turns) = self.take(sealed) else { break };
            if turns.is_empty() {
                log.seal()?;
                sealed = true;
                continue;
            }
            sealed = false;
            self.write(log, &mut batch, turns, feed, outputs)?;
        }
        log.seal()
    }

    /// The waiting turns; none after a while of silence; nothing when closed.
    fn take(&self, sealed: bool) -> Option<Vec<Turn>> {
        let mut waiting = self.mailbox.lock();
        while waiting.turns.is_empty() {
            if waiting.closed {
                return None;
            }
            // A sealed log on a healthy disk needs no attention: sleep until there is work.
            if sealed && !self.status.read_only.load(Ordering::Relaxed) {
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
        waiting.records = 0;
        let turns = std::mem::take(&mut waiting.turns);
        drop(waiting);
        self.mailbox.changed.notify_all();
        Some(turns)
    }

    fn write(
        &self,
        log: &mut dyn Log,
        batch: &mut Batch,
        turns: Vec<Turn>,
        feed: &Feed,
        outputs: &Sender<Vec<Output>>,
    ) -> Result<(), LogError> {
        write_turns(log, batch, turns, &mut |durable| {
            if durable.bytes > 0 {
                self.status.bytes.fetch_add(durable.bytes, Ordering::Relaxed);
                self.status.batches.fetch_add(1, Ordering::Relaxed);
                self.status.durable.store(durable.end.0, Ordering::Release);
            }
            let outputs_left = publish_progress(feed, durable.outputs);
            publish(feed, durable.records);
            release(outputs, outputs_left);
        })
    }

    fn watch_space(&self, log: &dyn Log) {
        let read_only = matches!(log.space(), Space::ReserveOnly { .. });
        if self.status.read_only.swap(read_only, Ordering::Relaxed) == read_only {
            return;
        }
        if read_only {
            error!("the disk is full: new work is refused, reports of running work are still taken");
        } else {
            info!("there is room on the disk again: new work is taken");
        }
    }
}

/// What one append has made durable.
#[derive(Debug)]
pub struct Durable {
    pub records: Published,
    /// Outputs of the turns that are durable as a whole.
    pub outputs: Vec<Output>,
    /// The position after the last durable record.
    pub end: Seq,
    /// Bytes appended; none when the turns had no records.
    pub bytes: u64,
}

/// Writes turns in as few batches as their size allows, and hands over what each of them made durable.
///
/// # Errors
/// The first failure of the log. What was not handed over must never leave the process.
pub fn write_turns(
    log: &mut dyn Log,
    batch: &mut Batch,
    turns: Vec<Turn>,
    durable: &mut dyn FnMut(Durable),
) -> Result<(), LogError> {
    let limits = log.limits();
    let limit = BATCH_BYTES.min(limits.batch);
    // Ordinary records are not measured while there is room for any record in the batch.
    let roomy = (limit / 2).min(limits.batch.saturating_sub(limits.record + HEAD_BYTES));
    let mut outputs: Vec<Output> = Vec::new();
    let mut records: Vec<Record> = Vec::new();
    for turn in turns {
        for record in turn.records {
            let measured = batch.len_bytes() > roomy || !record.event.own_texts().is_empty();
            if measured && !batch.is_empty() && batch.len_bytes() + size_hint(&record.event) > limit {
                durable(append(log, batch, std::mem::take(&mut records), std::mem::take(&mut outputs))?);
            }
            encode(&record, batch);
            records.push(record);
        }
        outputs.extend(turn.outputs);
    }
    durable(append(log, batch, records, outputs)?);
    Ok(())
}

fn append(
    log: &mut dyn Log,
    batch: &mut Batch,
    records: Vec<Record>,
    outputs: Vec<Output>,
) -> Result<Durable, LogError> {
    let first = batch.first();
    let bytes = if batch.is_empty() { 0 } else { batch.len_bytes() };
    log.append(batch)?;
    let end = log.next_seq();
    batch.reset(end);
    release_log(log, &records)?;
    Ok(Durable { records: Published { first, records }, outputs, end, bytes })
}

/// Deletes the segments that a durable record says nobody needs any more.
fn release_log(log: &mut dyn Log, records: &[Record]) -> Result<(), LogError> {
    let released = |record: &Record| {
        if let Event::Released { up_to } = record.event { Some(up_to) } else { None }
    };
    let up_to = records.iter().filter_map(released);
    up_to.max().map_or(Ok(()), |up_to| log.release(up_to))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{Timestamp, WorkflowId};
    use crate::log::LogOptions;
    use crate::log::sim::SimDisk;

    /// A record of about `bytes` bytes without a text of its own.
    fn retried(bytes: usize) -> Record {
        let event = Event::TasksRetried { workflow: WorkflowId(1), tasks: vec![1; bytes] };
        Record { at: Timestamp(1), event }
    }

    #[test]
    fn records_of_any_size_that_one_may_have_are_cut_into_batches_that_the_log_takes() {
        for segment in [64 << 10, 1 << 20, 8 << 20, 16 << 20] {
            let (mut log, _) = SimDisk::new(1).open_log(LogOptions::simulated(segment)).unwrap();
            let largest = usize::try_from(log.limits().record).unwrap() - 64;
            let mut batch = Batch::new(log.next_seq());
            for before in [1, largest / 4, largest / 3, largest / 2, largest] {
                let records = vec![retried(before), retried(largest), retried(1), retried(before)];
                let turn = Turn { first: batch.first(), records, outputs: Vec::new() };
                let mut written = Vec::new();
                write_turns(&mut log, &mut batch, vec![turn], &mut |durable| {
                    written.extend(durable.records.records);
                })
                .unwrap_or_else(|error| panic!("{before} bytes before {largest}: {error}"));
                assert_eq!(written.len(), 4);
            }
        }
    }
}
