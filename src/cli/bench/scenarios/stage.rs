//! What the scenarios with services of this process need: these services, and a tally of what they see.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Settings;
use super::gauge::{Gauge, Usage, settle};
use crate::cli::bench::load::fleet::Fleet;
use crate::cli::bench::load::rest::Rest;
use crate::cli::bench::load::tally::{Measure, Tally};
use crate::cli::bench::load::work::Work;
use crate::cli::bench::report::{HopMs, Outcome};
use crate::clock;

#[derive(Debug)]
pub struct Stage {
    pub work: Work,
    pub tally: Arc<Tally>,
    /// For whatever the scenario asks for outside of its load.
    pub rest: Rest,
    name: String,
    fleet: Fleet,
}

/// From the first submission to the last receipt.
#[derive(Debug)]
pub struct Running {
    pub began: Instant,
    gauge: Gauge,
}

/// What was measured.
#[derive(Debug)]
pub struct Figures {
    /// All that ran, with those of a warm-up.
    tasks: u32,
    warm_up: u32,
    wall: Duration,
    usage: Usage,
}

impl Figures {
    /// The first `tasks` ran before the measurement began.
    pub fn leave_out(&mut self, tasks: u32) {
        self.warm_up = tasks;
    }
}

impl Stage {
    /// Connects the services, once the server is at rest.
    pub async fn open(settings: &Settings, name: &str, measure: Measure) -> anyhow::Result<Self> {
        let mut rest = Rest::open(&settings.address).await?;
        settle(&mut rest).await?;
        let service = format!("bench-{name}-{}", std::process::id());
        let tally = Arc::new(Tally::new(measure));
        let fleet = Fleet::open(&settings.address, &service, settings.fleet, &tally).await?;
        let work = Work::new(service, settings.payload_bytes);
        Ok(Self { work, tally, rest, name: name.to_owned(), fleet })
    }

    /// The measurement begins.
    pub async fn begin(&mut self, settings: &Settings) -> anyhow::Result<Running> {
        let gauge = Gauge::begin(&mut self.rest, &settings.address).await?;
        Ok(Running { began: clock::instant(), gauge })
    }

    /// Waits for the last of `tasks` results; the measurement ends with its receipt.
    pub async fn end(&mut self, running: Running, tasks: u32) -> anyhow::Result<Figures> {
        self.tally.wait_for(tasks).await?;
        let last = self.tally.last_receipt().context("there was nothing to do")?;
        let usage = running.gauge.end(&mut self.rest).await?;
        Ok(Figures { tasks, warm_up: 0, wall: last.saturating_duration_since(running.began), usage })
    }

    /// Disconnects the services and draws up the outcome. `wrong` is what the comparison of the stored
    /// results has found.
    pub async fn finish(self, figures: &Figures, wrong: Vec<String>) -> Outcome {
        self.fleet.close().await;
        for what in wrong {
            self.tally.fault(what);
        }
        let (faults, first) = self.tally.faults(figures.tasks);
        let mut notes = told(first, faults);
        let repeated = self.tally.repeated();
        if repeated > 0 {
            notes.push(format!("{repeated} assignments of tasks that had been assigned before"));
        }
        let wall_s = figures.wall.as_secs_f64();
        let tasks = figures.tasks - figures.warm_up;
        Outcome {
            scenario: self.name,
            tasks,
            tasks_per_s: f64::from(tasks) / wall_s,
            wall_s,
            hop_ms: Some(HopMs::of(&self.tally.latency())),
            server_rss_mb: figures.usage.rss_mb(),
            server_cpu_s: figures.usage.cpu_seconds,
            exactly_once: faults == 0,
            accepted_s: None,
            windows: Vec::new(),
            notes,
        }
    }
}

/// What went wrong, in words: the first few of `faults` things.
pub fn told(first: Vec<String>, faults: u64) -> Vec<String> {
    let mut notes = first;
    let named = notes.len() as u64;
    if faults > named {
        notes.push(format!("and {} more", faults - named));
    }
    notes
}
