//! Figures of the server as numbers: what it tells of itself, and how the last hour went.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::client::{Stats, StatsHistory};
use crate::core::ids::Timestamp;

/// An hour, if the server samples every five seconds; wider than any terminal.
const SAMPLES_MAX: usize = 720;
/// After a longer pause a difference of two counters is an average that hides what happened.
const GAP_MAX_MS: u64 = 20_000;

/// What `/stats` says, as far as the monitor shows it. What an older or newer server does not say is nothing or zero.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Figures {
    pub version: String,
    pub pid: u32,
    pub uptime_seconds: f64,
    pub rss_bytes: u64,
    pub cpu_seconds: f64,
    pub seq: u64,
    pub tasks_running: u64,
    /// Ready tasks that wait for a worker, by priority.
    pub queued: BTreeMap<String, u64>,
    /// Workflows in memory, by status.
    pub workflows: BTreeMap<String, u64>,
    pub connected_services: u64,
    pub archive_backlog: u64,
    pub read_only: bool,
    pub disk_free_bytes: Option<u64>,
}

impl From<&Stats> for Figures {
    fn from(stats: &Stats) -> Self {
        let more = &stats.more;
        let tasks = members(more, "tasks");
        let log = members(more, "log");
        let disk = members(more, "disk");
        Self {
            version: stats.version.clone(),
            pid: stats.pid,
            uptime_seconds: stats.uptime_seconds,
            rss_bytes: stats.rss_bytes,
            cpu_seconds: stats.cpu_seconds,
            seq: stats.seq,
            tasks_running: tasks.map_or(0, |tasks| number(tasks, "running")),
            queued: counts(tasks.and_then(|tasks| members(tasks, "queued"))),
            workflows: counts(members(more, "workflows")),
            connected_services: number(more, "connected_services"),
            archive_backlog: number(more, "archive_backlog"),
            read_only: log.and_then(|log| log.get("read_only")).and_then(Value::as_bool).unwrap_or(false),
            disk_free_bytes: disk.and_then(|disk| disk.get("free_bytes")).and_then(Value::as_u64),
        }
    }
}

impl Figures {
    /// How many ready tasks wait.
    pub fn queue_depth(&self) -> u64 {
        self.queued.values().sum()
    }
}

/// How fast the server is between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Pace {
    pub events_per_second: Option<f64>,
    /// Share of one processor that the server used, in percent.
    pub cpu_percent: Option<f64>,
}

/// The look before, which the next one is measured against.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark {
    at: Timestamp,
    pid: u32,
    seq: u64,
    cpu_seconds: f64,
}

impl Mark {
    pub fn of(figures: &Figures, at: Timestamp) -> Self {
        Self { at, pid: figures.pid, seq: figures.seq, cpu_seconds: figures.cpu_seconds }
    }

    /// What happened since the mark before, unless that was of another process or is long ago.
    pub fn since(&self, before: &Self) -> Pace {
        let span_ms = self.at.since(before.at);
        let is_same = before.pid == self.pid && before.seq <= self.seq;
        if !is_same || !(1..=GAP_MAX_MS).contains(&span_ms) {
            return Pace::default();
        }
        let seconds = number_of(span_ms) / 1_000.0;
        Pace {
            events_per_second: Some(number_of(self.seq - before.seq) / seconds),
            cpu_percent: Some((self.cpu_seconds - before.cpu_seconds).max(0.0) * 100.0 / seconds),
        }
    }
}

/// What happened in some seconds, and how things stood at their end.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Sample {
    /// Attempts that were offered to workers, tasks that completed, and tasks that failed for good.
    pub started_per_second: Option<f64>,
    pub completed_per_second: Option<f64>,
    pub failed_per_second: Option<f64>,
    /// From the decision to offer an attempt until its worker's connection has it.
    pub dispatch_p50_ms: Option<f64>,
    pub dispatch_p95_ms: Option<f64>,
    /// One sync of the log.
    pub sync_p99_ms: Option<f64>,
    /// Told with the figures, which are newer.
    #[serde(skip)]
    pub queue_depth: Option<f64>,
}

/// The last hour, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    ring: VecDeque<Sample>,
}

impl Samples {
    /// Forgets everything, as of another process.
    pub fn clear(&mut self) {
        self.ring.clear();
    }

    /// Takes in what the server has sampled since.
    pub fn extend(&mut self, history: &StatsHistory) {
        let seconds = number_of(history.interval_ms.max(1)) / 1_000.0;
        for at in 0..history.at_ms.len() {
            let rate = |column: &[u64]| column.get(at).map(|count| number_of(*count) / seconds);
            let ms = |column: &[Option<f64>]| column.get(at).copied().flatten();
            let depths: Vec<u64> =
                history.queued.values().filter_map(|column| column.get(at).copied().flatten()).collect();
            if self.ring.len() == SAMPLES_MAX {
                self.ring.pop_front();
            }
            self.ring.push_back(Sample {
                started_per_second: rate(&history.started),
                completed_per_second: rate(&history.completed),
                failed_per_second: rate(&history.failed),
                dispatch_p50_ms: ms(&history.dispatch_p50_ms),
                dispatch_p95_ms: ms(&history.dispatch_p95_ms),
                sync_p99_ms: ms(&history.sync_p99_ms),
                queue_depth: (!depths.is_empty()).then(|| number_of(depths.iter().sum())),
            });
        }
    }

    pub fn latest(&self) -> Sample {
        self.ring.back().copied().unwrap_or_default()
    }

    /// The latest value of a figure that is not measured all the time.
    pub fn last(&self, figure: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        self.ring.iter().rev().find_map(figure)
    }

    /// A figure over time, oldest first; gaps are nothing.
    pub fn column(&self, figure: impl Fn(&Sample) -> Option<f64>) -> Vec<Option<f64>> {
        self.ring.iter().map(figure).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "what happens within seconds fits into 53 bits")]
fn number_of(count: u64) -> f64 {
    count as f64
}

fn members<'m>(of: &'m Map<String, Value>, name: &str) -> Option<&'m Map<String, Value>> {
    of.get(name).and_then(Value::as_object)
}

fn number(of: &Map<String, Value>, name: &str) -> u64 {
    of.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn counts(of: Option<&Map<String, Value>>) -> BTreeMap<String, u64> {
    let given = of.into_iter().flatten();
    given.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_a_difference_and_knows_gaps_and_restarts() {
        let mark = |pid, seq, at, cpu_seconds| Mark { at: Timestamp(at), pid, seq, cpu_seconds };
        let before = mark(1, 100, 1_000, 1.0);
        let pace = |after: Mark| {
            let Pace { events_per_second, cpu_percent } = after.since(&before);
            (events_per_second, cpu_percent)
        };
        assert_eq!(pace(mark(1, 110, 3_000, 2.0)), (Some(5.0), Some(50.0)));
        assert_eq!(pace(mark(1, 110, 1_000, 2.0)), (None, None), "no time has passed");
        assert_eq!(pace(mark(1, 900, 60_000, 2.0)), (None, None), "a gap");
        assert_eq!(pace(mark(2, 900, 2_000, 2.0)), (None, None), "another process");
        assert_eq!(pace(mark(1, 50, 2_000, 2.0)), (None, None), "another log");
    }

    #[test]
    fn samples_are_bounded_and_are_rates() {
        let history = StatsHistory {
            interval_ms: 5_000,
            at_ms: vec![5, 10],
            started: vec![5, 10],
            queued: BTreeMap::from([
                ("high".to_owned(), vec![Some(1), None]),
                ("low".to_owned(), vec![Some(2), None]),
            ]),
            dispatch_p50_ms: vec![Some(0.5), None],
            ..StatsHistory::default()
        };
        let mut samples = Samples::default();
        for _ in 0..SAMPLES_MAX {
            samples.extend(&history);
        }
        let started = samples.column(|sample| sample.started_per_second);
        assert_eq!((started.len(), started.last()), (SAMPLES_MAX, Some(&Some(2.0))));
        let depth = samples.column(|sample| sample.queue_depth);
        assert_eq!(depth.get(SAMPLES_MAX - 2..), Some([Some(3.0), None].as_slice()));
        let p50 = |sample: &Sample| sample.dispatch_p50_ms;
        assert_eq!((samples.latest().dispatch_p50_ms, samples.last(p50)), (None, Some(0.5)));
    }
}
