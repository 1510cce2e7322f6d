//! The strategies: which of several endpoints that could take a question gets it.

use std::sync::Arc;

use super::endpoint::{Endpoint, Standing};
use crate::config::Strategy;

/// After so many choices of others a measurement is old: whoever was slow then gets another chance.
const MEASURED_TURNS: u64 = 20;
/// Load is compared in this unit, so that endpoints of different sizes can be compared.
const FULL: usize = 1_000;

/// What an endpoint is judged by. The smallest is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    priority: u32,
    preference: u64,
    load: usize,
    /// The one that has waited longest comes first among equals.
    last_turn: u64,
}

impl Rank {
    pub fn of(strategy: Strategy, endpoint: &Endpoint, model: &Arc<str>, turn: u64) -> Self {
        let standing = endpoint.standing();
        let load = endpoint.load() * FULL / (endpoint.config.concurrency as usize).max(1);
        let (preference, load) = match strategy {
            Strategy::RoundRobin => (0, 0),
            Strategy::LeastLoaded => (0, load),
            Strategy::FastestResponse => (response_ms(&standing, turn), load),
            Strategy::ModelAffinity => (u64::from(standing.last_model.as_ref() != Some(model)), load),
        };
        Self { priority: endpoint.config.priority, preference, load, last_turn: standing.last_turn }
    }
}

fn response_ms(standing: &Standing, turn: u64) -> u64 {
    let is_old = turn.saturating_sub(standing.last_turn) > MEASURED_TURNS;
    standing.response_ms.filter(|_| !is_old).unwrap_or(0)
}
