//! What the server measures of itself while it works: counters and histograms that cost some nanoseconds where they are
//! recorded, and are read by whoever asks.
//!
//! Nothing here decides anything, and nothing is stored: all figures begin at the start of the process. Times are in
//! microseconds.

mod counter;
mod histogram;
mod history;
mod labelled;
mod recent;

use std::sync::{Arc, Mutex, MutexGuard};

pub use counter::Counter;
pub use histogram::{Counts, Histogram};
pub use history::{Gauges, History, KEPT_SAMPLES, SAMPLE_MS, Sample};
pub use labelled::{LABELLED_MAX, Labelled, OTHER};
pub use recent::{RECENT_MS, Recent, ServiceRecent};

use crate::core::spec::Priority;

/// Everything that is measured. Each histogram and counter says which thread records it; those that say nothing may
/// be recorded by any.
#[derive(Debug, Default)]
pub struct Figures {
    /// From being ready to being offered, by priority. Recorded by the engine.
    queue_waits: [Histogram; Priority::ALL.len()],
    /// From the turn that decided an offer until its worker's connection has it: the sync, the templates, the way there.
    /// Recorded by the dispatching thread.
    pub dispatch: Histogram,
    /// One `fdatasync` of the log. Recorded by the commit thread.
    pub syncs: Arc<Histogram>,
    /// Records that share one sync. Recorded by the commit thread.
    pub batch_records: Histogram,
    /// From the start of an attempt to its result, by task type and service. Recorded by the engine.
    pub runs: Labelled<Histogram, 2>,
    /// From an offer to its acceptance, by service: the round trip. Recorded by the engine.
    pub accepts: Labelled<Histogram, 1>,
    /// Attempts that failed at a service, by its name. Recorded by the engine.
    pub service_failures: Labelled<Counter, 1>,
    /// Failed attempts by code. Recorded by the engine.
    pub failures: Labelled<Counter, 1>,
    /// Attempts that came to nothing through no fault of their task, by reason. Recorded by the engine.
    pub losses: Labelled<Counter, 1>,
    /// The engine's counters.
    pub counted: Counted,
    /// From a request to the head of its response, by method and route.
    pub requests: Labelled<Histogram, 2>,
    /// Responses by the first digit of their status.
    pub responses: Labelled<Counter, 1>,
    /// Spans that a collector has taken.
    pub spans_sent: Counter,
    /// Spans that were given up, by reason.
    pub spans_dropped: Labelled<Counter, 1>,
    /// Samples of the last hour, and what the recent figures are measured against.
    history: Mutex<History>,
}

/// Counted by the engine.
#[derive(Debug, Default)]
pub struct Counted {
    /// Attempts that were offered to workers.
    pub started: Counter,
    pub completed: Counter,
    /// Tasks that failed for good.
    pub failed: Counter,
    /// Offers that workers did not take.
    pub refused: Counter,
    pub workflows_submitted: Counter,
    pub workflows_completed: Counter,
    pub workflows_failed: Counter,
    pub workflows_cancelled: Counter,
}

impl Figures {
    /// The log measures its syncs by itself.
    pub fn new(syncs: Arc<Histogram>) -> Self {
        Self { syncs, ..Self::default() }
    }

    pub fn queue_wait(&self, priority: Priority) -> &Histogram {
        self.queue_waits.get(priority as usize).expect("one histogram for each priority")
    }

    /// The waits of all priorities together.
    pub fn queue_wait_counts(&self) -> Counts {
        let mut all = Counts::default();
        for waits in &self.queue_waits {
            all.add(&waits.counts());
        }
        all
    }

    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().expect("nothing panics while it holds the history")
    }
}
