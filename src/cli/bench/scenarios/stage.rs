//! What every scenario needs: connected services, a tally, and a look at the server's process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Settings;
use crate::cli::bench::load::fleet::Fleet;
use crate::cli::bench::load::rest::{Rest, Stats};
use crate::cli::bench::load::tally::{Measure, Tally, since};
use crate::cli::bench::load::work::Work;
use crate::cli::bench::report::{HopMs, Outcome};
use crate::clock;

/// How often the server's memory is looked at. Its highest value is reported.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a scenario waits for the server to put away what the one before left behind.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);
const SETTLE_PAUSE: Duration = Duration::from_millis(20);

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
    before: Stats,
    peak_rss: Arc<AtomicU64>,
    sampler: JoinHandle<()>,
}

/// What was measured.
#[derive(Debug)]
pub struct Figures {
    /// All that ran, with those of a warm-up.
    tasks: u32,
    warm_up: u32,
    wall: Duration,
    rss_bytes: u64,
    cpu_seconds: f64,
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
        let before = self.rest.stats().await?;
        let peak_rss = Arc::new(AtomicU64::new(before.rss_bytes));
        let rest = Rest::open(&settings.address).await?;
        let sampler = tokio::spawn(sample(rest, Arc::clone(&peak_rss)));
        Ok(Running { began: clock::instant(), before, peak_rss, sampler })
    }

    /// Waits for the last of `tasks` results; the measurement ends with its receipt.
    pub async fn end(&mut self, running: Running, tasks: u32) -> anyhow::Result<Figures> {
        let waited = self.tally.wait_for(tasks).await;
        running.sampler.abort();
        waited?;
        let last = self.tally.last_receipt().context("there was nothing to do")?;
        let after = self.rest.stats().await?;
        Ok(Figures {
            tasks,
            warm_up: 0,
            wall: last.saturating_duration_since(running.began),
            rss_bytes: after.rss_bytes.max(running.peak_rss.load(Ordering::Relaxed)),
            cpu_seconds: after.cpu_seconds - running.before.cpu_seconds,
        })
    }

    /// Disconnects the services and draws up the outcome. `wrong` is what the comparison of the stored
    /// results has found.
    pub async fn finish(self, figures: &Figures, wrong: Vec<String>) -> Outcome {
        self.fleet.close().await;
        for what in wrong {
            self.tally.fault(what);
        }
        let (faults, first) = self.tally.faults(figures.tasks);
        let mut notes = first;
        let told = notes.len() as u64;
        if faults > told {
            notes.push(format!("and {} more", faults - told));
        }
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
            hop_ms: HopMs::of(&self.tally.latency()),
            server_rss_mb: megabytes(figures.rss_bytes),
            server_cpu_s: figures.cpu_seconds,
            exactly_once: faults == 0,
            accepted_s: None,
            windows: Vec::new(),
            notes,
        }
    }
}

pub fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the memory of a process has less than 2^52 bytes")]
    let bytes = bytes as f64;
    bytes / 1e6
}

async fn settle(rest: &mut Rest) -> anyhow::Result<()> {
    let began = clock::instant();
    while rest.stats().await?.archive_backlog > 0 && since(began) < SETTLE_LIMIT {
        sleep(SETTLE_PAUSE).await;
    }
    Ok(())
}

/// Notes the highest memory until it is aborted, or until the server does not answer: whoever waits for
/// results says so.
async fn sample(mut rest: Rest, peak: Arc<AtomicU64>) {
    let mut ticks = interval(SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one is due at once, and the stage has just looked.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Ok(stats) = rest.stats().await else { return };
        peak.fetch_max(stats.rss_bytes, Ordering::Relaxed);
    }
}
