//! The log in segment files: appending, going on to the next segment, releasing old ones.

use std::path::Path;
use std::sync::Arc;

use tracing::{info, warn};

use super::batch::Batch;
use super::catalog::{Catalog, Entry, Index};
use super::disk::{Directory, Disk, failed};
use super::error::Damage;
use super::frame::{self, FRAME_BYTES};
use super::options::{LogOptions, OpenReport, Preparation};
use super::prepare::{Helper, Preparer, due, is_full, is_out_of_descriptors};
use super::recover::{self, Found, Link, Tail};
use super::segment::{HEADER_BYTES, PREPARED_NAME, SegmentHeader, file_name};
use super::snapshot::Snapshots;
use super::{FIRST_SEQ, Limits, Log, LogError, LogRead, Space};
use crate::clock;
use crate::core::ids::Seq;
use crate::figures::Histogram;

/// The size of the very first segment. Each one after it is four times as large until the configured size is
/// reached, so that an empty data directory is small and a busy one has few files.
const FIRST_SEGMENT: u64 = 2 << 20;
const GROWTH: u64 = 4;

/// Bytes of a segment that no batch may use: its header, and room for a seal after the last batch.
const OVERHEAD: u64 = HEADER_BYTES as u64 + FRAME_BYTES as u64;

/// The log on a disk.
#[derive(Debug)]
pub struct SegmentLog {
    disk: Arc<dyn Disk>,
    catalog: Arc<Catalog>,
    preparer: Arc<Preparer>,
    helper: Option<Helper>,
    segment_size: u64,
    tail: Tail,
    next: Seq,
    /// Nobody needs what lies before.
    released: Seq,
    stopped: bool,
    sync_times: Arc<Histogram>,
}

impl SegmentLog {
    /// Opens the log in `dir`, or makes an empty one. Damage to acknowledged records is an error; a torn tail is
    /// cut and reported.
    pub fn open(dir: &Path, options: LogOptions) -> Result<(Self, OpenReport), LogError> {
        Self::open_on(Arc::new(Directory::create(dir)?), options)
    }

    pub(super) fn open_on(disk: Arc<dyn Disk>, options: LogOptions) -> Result<(Self, OpenReport), LogError> {
        let found = recover::survey(disk.as_ref())?;
        let refuse = |damage: Damage| Err(LogError::Damaged(damage));
        let mut links = recover::check(disk.as_ref(), &found, options.checked_at_open, refuse)?;
        let sealed = links.last().is_none_or(Link::is_sealed);
        let preparer = Arc::new(Preparer::new(Arc::clone(&disk), options.segment_size));
        let (tail, next) = match links.last_mut() {
            Some(last) => (recover::settle(disk.as_ref(), last)?, last.end()),
            None => (first(disk.as_ref(), &preparer, FIRST_SEGMENT.min(options.segment_size))?, FIRST_SEQ),
        };
        let report = OpenReport {
            first_seq: links.first().map_or(FIRST_SEQ, |link| link.header.first),
            next_seq: next,
            segments: links.len().max(1),
            checked_bytes: bytes(&found, &links, Option::is_some),
            unchecked_bytes: bytes(&found, &links, Option::is_none),
            sealed,
            cut: tail.cut.clone(),
        };
        let mut entries: std::collections::VecDeque<_> = links.into_iter().map(Link::into_entry).collect();
        if entries.is_empty() {
            entries.push_back(Entry { header: tail.header, index: Some(Index::empty(next)) });
        }
        if let Some(cut) = &report.cut {
            warn!("{cut}");
        }
        let helper = match options.preparation {
            Preparation::Helper => Some(start_helper(disk.as_ref(), &preparer)?),
            Preparation::Inline => None,
        };
        let catalog = Arc::new(Catalog::new(Arc::clone(&disk), entries, next));
        let segment_size = options.segment_size;
        let log = Self {
            disk,
            catalog,
            preparer,
            helper,
            segment_size,
            tail,
            next,
            released: FIRST_SEQ,
            stopped: false,
            sync_times: Arc::default(),
        };
        log.prepare_ahead();
        Ok((log, report))
    }

    fn check(&self, batch: &Batch) -> Result<(), LogError> {
        if self.stopped {
            return Err(LogError::Stopped);
        }
        if batch.first() != self.next {
            return Err(LogError::Fenced { given: batch.first(), expected: self.next });
        }
        let limits = self.limits();
        if batch.largest_record() > limits.record {
            let bytes = batch.largest_record();
            return Err(LogError::TooLarge { unit: "record", bytes, limit: limits.record });
        }
        if batch.len_bytes() > limits.batch {
            return Err(LogError::TooLarge { unit: "batch", bytes: batch.len_bytes(), limit: limits.batch });
        }
        Ok(())
    }

    /// Goes on to a new segment with room for a batch of `bytes`.
    fn roll(&mut self, bytes: u64) -> Result<(), LogError> {
        let number = self.tail.header.number;
        let begun = begin(
            self.disk.as_ref(),
            &self.preparer,
            bytes + OVERHEAD,
            self.next_capacity(),
            number,
            self.next,
        );
        if self.preparer.is_failing() {
            self.wake();
        }
        let tail = begun.inspect_err(|error| self.stopped = error.is_fatal())?;
        self.catalog.push(tail.header);
        self.tail = tail;
        self.release_again()
    }

    /// Segments that somebody looked at when they were released, or that could not be deleted, go later.
    fn release_again(&mut self) -> Result<(), LogError> {
        match self.release(self.released) {
            Err(failure) if !failure.is_fatal() => {
                warn!(%failure, "old segments stay for now");
                Ok(())
            }
            done => done,
        }
    }

    /// For backups of a log that is in use.
    pub fn snapshots(&self) -> Snapshots {
        Snapshots(Arc::clone(&self.catalog))
    }

    /// The commit: one write, one sync. After an error nobody knows what the disk holds, and a second sync on
    /// this descriptor could succeed without having written anything, so there is none.
    fn commit(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        let name = file_name(self.tail.header.number);
        let written = self.tail.file.write_all_at(bytes, self.tail.offset);
        let synced = written.and_then(|()| {
            let began = clock::instant();
            let synced = self.tail.file.sync_data();
            self.sync_times.record(clock::micros_since(began));
            synced
        });
        self.stopped = synced.is_err();
        synced.map_err(failed(self.disk.as_ref(), "committing to", &name))?;
        self.tail.offset += bytes.len() as u64;
        Ok(())
    }

    fn next_capacity(&self) -> u64 {
        let wanted = self.tail.header.capacity.saturating_mul(GROWTH).max(FIRST_SEGMENT);
        wanted.min(self.segment_size)
    }

    fn prepare_ahead(&self) {
        let size = self.next_capacity();
        let filled = due(self.tail.offset, self.tail.capacity, size);
        let more = filled > 0 && self.preparer.want(filled, size);
        if self.helper.is_none() {
            self.try_again();
        } else if more {
            self.wake();
        }
    }

    /// Without a helper the goal is pursued here. That it failed is what [`Log::space`] tells.
    fn try_again(&self) {
        let _failing: Result<(), _> = self.preparer.reach_goal();
    }

    fn wake(&self) {
        if let Some(helper) = &self.helper {
            helper.wake();
        }
    }
}

impl Log for SegmentLog {
    fn append(&mut self, batch: &mut Batch) -> Result<(), LogError> {
        self.check(batch)?;
        if batch.is_empty() {
            return Ok(());
        }
        let needed = batch.len_bytes() + FRAME_BYTES as u64;
        if self.tail.offset + needed > self.tail.capacity {
            self.roll(batch.len_bytes())?;
        }
        let offset = self.tail.offset;
        self.commit(batch.finish(self.tail.header.salt))?;
        self.tail.sealed = false;
        self.next = batch.end();
        self.catalog.publish(self.next, self.tail.offset, batch.marks(offset));
        self.prepare_ahead();
        Ok(())
    }

    fn seal(&mut self) -> Result<(), LogError> {
        if self.stopped {
            return Err(LogError::Stopped);
        }
        let has_room = self.tail.offset + FRAME_BYTES as u64 <= self.tail.capacity;
        if !self.tail.sealed && has_room {
            self.commit(&frame::seal(self.next, self.tail.header.salt))?;
            self.tail.sealed = true;
            self.catalog.publish(self.next, self.tail.offset, std::iter::empty());
        }
        Ok(())
    }

    fn next_seq(&self) -> Seq {
        self.next
    }

    fn release(&mut self, up_to: Seq) -> Result<(), LogError> {
        if self.stopped {
            return Err(LogError::Stopped);
        }
        self.released = self.released.max(up_to);
        // The oldest goes first, and durably, so that a crash in between leaves no hole.
        while let Some(entry) = self.catalog.pop_below(up_to) {
            let number = entry.header.number;
            let name = file_name(number);
            if let Err(error) = self.disk.remove(&name) {
                self.catalog.put_back(entry);
                let file = self.disk.describe(&name);
                return Err(LogError::Io { doing: "deleting the released", file, error, fatal: false });
            }
            // Should the disk forget this one and remember the next, the log would have a hole.
            let synced = self.disk.sync_directory();
            self.stopped = synced.is_err();
            synced.map_err(failed(self.disk.as_ref(), "deleting the released", &name))?;
            info!(segment = number, "released a segment of the log");
        }
        Ok(())
    }

    fn reader(&self) -> Arc<dyn LogRead> {
        Arc::clone(&self.catalog) as Arc<dyn LogRead>
    }

    fn space(&self) -> Space {
        if self.preparer.is_failing() && self.helper.is_none() {
            self.try_again();
        }
        if self.preparer.is_failing() {
            let here = self.tail.capacity.saturating_sub(self.tail.offset);
            let ahead = self.preparer.ready();
            let largest = here.saturating_sub(FRAME_BYTES as u64).max(ahead.saturating_sub(OVERHEAD));
            Space::ReserveOnly { left: here + ahead, largest, lack: self.preparer.lack() }
        } else {
            Space::Writable
        }
    }

    fn limits(&self) -> Limits {
        Limits { record: self.segment_size / 4 * 3, batch: self.segment_size - OVERHEAD }
    }

    fn sync_times(&self) -> Arc<Histogram> {
        Arc::clone(&self.sync_times)
    }
}

/// Makes the first segment of a new log, with all its zeroes in place.
fn first(disk: &dyn Disk, preparer: &Preparer, size: u64) -> Result<Tail, LogError> {
    preparer.want(size, size);
    preparer.reach_goal().map_err(failed(disk, "preparing", PREPARED_NAME))?;
    begin(disk, preparer, OVERHEAD, size, 0, FIRST_SEQ)
}

/// Makes the prepared file the segment after `previous`. The header is on the disk before the file has its name.
fn begin(
    disk: &dyn Disk,
    preparer: &Preparer,
    needed: u64,
    preferred: u64,
    previous: u64,
    first: Seq,
) -> Result<Tail, LogError> {
    let (file, capacity) = preparer.take(needed, preferred).map_err(|error| {
        if is_full(&error) {
            LogError::NoSpace { bytes: needed }
        } else if is_out_of_descriptors(&error) {
            LogError::NoDescriptors { file: disk.describe(PREPARED_NAME), bytes: needed }
        } else {
            failed(disk, "preparing", PREPARED_NAME)(error)
        }
    })?;
    let header = SegmentHeader { number: previous + 1, previous, first, salt: disk.salt(), capacity };
    let name = file_name(header.number);
    file.write_all_at(&header.encode(), 0)
        .and_then(|()| file.sync_data())
        .and_then(|()| disk.rename(PREPARED_NAME, &name))
        .and_then(|()| disk.sync_directory())
        .map_err(failed(disk, "beginning", &name))?;
    Ok(Tail { file, header, capacity, offset: HEADER_BYTES as u64, sealed: true, cut: None })
}

fn start_helper(disk: &dyn Disk, preparer: &Arc<Preparer>) -> Result<Helper, LogError> {
    Helper::start(Arc::clone(preparer)).map_err(failed(disk, "starting the helper thread for", PREPARED_NAME))
}

fn bytes(found: &[Found], links: &[Link], wanted: fn(&Option<super::examine::Examined>) -> bool) -> u64 {
    let pairs = found.iter().zip(links);
    pairs.filter(|(_, link)| wanted(&link.examined)).map(|(segment, _)| segment.size).sum()
}
