//! Chains of steps, one chain after the other: what one hop costs when nothing else goes on.

use super::Settings;
use super::stage::Stage;
use crate::cli::bench::load::tally::Measure;
use crate::cli::bench::load::work;
use crate::cli::bench::report::Outcome;

const STEPS: u32 = 50;
/// Enough hops for a p99 that is more than the largest of a few.
const RUNS: u32 = 20;

pub async fn run(settings: &Settings) -> anyhow::Result<Outcome> {
    let steps = settings.tasks.unwrap_or(STEPS);
    let mut stage = Stage::open(settings, "chain", Measure::Hops { steps }).await?;
    // A first chain wakes the server up and is not measured.
    one_chain(&mut stage, steps, 0).await?;
    stage.tally.wait_for(steps).await?;
    stage.tally.forget_latencies();
    let mut ids = Vec::new();
    let running = stage.begin(settings).await?;
    for number in 1..=RUNS {
        ids.push((number, one_chain(&mut stage, steps, number).await?));
        stage.tally.wait_for((number + 1) * steps).await?;
    }
    let mut figures = stage.end(running, (RUNS + 1) * steps).await?;
    figures.leave_out(steps);
    let mut wrong = Vec::new();
    for (number, id) in ids {
        let tasks = number * steps..(number + 1) * steps;
        wrong.extend(stage.work.check(&stage.rest.results(&id).await?, tasks)?);
    }
    Ok(stage.finish(&figures, wrong).await)
}

/// Submits chain `number`; its tasks are numbered on from those before.
async fn one_chain(stage: &mut Stage, steps: u32, number: u32) -> anyhow::Result<String> {
    let first = number * steps;
    let task = |n: u32| stage.work.task(n, n, (n > first).then(|| n - 1));
    let tasks: Vec<_> = (first..first + steps).map(task).collect();
    let body = work::workflow("bench chain", &tasks);
    stage.rest.submit(&body).await
}
