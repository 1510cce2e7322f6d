//! Who saw what: every assignment and every receipt of a scenario, counted by task.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::sync::Notify;

use super::work::Parameters;
use crate::cli::latency::Latency;
use crate::clock;

/// A server that gives no receipt for this long has lost something; it would never end.
const STALL: Duration = Duration::from_secs(20);

/// The first few faults tell what is wrong; the rest are counted.
const FAULTS_KEPT: usize = 5;

/// What a scenario's latency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// From sending a result to the next assignment, in chains of this many steps.
    Hops { steps: u32 },
    /// From sending a result to its receipt.
    Receipts,
}

/// Shared by the services of one scenario and by whoever waits for them.
#[derive(Debug)]
pub struct Tally {
    measure: Measure,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    tasks: Vec<Seen>,
    completed: u32,
    receipts: u32,
    /// Assignments of a task that had been assigned before.
    repeated: u64,
    faults: u64,
    first_faults: Vec<String>,
    latency: Latency,
    last_completed: Option<Instant>,
    last_receipt: Option<Instant>,
    /// Somebody waits for this many receipts.
    target: Option<u32>,
    /// A service cannot go on.
    broken: Option<String>,
}

/// What is known of one task.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    assigned: u8,
    received: u8,
}

impl Tally {
    pub fn new(measure: Measure) -> Self {
        Self { measure, state: Mutex::default(), changed: Notify::new() }
    }

    /// A service was given a task, at `now`.
    pub fn assigned(&self, task: &Parameters<'_>, now: Instant) {
        let mut state = self.lock();
        let seen = state.seen(task.n);
        seen.assigned = seen.assigned.saturating_add(1);
        if seen.assigned > 1 {
            state.repeated += 1;
        }
        if state.completed < task.after {
            let completed = state.completed;
            state.fault(format!("task {} started after {completed} of {} others", task.n, task.after));
        }
        match self.measure {
            Measure::Hops { steps } if !task.n.is_multiple_of(steps) => {
                if let Some(completed) = state.last_completed {
                    state.latency.note(now.saturating_duration_since(completed));
                }
            }
            Measure::Hops { .. } | Measure::Receipts => {}
        }
    }

    /// A service is about to send a result.
    pub fn completed(&self, now: Instant) {
        let mut state = self.lock();
        state.completed += 1;
        state.last_completed = Some(now);
    }

    /// The server has acknowledged a result that was sent at `sent`: it is on its disk.
    pub fn received(&self, n: u32, sent: Instant, now: Instant) {
        let mut state = self.lock();
        let seen = state.seen(n);
        seen.received = seen.received.saturating_add(1);
        if seen.received > 1 {
            state.fault(format!("task {n} was completed twice"));
        } else {
            state.receipts += 1;
        }
        state.last_receipt = Some(now);
        if self.measure == Measure::Receipts {
            state.latency.note(now.saturating_duration_since(sent));
        }
        if state.target.is_some_and(|target| state.receipts >= target) {
            self.changed.notify_one();
        }
    }

    /// Something happened that must not happen.
    pub fn fault(&self, what: String) {
        self.lock().fault(what);
    }

    /// A service cannot go on, so nobody may wait for it.
    pub fn broken(&self, reason: String) {
        self.lock().broken.get_or_insert(reason);
        self.changed.notify_one();
    }

    /// Forgets the latencies so far: those of a warm-up.
    pub fn forget_latencies(&self) {
        self.lock().latency = Latency::default();
    }

    /// Waits for `count` receipts in all.
    ///
    /// # Errors
    /// When a service broke, or when nothing arrives any more.
    pub async fn wait_for(&self, count: u32) -> anyhow::Result<()> {
        self.lock().target = Some(count);
        let mut seen = 0;
        loop {
            {
                let state = self.lock();
                if let Some(reason) = &state.broken {
                    bail!("a service cannot go on: {reason}");
                }
                if state.receipts >= count {
                    return Ok(());
                }
            }
            if tokio::time::timeout(STALL, self.changed.notified()).await.is_err() {
                let receipts = self.receipts();
                if receipts == seen {
                    bail!(
                        "the server stands still: no receipt for {STALL:?}, {receipts} of {count} results arrived"
                    );
                }
                seen = receipts;
            }
        }
    }

    pub fn receipts(&self) -> u32 {
        self.lock().receipts
    }

    pub fn last_receipt(&self) -> Option<Instant> {
        self.lock().last_receipt
    }

    pub fn latency(&self) -> Latency {
        self.lock().latency.clone()
    }

    /// Assignments beyond the first of each task.
    pub fn repeated(&self) -> u64 {
        self.lock().repeated
    }

    /// How many things went wrong among `count` tasks, and what the first ones were.
    pub fn faults(&self, count: u32) -> (u64, Vec<String>) {
        let mut state = self.lock();
        for n in 0..count {
            let Seen { received, .. } = *state.seen(n);
            if received == 0 {
                state.fault(format!("task {n} has no receipt"));
            }
        }
        if state.tasks.len() > count as usize {
            let beyond = state.tasks.len() - count as usize;
            state.fault(format!("{beyond} tasks were assigned that were never submitted"));
        }
        (state.faults, state.first_faults.clone())
    }

    /// The state holds plain counts, which are whole after a panic too.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn seen(&mut self, n: u32) -> &mut Seen {
        let at = n as usize;
        if self.tasks.len() <= at {
            self.tasks.resize(at + 1, Seen::default());
        }
        self.tasks.get_mut(at).expect("the list was made long enough")
    }

    fn fault(&mut self, what: String) {
        self.faults += 1;
        if self.first_faults.len() < FAULTS_KEPT {
            self.first_faults.push(what);
        }
    }
}

/// How long ago.
pub fn since(earlier: Instant) -> Duration {
    clock::instant().saturating_duration_since(earlier)
}
