//! Workflows of one task each, submitted one by one over several connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Settings;
use super::stage::Stage;
use super::windows::Windows;
use crate::cli::bench::load::rest::Rest;
use crate::cli::bench::load::tally::{Measure, since};
use crate::cli::bench::load::work::{self, Work};
use crate::cli::bench::report::Outcome;

/// Without `--tasks` and `--duration`.
const USUAL_DURATION: Duration = Duration::from_secs(6);
/// Results that are read back and compared. All receipts are counted in any case; of a longer run an even
/// sample is compared, because reading takes as long as writing.
const COMPARED_MAX: u32 = 100_000;

/// A workflow and the task in it.
type Submitted = (u32, String);

/// When to stop submitting.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Tasks(u32),
    Time(Duration),
}

/// Hands out numbers to the submitters.
#[derive(Debug)]
struct Numbers {
    next: AtomicU32,
    limit: Limit,
    began: Instant,
}

impl Numbers {
    fn next(&self) -> Option<u32> {
        match self.limit {
            Limit::Time(duration) if since(self.began) >= duration => None,
            Limit::Time(_) => Some(self.next.fetch_add(1, Ordering::Relaxed)),
            Limit::Tasks(tasks) => {
                let n = self.next.fetch_add(1, Ordering::Relaxed);
                (n < tasks).then_some(n)
            }
        }
    }
}

pub async fn run(settings: &Settings) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(settings, "independent", Measure::Receipts).await?;
    let connections = connect(settings).await?;
    let limit = match (settings.duration, settings.tasks) {
        (Some(duration), _) => Limit::Time(duration),
        (None, Some(tasks)) => Limit::Tasks(tasks),
        (None, None) => Limit::Time(USUAL_DURATION),
    };
    let windows = match settings.duration {
        Some(_) => Some(Windows::begin(Rest::open(&settings.address).await?, Arc::clone(&stage.tally))),
        None => None,
    };
    let running = stage.begin(settings).await?;
    let numbers = Arc::new(Numbers { next: AtomicU32::new(0), limit, began: running.began });
    let mut submitters = JoinSet::new();
    for rest in connections {
        submitters.spawn(submit(rest, stage.work.clone(), Arc::clone(&numbers)));
    }
    let mut submitted: Vec<Submitted> = Vec::new();
    let mut connections = Vec::new();
    let mut postponed = 0;
    while let Some(done) = submitters.join_next().await {
        let (rest, some) = done??;
        postponed += rest.postponed;
        connections.push(rest);
        submitted.extend(some);
    }
    let submitting = since(running.began);
    let tasks = u32::try_from(submitted.len()).expect("every workflow has a number of 32 bits");
    let figures = stage.end(running, tasks).await?;
    let windows = windows.map(Windows::take).unwrap_or_default();
    let wrong = compare(&stage.work, connections, submitted).await?;
    let mut outcome = stage.finish(&figures, wrong).await;
    outcome.windows = windows;
    outcome.notes.push(format!(
        "{:.0} workflows/s accepted over {} connections in {:.1} s",
        f64::from(tasks) / submitting.as_secs_f64(),
        settings.connections,
        submitting.as_secs_f64()
    ));
    if postponed > 0 {
        outcome
            .notes
            .push(format!("{postponed} submissions were sent again because the server asked for it"));
    }
    Ok(outcome)
}

async fn connect(settings: &Settings) -> anyhow::Result<Vec<Rest>> {
    let mut connections = Vec::new();
    for _ in 0..settings.connections {
        connections.push(Rest::open(&settings.address).await?);
    }
    Ok(connections)
}

async fn submit(mut rest: Rest, work: Work, numbers: Arc<Numbers>) -> anyhow::Result<(Rest, Vec<Submitted>)> {
    let mut submitted = Vec::new();
    while let Some(n) = numbers.next() {
        let body = work::workflow("bench independent", &[work.task(n, 0, [])]);
        submitted.push((n, rest.submit(&body).await?));
    }
    Ok((rest, submitted))
}

/// Reads the results back over all connections and returns what is wrong with them.
async fn compare(
    work: &Work,
    connections: Vec<Rest>,
    submitted: Vec<Submitted>,
) -> anyhow::Result<Vec<String>> {
    let share = submitted.len().div_ceil(COMPARED_MAX as usize).max(1);
    let chosen: Arc<Vec<Submitted>> = Arc::new(submitted.into_iter().step_by(share).collect());
    let next = Arc::new(AtomicU32::new(0));
    let mut readers = JoinSet::new();
    for mut rest in connections {
        let (work, chosen, next) = (work.clone(), Arc::clone(&chosen), Arc::clone(&next));
        readers.spawn(async move {
            let mut wrong = Vec::new();
            while let Some((n, id)) = chosen.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                wrong.extend(work.check(&rest.results(id).await?, *n..n + 1)?);
            }
            anyhow::Ok(wrong)
        });
    }
    let mut wrong = Vec::new();
    while let Some(found) = readers.join_next().await {
        wrong.extend(found??);
    }
    Ok(wrong)
}
