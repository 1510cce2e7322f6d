//! How often a worker is heard of that does not say how often it will be.

use crate::core::ids::Timestamp;
use crate::core::limits::HEARTBEAT_MS_MAX;

/// The first heartbeat may have come early; the pause before the second one is a whole interval.
const KNOWN_AFTER: u32 = 2;

/// The heartbeats of one connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pulse {
    /// The latest heartbeat, or the registration, which counts as one.
    latest: Timestamp,
    beats: u32,
    longest_ms: u64,
}

impl Pulse {
    pub(super) const fn new(registered: Timestamp) -> Self {
        Self { latest: registered, beats: 0, longest_ms: 0 }
    }

    /// The worker is back on another connection, as often heard of as before unless it shows otherwise.
    pub(super) const fn again(self, registered: Timestamp) -> Self {
        Self { longest_ms: self.longest_ms, ..Self::new(registered) }
    }

    pub(super) fn beat(&mut self, now: Timestamp) {
        self.longest_ms = self.longest_ms.max(now.since(self.latest)).min(HEARTBEAT_MS_MAX);
        self.latest = now;
        self.beats = self.beats.saturating_add(1);
    }

    /// A pause of this process is none of the worker.
    pub(super) fn shift(&mut self, gap_ms: u64, now: Timestamp) {
        self.latest = self.latest.plus(gap_ms).min(now);
    }

    pub(super) const fn is_known(self) -> bool {
        self.beats >= KNOWN_AFTER
    }

    /// The longest pause between two heartbeats so far, those of earlier connections included.
    pub(super) const fn interval_ms(self) -> u64 {
        self.longest_ms
    }
}
