//! The scenarios: what is submitted, in which shape, and what is measured.

mod chain;
mod dispatch;
mod fanout;
mod gauge;
mod independent;
pub mod service;
mod single;
mod stage;
mod windows;

use std::time::Duration;

use clap::ValueEnum;

use super::load::fleet::FleetSize;
use super::report::Outcome;
use super::target::Address;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Workflows of one task each, submitted over several connections, every answer awaited.
    Independent,
    /// One workflow of many tasks that do not depend on each other.
    Single,
    /// Chains of 50 steps, one after the other, on a server that has nothing else to do.
    Chain,
    /// One task, then 10,000 that depend on it, then one that depends on them all.
    Fanout,
    /// One workflow of 1,000, then 10,000, then 100,000 tasks: the cost of a task must not depend on it.
    Dispatch,
}

/// What runs when no scenario is named.
pub const USUAL: [Scenario; 4] = [Scenario::Independent, Scenario::Single, Scenario::Chain, Scenario::Fanout];

/// What all scenarios are told.
#[derive(Debug, Clone)]
pub struct Settings {
    pub address: Address,
    pub fleet: FleetSize,
    pub payload_bytes: usize,
    /// REST connections that submit independent workflows.
    pub connections: usize,
    pub tasks: Option<u32>,
    pub duration: Option<Duration>,
    /// Connections that poll a workflow while it runs.
    pub readers: usize,
}

impl Scenario {
    /// Runs the scenario from connecting its services to comparing its results.
    pub async fn run(self, settings: &Settings) -> anyhow::Result<Vec<Outcome>> {
        match self {
            Self::Independent => independent::run(settings).await.map(|outcome| vec![outcome]),
            Self::Single => single::run(settings).await.map(|outcome| vec![outcome]),
            Self::Chain => chain::run(settings).await.map(|outcome| vec![outcome]),
            Self::Fanout => fanout::run(settings).await.map(|outcome| vec![outcome]),
            Self::Dispatch => dispatch::run(settings).await,
        }
    }
}
