//! A long run, seen in windows of ten seconds: whether throughput sinks and memory grows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::gauge::megabytes;
use crate::cli::bench::load::rest::Rest;
use crate::cli::bench::load::tally::{Tally, since};
use crate::cli::bench::report::Window;
use crate::clock;

const WINDOW: Duration = Duration::from_secs(10);

/// Notes a window every ten seconds until it is taken.
#[derive(Debug)]
pub struct Windows {
    noted: Arc<Mutex<Vec<Window>>>,
    task: JoinHandle<()>,
}

impl Windows {
    pub fn begin(rest: Rest, tally: Arc<Tally>) -> Self {
        let noted = Arc::default();
        let task = tokio::spawn(note(rest, tally, Arc::clone(&noted)));
        Self { noted, task }
    }

    pub fn take(self) -> Vec<Window> {
        self.task.abort();
        std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Ends when the server does not answer: whoever waits for results says so.
async fn note(mut rest: Rest, tally: Arc<Tally>, noted: Arc<Mutex<Vec<Window>>>) {
    let began = clock::instant();
    let mut ticks = interval(WINDOW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let (mut receipts, mut at) = (tally.receipts(), began);
    loop {
        ticks.tick().await;
        let (now, seen) = (clock::instant(), tally.receipts());
        let Ok(stats) = rest.stats().await else { return };
        let seconds = now.saturating_duration_since(at).as_secs_f64();
        let window = Window {
            until_s: since(began).as_secs_f64(),
            tasks_per_s: f64::from(seen - receipts) / seconds,
            server_rss_mb: megabytes(stats.rss_bytes),
            archive_backlog: stats.archive_backlog,
        };
        eprintln!(
            "  {:>4.0} s: {:>7.0} tasks/s, {:>5.0} MB, {} ended workflows wait for the store",
            window.until_s, window.tasks_per_s, window.server_rss_mb, window.archive_backlog
        );
        noted.lock().unwrap_or_else(PoisonError::into_inner).push(window);
        (receipts, at) = (seen, now);
    }
}
