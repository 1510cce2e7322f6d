//! One task, then many that depend on it, then one that depends on them all.

use super::Settings;
use super::stage::Stage;
use crate::cli::bench::load::tally::Measure;
use crate::cli::bench::load::work;
use crate::cli::bench::report::Outcome;

const WIDTH: u32 = 10_000;

pub async fn run(settings: &Settings) -> anyhow::Result<Outcome> {
    let width = settings.tasks.unwrap_or(WIDTH);
    let last = width + 1;
    let mut stage = Stage::open(settings, "fanout", Measure::Receipts).await?;
    let work = &stage.work;
    let mut tasks = vec![work.task(0, 0, [])];
    tasks.extend((1..last).map(|n| work.task(n, 1, [0])));
    tasks.push(work.task(last, last, 1..last));
    let body = work::workflow("bench fanout", &tasks);
    drop(tasks);
    let running = stage.begin(settings).await?;
    let id = stage.rest.submit(&body).await?;
    let figures = stage.end(running, last + 1).await?;
    let wrong = stage.work.check(&stage.rest.results(&id).await?, 0..last + 1)?;
    Ok(stage.finish(&figures, wrong).await)
}
