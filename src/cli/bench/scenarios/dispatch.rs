//! Workflows of growing size: how long one takes to be accepted, and what a task of it costs the server.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Settings;
use super::stage::Stage;
use crate::cli::bench::load::rest::Rest;
use crate::cli::bench::load::tally::{Measure, since};
use crate::cli::bench::load::work;
use crate::cli::bench::report::Outcome;

const SIZES: [u32; 3] = [1_000, 10_000, 100_000];
/// Between two looks of one reader, each at the workflow, at its newest tasks and at the statistics.
const READER_PAUSE: Duration = Duration::from_millis(50);

pub async fn run(settings: &Settings) -> anyhow::Result<Vec<Outcome>> {
    let sizes = settings.tasks.map_or_else(|| SIZES.to_vec(), |tasks| vec![tasks]);
    let mut outcomes = Vec::new();
    for size in sizes {
        outcomes.push(measure(settings, size).await?);
    }
    Ok(outcomes)
}

async fn measure(settings: &Settings, tasks: u32) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(settings, &format!("dispatch-{tasks}"), Measure::Receipts).await?;
    let list: Vec<_> = (0..tasks).map(|n| stage.work.task(n, 0, [])).collect();
    let body = work::workflow("bench dispatch", &list);
    drop(list);
    let running = stage.begin(settings).await?;
    let id = stage.rest.submit(&body).await?;
    let accepted_s = since(running.began).as_secs_f64();
    let mut readers = JoinSet::new();
    for number in 0..settings.readers {
        let page = u32::try_from(number).unwrap_or_default() * 1_000 % tasks.max(1);
        readers.spawn(read(Rest::open(&settings.address).await?, id.clone(), page));
    }
    let figures = stage.end(running, tasks).await?;
    readers.abort_all();
    let mut looks = 0;
    while let Some(reader) = readers.join_next().await {
        if let Ok(failed) = reader {
            failed?;
        }
        looks += 1;
    }
    let wrong = stage.work.check(&stage.rest.results(&id).await?, 0..tasks)?;
    let mut outcome = stage.finish(&figures, wrong).await;
    outcome.accepted_s = Some(accepted_s);
    let count = f64::from(tasks);
    outcome.notes.push(format!(
        "accepted in {:.3} s; then {:.1} us a task, {:.1} us of them on the server's processors{}",
        accepted_s,
        (outcome.wall_s - accepted_s) * 1e6 / count,
        outcome.server_cpu_s * 1e6 / count,
        if looks > 0 { format!("; {looks} readers polled") } else { String::new() }
    ));
    Ok(outcome)
}

/// Polls until it is aborted.
async fn read(mut rest: Rest, id: String, page: u32) -> anyhow::Result<()> {
    loop {
        rest.read(&format!("/api/v1/workflows/{id}")).await?;
        rest.read(&format!("/api/v1/workflows/{id}/tasks?cursor={page}")).await?;
        rest.read("/api/v1/stats").await?;
        sleep(READER_PAUSE).await;
    }
}
