//! Preparing the next segment, so that it is on the disk before anybody needs it.
//!
//! Overwriting zeroes that the disk already has is the cheapest durable append there is, and it cannot run out
//! of space. So a segment is written only after its whole file has been allocated and synced. The next one is
//! allocated and filled with zeroes while the current one is in use: in another file, so that the syncs of the
//! writer do not wait for it. What the helper did not get to is allocated but not filled, where an append takes
//! about twice as long; on file systems that cannot allocate, the segment ends there.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::io::Errno;
use tracing::{info, warn};

use super::Lack;
use super::disk::{Access, Disk, DiskFile};
use super::segment::{HEADER_BYTES, PREPARED_NAME};

/// A full disk is asked again twice a second: the log is writable within a second after space was made, and
/// the attempts cost nothing.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// Zeroes go to the disk in pieces between these sizes, a sixteenth of the segment where that is possible:
/// small enough that the writer does not wait long behind one, large enough that there are few.
const CHUNK_MIN: u64 = 256 << 10;
const CHUNK_MAX: u64 = 1 << 20;

/// A segment of this size is good enough when no more can be had at once: making more would keep the writer
/// waiting, and with less there would be too many files.
const ENOUGH: u64 = 4 << 20;

#[derive(Debug)]
pub struct Preparer {
    disk: Arc<dyn Disk>,
    segment_size: u64,
    next: Mutex<Next>,
    /// How many bytes of the next segment the helper should have filled, and how long its file should be.
    goal: AtomicU64,
    size: AtomicU64,
    /// How many bytes can be used.
    ready: AtomicU64,
    /// Whether the last attempt failed.
    failing: AtomicBool,
    /// Whether it failed because no file can be opened.
    lacks_descriptors: AtomicBool,
    /// Set while the writer takes the file: a lock alone would go back to the helper again and again.
    claimed: AtomicBool,
    stop: AtomicBool,
}

/// The file that is being prepared.
#[derive(Debug, Default)]
struct Next {
    file: Option<Arc<dyn DiskFile>>,
    allocated: u64,
    filled: u64,
    /// Set when an allocation was refused, so that the file is filled bit by bit as far as that goes.
    refused: bool,
}

impl Next {
    fn ready(&self) -> u64 {
        self.allocated.max(self.filled)
    }
}

impl Preparer {
    pub fn new(disk: Arc<dyn Disk>, segment_size: u64) -> Self {
        Self {
            disk,
            segment_size,
            next: Mutex::default(),
            goal: AtomicU64::new(0),
            size: AtomicU64::new(0),
            ready: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            lacks_descriptors: AtomicBool::new(false),
            claimed: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }
    }

    /// Raises the goal to `filled` bytes of a file of `size`, and says whether that makes work for the helper.
    pub fn want(&self, filled: u64, size: u64) -> bool {
        let piece = chunk(self.segment_size);
        let filled = (filled.div_ceil(piece) * piece).min(self.segment_size);
        self.size.fetch_max(size, Ordering::AcqRel);
        self.goal.fetch_max(filled, Ordering::AcqRel) < filled
    }

    pub fn ready(&self) -> u64 {
        self.ready.load(Ordering::Acquire)
    }

    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// What the last attempt failed for.
    pub fn lack(&self) -> Lack {
        if self.lacks_descriptors.load(Ordering::Acquire) { Lack::Descriptors } else { Lack::Space }
    }

    /// Prepares up to the goal.
    pub fn reach_goal(&self) -> io::Result<()> {
        let claimed = || self.claimed.load(Ordering::Acquire);
        self.reach(|| if claimed() { 0 } else { self.goal.load(Ordering::Acquire) })
    }

    /// Hands out the prepared file and its size. It has room for at least `needed` bytes, and for `preferred`
    /// unless the disk is full or cannot allocate.
    pub fn take(&self, needed: u64, preferred: u64) -> io::Result<(Arc<dyn DiskFile>, u64)> {
        self.claimed.store(true, Ordering::Release);
        let taken = self.take_claimed(needed, preferred);
        self.claimed.store(false, Ordering::Release);
        taken
    }

    fn take_claimed(&self, needed: u64, preferred: u64) -> io::Result<(Arc<dyn DiskFile>, u64)> {
        self.size.fetch_max(needed.max(preferred), Ordering::AcqRel);
        let wanted = needed.max(preferred.min(ENOUGH));
        if self.ready() < wanted
            && let Err(error) = self.reach(|| if self.ready() < wanted { wanted } else { 0 })
            && self.ready() < needed
        {
            // From here on it is the helper who tries again.
            self.want(wanted, preferred);
            return Err(error);
        }
        let mut next = self.lock();
        let file = next.file.take().ok_or(io::ErrorKind::NotFound)?;
        let size = next.ready();
        if file.size()? != size {
            file.set_size(size)?;
        }
        *next = Next::default();
        // After a failure there is always something left to try, so that success is noticed without an append.
        let goal = if self.is_failing() { chunk(self.segment_size) } else { 0 };
        self.goal.store(goal, Ordering::Release);
        self.size.store(goal, Ordering::Release);
        self.ready.store(0, Ordering::Release);
        Ok((file, size))
    }

    /// Prepares piece by piece. Whoever needs the file in the meantime waits for one piece at most.
    fn reach(&self, goal: impl Fn() -> u64) -> io::Result<()> {
        loop {
            let mut next = self.lock();
            let goal = goal();
            if next.filled >= goal || self.stop.load(Ordering::Acquire) {
                return Ok(());
            }
            let result = self.prepare(&mut next, goal);
            self.ready.store(next.ready(), Ordering::Release);
            drop(next);
            let lacks_descriptors = result.as_ref().is_err_and(is_out_of_descriptors);
            self.lacks_descriptors.store(lacks_descriptors, Ordering::Release);
            let was_failing = self.failing.swap(result.is_err(), Ordering::AcqRel);
            match result {
                Ok(()) if was_failing => info!("the log can prepare new segments again"),
                Ok(()) => {}
                Err(error) => {
                    if !was_failing {
                        let file = self.disk.describe(PREPARED_NAME);
                        warn!(%file, %error, "the next segment of the log cannot be prepared: new work has to wait");
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Does the next piece of work and waits until the disk has it.
    fn prepare(&self, next: &mut Next, goal: u64) -> io::Result<()> {
        let file = match &next.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(next.file.insert(self.open()?)),
        };
        let size = self.size.load(Ordering::Acquire);
        let allocated = size > next.allocated && !next.refused && {
            match file.allocate(size) {
                Err(error) if is_full(&error) || error.kind() == io::ErrorKind::Unsupported => {
                    next.refused = true;
                }
                done => done?,
            }
            !next.refused
        };
        let bytes = chunk(self.segment_size).min(goal - next.filled);
        if !allocated {
            let zeroes = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
            // When there is space again, all of it may be had at once.
            file.write_all_at(&zeroes, next.filled).inspect_err(|_| next.refused = false)?;
        }
        if let Err(error) = file.sync_data() {
            // Nobody knows what this descriptor still holds back, so nothing of the file counts any more.
            *next = Next::default();
            return Err(error);
        }
        if allocated {
            next.allocated = size;
        } else {
            next.filled += bytes;
        }
        Ok(())
    }

    /// Opens the file. One that an earlier process left behind is prepared again from its start: its blocks are
    /// kept, so a full disk does not take the reserve away at a restart.
    fn open(&self) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(PREPARED_NAME, Access::Create)?;
        if file.size()? > self.segment_size {
            file.set_size(self.segment_size)?;
        }
        Ok(file)
    }

    fn lock(&self) -> MutexGuard<'_, Next> {
        // A panic while a piece was written leaves the counts at the piece before.
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the error means that there is no space, as opposed to a broken disk.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether the error means that no file can be opened now, which says nothing of the disk.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

fn chunk(segment_size: u64) -> u64 {
    (segment_size / 16).clamp(CHUNK_MIN, CHUNK_MAX).min(segment_size)
}

/// How much of the next segment should be filled when the current one is written up to `tail`: nothing in the
/// first half, everything a little before its end, and evenly between, so that filling it never floods the
/// disk. Should the disk turn out to be full, about half a segment is still ready in the two files together: the
/// reserve for reports of running work.
pub fn due(tail: u64, capacity: u64, next_capacity: u64) -> u64 {
    let Some(behind) = tail.checked_sub(capacity / 2).filter(|bytes| *bytes > 0) else { return 0 };
    let ramp = (capacity * 3 / 8).max(1);
    (next_capacity.saturating_mul(behind) / ramp).clamp(HEADER_BYTES as u64, next_capacity)
}

/// The thread that prepares. It sleeps until there is something to do.
#[derive(Debug)]
pub struct Helper {
    preparer: Arc<Preparer>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    pub fn start(preparer: Arc<Preparer>) -> io::Result<Self> {
        let shared = Arc::clone(&preparer);
        let thread = thread::Builder::new().name("log-prepare".to_owned()).spawn(move || run(&shared))?;
        Ok(Self { preparer, thread: Some(thread) })
    }

    pub fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.preparer.stop.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the thread that prepares segments of the log had panicked");
        }
    }
}

fn run(preparer: &Preparer) {
    while !preparer.stop.load(Ordering::Acquire) {
        match preparer.reach_goal() {
            Ok(()) => thread::park(),
            Err(_) => thread::park_timeout(RETRY_EVERY),
        }
    }
}
