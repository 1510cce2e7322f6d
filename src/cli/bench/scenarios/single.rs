//! One workflow of many tasks that do not depend on each other.

use std::time::Duration;

use super::Settings;
use super::stage::Stage;
use crate::cli::bench::load::tally::Measure;
use crate::cli::bench::load::work;
use crate::cli::bench::report::Outcome;

/// A first run of this size shows how fast the server is, and wakes it up.
const TRIAL: u32 = 2_000;
/// Without `--tasks` the workflow is as large as takes about this long, within these bounds.
const WANTED: Duration = Duration::from_secs(5);
const TASKS_MIN: u32 = 10_000;
/// As many as a workflow of 200-byte payloads may have before its body is refused.
const TASKS_MAX: u32 = 100_000;

pub async fn run(settings: &Settings) -> anyhow::Result<Outcome> {
    let tasks = match settings.tasks {
        Some(tasks) => tasks,
        None => affordable(measure(settings, TRIAL).await?.tasks_per_s, TASKS_MIN),
    };
    measure(settings, tasks).await
}

/// How many tasks take about as long as wanted, and at least `tasks_min`.
pub fn affordable(tasks_per_s: f64, tasks_min: u32) -> u32 {
    let thousands = tasks_per_s * WANTED.as_secs_f64() / 1_000.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a conversion of floats saturates, and the bounds are small"
    )]
    let thousands = thousands.round() as u32;
    thousands.saturating_mul(1_000).clamp(tasks_min, TASKS_MAX)
}

async fn measure(settings: &Settings, tasks: u32) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(settings, "single", Measure::Receipts).await?;
    let list: Vec<_> = (0..tasks).map(|n| stage.work.task(n, 0, [])).collect();
    let body = work::workflow("bench single", &list);
    drop(list);
    let running = stage.begin(settings).await?;
    let id = stage.rest.submit(&body).await?;
    let figures = stage.end(running, tasks).await?;
    let wrong = stage.work.check(&stage.rest.results(&id).await?, 0..tasks)?;
    Ok(stage.finish(&figures, wrong).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_follows_the_speed() {
        let sizes = [10.0, 3_000.0, 12_345.6, 1e9].map(|tasks_per_s| affordable(tasks_per_s, TASKS_MIN));
        assert_eq!(sizes, [TASKS_MIN, 15_000, 62_000, TASKS_MAX]);
    }
}
