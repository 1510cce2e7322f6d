//! The last hour in samples, and what the recent figures are measured against.

use std::collections::VecDeque;

use super::recent::{Mark, RECENT_MS};
use super::{Figures, Recent};
use crate::core::ids::Timestamp;

/// The time between two samples.
pub const SAMPLE_MS: u64 = 5_000;
/// An hour of them, at about 120 bytes each.
pub const KEPT_SAMPLES: usize = 720;

/// What happened since the sample before, and how things stood at its end.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    pub at: Timestamp,
    pub started: u64,
    pub completed: u64,
    pub failed: u64,
    pub workflows_ended: u64,
    /// Nothing when the engine did not say in time, as on a full disk.
    pub gauges: Option<Gauges>,
    /// Microseconds; nothing when there was none.
    pub dispatch_p50: Option<f64>,
    pub dispatch_p95: Option<f64>,
    pub sync_p99: Option<f64>,
}

/// Numbers that go up and down.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gauges {
    /// Ready tasks, from urgent to low.
    pub queued: [usize; 4],
    pub running: usize,
    pub live_workflows: usize,
}

#[derive(Debug, Default)]
pub struct History {
    samples: VecDeque<Sample>,
    /// Where the latest sample stopped counting.
    last: Last,
    /// The recent figures begin at the older mark, which is between one and two periods ago.
    older: Mark,
    newer: Mark,
}

#[derive(Debug, Default)]
struct Last {
    started: u64,
    completed: u64,
    failed: u64,
    workflows_ended: u64,
    dispatch: super::Counts,
    syncs: super::Counts,
}

impl History {
    /// Sets the time from which everything counts.
    pub fn begin(&mut self, now: Timestamp) {
        self.older.at = now;
        self.newer.at = now;
    }

    /// Takes the next sample.
    pub fn sample(&mut self, figures: &Figures, gauges: Option<Gauges>, now: Timestamp) {
        let counted = &figures.counted;
        let ended = [&counted.workflows_completed, &counted.workflows_failed, &counted.workflows_cancelled];
        let now_at = Last {
            started: counted.started.get(),
            completed: counted.completed.get(),
            failed: counted.failed.get(),
            workflows_ended: ended.iter().map(|counter| counter.get()).sum(),
            dispatch: figures.dispatch.counts(),
            syncs: figures.syncs.counts(),
        };
        let before = &self.last;
        let dispatch = now_at.dispatch.clone().since(&before.dispatch);
        let sample = Sample {
            at: now,
            started: now_at.started - before.started,
            completed: now_at.completed - before.completed,
            failed: now_at.failed - before.failed,
            workflows_ended: now_at.workflows_ended - before.workflows_ended,
            gauges,
            dispatch_p50: dispatch.quantile(500),
            dispatch_p95: dispatch.quantile(950),
            sync_p99: now_at.syncs.clone().since(&before.syncs).quantile(990),
        };
        self.last = now_at;
        if self.samples.len() == KEPT_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        if now.since(self.newer.at) >= RECENT_MS {
            self.older = std::mem::replace(&mut self.newer, Mark::of(figures, now));
        }
    }

    /// Samples after this time, the oldest first.
    pub fn after(&self, since: Timestamp) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.at > since)
    }

    /// What happened in the last five to ten minutes.
    pub fn recent(&self, figures: &Figures, now: Timestamp) -> Recent {
        Recent::between(&self.older, Mark::of(figures, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_hold_differences_and_an_hour_of_them_is_kept() {
        let (figures, mut history) = (Figures::default(), History::default());
        history.begin(Timestamp(0));
        for number in 1..=KEPT_SAMPLES as u64 + 5 {
            figures.counted.started.count();
            figures.dispatch.record(100);
            history.sample(&figures, None, Timestamp(number * SAMPLE_MS));
        }
        let all: Vec<&Sample> = history.after(Timestamp(0)).collect();
        assert_eq!(all.len(), KEPT_SAMPLES);
        assert_eq!(all[0].at, Timestamp(6 * SAMPLE_MS));
        assert!(all.iter().all(|sample| sample.started == 1 && sample.dispatch_p50.is_some()));
        assert!(all.iter().all(|sample| sample.sync_p99.is_none()), "there was no sync");
        assert_eq!(history.after(all[KEPT_SAMPLES - 3].at).count(), 2);
    }

    #[test]
    fn what_is_recent_is_between_five_and_ten_minutes_old() {
        let (figures, mut history) = (Figures::default(), History::default());
        history.begin(Timestamp(0));
        figures.dispatch.record(7);
        let mut now = Timestamp(0);
        for _ in 0..600 {
            now = now.plus(SAMPLE_MS);
            figures.runs.of(["http", "web"]).record(2_000);
            history.sample(&figures, None, now);
        }
        let recent = history.recent(&figures, now);
        assert!((RECENT_MS..=2 * RECENT_MS).contains(&recent.window_ms), "{}", recent.window_ms);
        assert_eq!(recent.dispatch.total(), 0, "that was long ago");
        let web = recent.services.get("web").unwrap();
        assert_eq!(web.completed, recent.window_ms / SAMPLE_MS);
    }
}
