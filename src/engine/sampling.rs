//! Takes a sample of the figures every few seconds: the last hour is there for whoever opens a screen.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::handle::EngineHandle;
use super::step::View;
use crate::core::errors;
use crate::figures::{Gauges, SAMPLE_MS};

/// An engine that waits for space on a full disk does not answer; a sample without its numbers is better than none.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Sampler {
    pub engine: EngineHandle,
}

impl Sampler {
    /// Samples for as long as the engine runs.
    pub async fn run(self) {
        let engine = self.engine;
        let mut ticks = interval(Duration::from_millis(SAMPLE_MS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let gauges = match timeout(PATIENCE, engine.query(gauges)).await {
                Ok(Ok(gauges)) => Some(gauges),
                Ok(Err(rejection)) if rejection.code == errors::SHUTTING_DOWN => return,
                Ok(Err(_)) | Err(_) => None,
            };
            engine.figures().history().sample(engine.figures(), gauges, engine.now());
        }
    }
}

fn gauges(view: &View<'_>) -> Gauges {
    Gauges {
        queued: view.state.ready.waiting_by_priority(),
        running: view.state.grants.current(),
        live_workflows: view.state.census.open(),
    }
}
