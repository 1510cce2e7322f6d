//! Which segment holds which record, and where: the part of the log that writer and readers share.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::LogError;
use super::disk::{Access, Disk, DiskFile, failed};
use super::examine::examine;
use super::segment::{HEADER_BYTES, SegmentHeader, file_name};
use crate::core::ids::Seq;

/// A position is remembered for every 64 KiB of log: 16 bytes for 64 KiB, and a look-up steps over at most that
/// much, which takes a few microseconds.
pub const MARK_EVERY: usize = 64 << 10;

/// Descriptors that readers keep open. Readers look at the newest segments almost always.
const OPEN_FILES: usize = 8;

/// The place of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub seq: Seq,
    pub record: u64,
    /// The batch around it, and the first record of that batch.
    pub batch: u64,
    pub batch_first: Seq,
}

/// What is known about the content of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    /// The position after the last record.
    pub end: Seq,
    /// The offset after the last batch.
    pub end_offset: u64,
    pub marks: Vec<Mark>,
}

impl Index {
    pub const fn empty(first: Seq) -> Self {
        Self { end: first, end_offset: HEADER_BYTES as u64, marks: Vec::new() }
    }

    /// Remembers the place of a record if it is far enough from the last one.
    pub fn note(&mut self, mark: Mark) {
        if self.marks.last().is_none_or(|last| mark.record >= last.record + MARK_EVERY as u64) {
            self.marks.push(mark);
        }
    }
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub header: SegmentHeader,
    /// Nothing for an old segment that nobody has looked into since the start.
    pub index: Option<Index>,
}

/// Where a reader starts and where it has to stop.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub header: SegmentHeader,
    pub end: Seq,
    pub end_offset: u64,
    pub mark: Mark,
}

#[derive(Debug)]
pub struct Catalog {
    pub disk: Arc<dyn Disk>,
    segments: RwLock<VecDeque<Entry>>,
    durable_end: AtomicU64,
    files: Mutex<VecDeque<(u64, Arc<dyn DiskFile>)>>,
    /// Pictures that somebody looks at. Meanwhile nothing is deleted.
    held: AtomicUsize,
}

impl Catalog {
    pub fn new(disk: Arc<dyn Disk>, segments: VecDeque<Entry>, end: Seq) -> Self {
        Self {
            disk,
            segments: RwLock::new(segments),
            durable_end: AtomicU64::new(end.0),
            files: Mutex::default(),
            held: AtomicUsize::new(0),
        }
    }

    pub fn durable_end(&self) -> Seq {
        Seq(self.durable_end.load(Ordering::Acquire))
    }

    pub fn first_seq(&self) -> Seq {
        self.read().front().map_or_else(|| self.durable_end(), |entry| entry.header.first)
    }

    /// Announces a synced batch. `marks` are places inside it.
    pub fn publish(&self, end: Seq, end_offset: u64, marks: impl Iterator<Item = Mark>) {
        let mut segments = self.write();
        let index = segments.back_mut().and_then(|entry| entry.index.as_mut());
        let index = index.expect("the segment that is written has an index");
        index.end = end;
        index.end_offset = end_offset;
        for mark in marks {
            index.note(mark);
        }
        drop(segments);
        self.durable_end.store(end.0, Ordering::Release);
    }

    pub fn push(&self, header: SegmentHeader) {
        self.write().push_back(Entry { header, index: Some(Index::empty(header.first)) });
    }

    /// All segments and the position after their last record, which stay until [`Self::let_go`].
    pub fn hold(&self) -> (Vec<Entry>, Seq) {
        let segments = self.read();
        self.held.fetch_add(1, Ordering::AcqRel);
        let end =
            segments.back().and_then(|entry| entry.index.as_ref()).map_or(Seq::FIRST, |index| index.end);
        (segments.iter().cloned().collect(), end)
    }

    pub fn headers(&self) -> Vec<SegmentHeader> {
        self.read().iter().map(|entry| entry.header).collect()
    }

    pub fn let_go(&self) {
        self.held.fetch_sub(1, Ordering::AcqRel);
    }

    /// Forgets the oldest segment when everything in it is below `up_to`. The last one always stays, and so do all
    /// while somebody holds them.
    pub fn pop_below(&self, up_to: Seq) -> Option<Entry> {
        let mut segments = self.write();
        // Looked at under the lock: whoever holds has taken it before, and sees all segments, or will see what is left.
        if self.held.load(Ordering::Acquire) > 0 {
            return None;
        }
        let next = segments.get(1)?.header.first;
        let entry = (next <= up_to).then(|| segments.pop_front())??;
        drop(segments);
        self.files().retain(|(number, _)| *number != entry.header.number);
        Some(entry)
    }

    /// The oldest segment could not be deleted: it is there still.
    pub fn put_back(&self, oldest: Entry) {
        self.write().push_front(oldest);
    }

    /// The segment that holds `seq`, and the nearest known record at or before it. An old segment that was not
    /// looked into since the start is checked as a whole first.
    pub fn place(&self, seq: Seq) -> Result<Place, LogError> {
        loop {
            let (header, next) = {
                let segments = self.read();
                let after = segments.partition_point(|entry| entry.header.first <= seq);
                let Some(entry) = after.checked_sub(1).and_then(|at| segments.get(at)) else {
                    let first_kept = segments.front().map_or(seq, |entry| entry.header.first);
                    return Err(LogError::Released { seq, first_kept });
                };
                if let Some(index) = &entry.index {
                    return Ok(place_in(&entry.header, index, seq));
                }
                (entry.header, segments.get(after).map(|entry| entry.header.first))
            };
            let examined = examine(self.disk.as_ref(), &self.file(&header)?, &header, next)?;
            if let Some(damage) = examined.damage {
                return Err(LogError::Damaged(damage));
            }
            let mut segments = self.write();
            let entry = segments.iter_mut().find(|entry| entry.header.number == header.number);
            if let Some(entry) = entry {
                entry.index = Some(examined.index);
            }
        }
    }

    /// A descriptor for reading. A segment that was released in the meantime is reported as that.
    pub fn file(&self, header: &SegmentHeader) -> Result<Arc<dyn DiskFile>, LogError> {
        let mut files = self.files();
        let known = files.iter().position(|(number, _)| *number == header.number);
        if let Some(entry) = known.and_then(|at| files.remove(at)) {
            let file = Arc::clone(&entry.1);
            files.push_front(entry);
            return Ok(file);
        }
        let name = file_name(header.number);
        let file = match self.disk.open(&name, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.first_seq() > header.first => {
                return Err(LogError::Released { seq: header.first, first_kept: self.first_seq() });
            }
            Err(error) => return Err(failed(self.disk.as_ref(), "opening", &name)(error)),
        };
        files.truncate(OPEN_FILES - 1);
        files.push_front((header.number, Arc::clone(&file)));
        Ok(file)
    }

    // The guarded values are valid between any two statements, so a panic of another holder changes nothing.
    fn read(&self) -> RwLockReadGuard<'_, VecDeque<Entry>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, VecDeque<Entry>> {
        self.segments.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<dyn DiskFile>)>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place_in(header: &SegmentHeader, index: &Index, seq: Seq) -> Place {
    let start = Mark {
        seq: header.first,
        record: HEADER_BYTES as u64,
        batch: HEADER_BYTES as u64,
        batch_first: header.first,
    };
    let after = index.marks.partition_point(|mark| mark.seq <= seq);
    let mark = after.checked_sub(1).and_then(|at| index.marks.get(at)).copied().unwrap_or(start);
    Place { header: *header, end: index.end, end_offset: index.end_offset, mark }
}
