//! The thread that reads the whole log again once a day, so slowly that nobody notices, and says what is damaged.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use tracing::{error, info};

use super::condition::LogCheck;
use super::handle::EngineHandle;
use crate::log::{NotWhole, Pace, Snapshots};

/// What is read in a second: 340 GiB in a day, and a few percent of what any disk can do.
const BYTES_PER_SECOND: u64 = 4 << 20;
/// A log that takes in more than this between two looks is in use, and the disk is left to it.
const IDLE_BYTES: u64 = 1 << 20;
/// A server that is never idle is read all the same, so much slower.
const SLOWER: u32 = 16;
/// From the end of one round to the next. The first one comes when a start has long been over.
const ROUND_EVERY: Duration = Duration::from_hours(24);
const FIRST_AFTER: Duration = Duration::from_mins(10);

/// What the thread works with.
#[derive(Debug)]
pub struct Scrub {
    pub engine: EngineHandle,
    pub files: Snapshots,
}

/// The thread.
#[derive(Debug)]
pub struct Scrubbing {
    asked: Arc<Asked>,
    thread: JoinHandle<()>,
}

/// Wakes the thread.
#[derive(Debug, Clone)]
pub struct ScrubBell {
    asked: Arc<Asked>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Asked {
    stop: AtomicBool,
    again: AtomicBool,
}

impl Asked {
    /// Waits, unless something is asked for.
    fn rest(&self, time: Duration) {
        if !self.stop.load(Ordering::Acquire) && !self.again.load(Ordering::Acquire) {
            thread::park_timeout(time);
        }
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

impl Scrub {
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self) -> std::io::Result<Scrubbing> {
        let asked = Arc::new(Asked::default());
        let shared = Arc::clone(&asked);
        let thread = thread::Builder::new().name("scrub".to_owned()).spawn(move || self.run(&shared))?;
        Ok(Scrubbing { asked, thread })
    }

    fn run(self, asked: &Arc<Asked>) {
        let mut wait = FIRST_AFTER;
        while !asked.stops() {
            asked.rest(wait);
            asked.again.store(false, Ordering::Release);
            if !asked.stops() {
                self.round(asked);
            }
            wait = ROUND_EVERY;
        }
    }

    fn round(&self, asked: &Arc<Asked>) {
        let pace = self.pace(asked);
        let (mut after, mut found) = (0, LogCheck::default());
        loop {
            match self.files.scrub_next(after, &pace) {
                Ok(Some(segment)) => {
                    after = segment.number;
                    found.segments += 1;
                    found.checked_bytes += segment.bytes;
                }
                Ok(None) => break,
                Err(NotWhole::Stopped) => return,
                Err(NotWhole::Damaged { number, error }) => {
                    error!(%error, "old records of the log are damaged");
                    after = number;
                    found.found(error.to_string());
                }
            }
            self.engine.condition().change(|noted| noted.log.goes_on(&found));
        }
        let (segments, damaged) = (found.segments, found.damaged);
        info!(segments, damaged, "the log was read again");
        self.engine
            .condition()
            .change(|noted| noted.log = LogCheck { rounds: noted.log.rounds + 1, ..found });
    }

    fn pace(&self, asked: &Arc<Asked>) -> Arc<Pace> {
        let (engine, asked) = (self.engine.clone(), Arc::clone(asked));
        Arc::new(move |bytes| {
            let appended = || engine.commits().bytes.load(Ordering::Relaxed);
            let (before, time) = (appended(), Duration::from_millis(bytes * 1_000 / BYTES_PER_SECOND));
            asked.rest(time);
            if appended() - before > IDLE_BYTES {
                asked.rest(time * SLOWER);
            }
            if asked.stops() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }
}

impl Scrubbing {
    pub fn bell(&self) -> ScrubBell {
        ScrubBell { asked: Arc::clone(&self.asked), thread: self.thread.thread().clone() }
    }

    /// Ends it, wherever it is.
    pub fn stop(self) {
        self.asked.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            error!("the thread that reads the log again has panicked");
        }
    }
}

impl ScrubBell {
    /// Has a round begin at once, and one that is under way hurry.
    pub fn ring(&self) {
        self.asked.again.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
