//! What a scenario costs the server: its process is looked at before, while it works, and after.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::cli::bench::load::rest::{Rest, Stats};
use crate::cli::bench::load::tally::since;
use crate::cli::bench::target::Address;
use crate::clock;

/// How often the server's memory is looked at. Its highest value is reported.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a scenario waits for the server to put away what the one before left behind.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);
const SETTLE_PAUSE: Duration = Duration::from_millis(20);

/// Looks at the server until it is ended or dropped.
#[derive(Debug)]
pub struct Gauge {
    before: Stats,
    peak_rss: Arc<AtomicU64>,
    sampler: JoinHandle<()>,
}

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// The highest.
    rss_bytes: u64,
    /// From the beginning to the end.
    pub cpu_seconds: f64,
}

impl Usage {
    pub fn rss_mb(self) -> f64 {
        megabytes(self.rss_bytes)
    }
}

impl Gauge {
    pub async fn begin(rest: &mut Rest, address: &Address) -> anyhow::Result<Self> {
        let before = rest.stats().await?;
        let peak_rss = Arc::new(AtomicU64::new(before.rss_bytes));
        let sampler = tokio::spawn(sample(Rest::open(address).await?, Arc::clone(&peak_rss)));
        Ok(Self { before, peak_rss, sampler })
    }

    pub async fn end(self, rest: &mut Rest) -> anyhow::Result<Usage> {
        let after = rest.stats().await?;
        Ok(Usage {
            rss_bytes: after.rss_bytes.max(self.peak_rss.load(Ordering::Relaxed)),
            cpu_seconds: after.cpu_seconds - self.before.cpu_seconds,
        })
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.sampler.abort();
    }
}

/// Waits until the server is at rest.
pub async fn settle(rest: &mut Rest) -> anyhow::Result<()> {
    let began = clock::instant();
    while rest.stats().await?.archive_backlog > 0 && since(began) < SETTLE_LIMIT {
        sleep(SETTLE_PAUSE).await;
    }
    Ok(())
}

pub fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the memory of a process has less than 2^52 bytes")]
    let bytes = bytes as f64;
    bytes / 1e6
}

/// Notes the highest memory until it is aborted, or until the server does not answer: whoever waits for
/// results says so.
async fn sample(mut rest: Rest, peak: Arc<AtomicU64>) {
    let mut ticks = interval(SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one is due at once, and the gauge has just looked.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Ok(stats) = rest.stats().await else { return };
        peak.fetch_max(stats.rss_bytes, Ordering::Relaxed);
    }
}
