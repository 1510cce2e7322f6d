//! What a restart owes the world.

use std::sync::Arc;

use super::effect::Effect;
use super::event::Event;
use super::ids::{Timestamp, WorkerId};
use super::limits::Limits;
use super::presence::Presence;
use super::state::State;

/// The fact of the start itself: deadlines of the run before it start anew. Nobody knows yet which workers fence, so
/// all of them have the time of those that do not; one that names what it holds frees the rest as it comes back.
pub fn started(version: &str, limits: &Limits, now: Timestamp) -> Event {
    let release_ms = limits.release_grace_ms.max(2 * limits.liveness_ms);
    Event::EngineStarted { version: Arc::from(version), release_until: now.plus(release_ms) }
}

/// Ended workflows that were not archived yet. Ready tasks need no effect: they are offered as workers register.
pub fn recover(state: &State) -> Vec<Effect> {
    let ended = state.workflows.values().filter(|workflow| workflow.status.has_ended());
    ended.map(|workflow| Effect::Archive { workflow: workflow.id }).collect()
}

/// Whoever holds something gets the disconnect grace to come back with it.
pub fn expect_workers(state: &State, presence: &mut Presence, now: Timestamp) {
    let holders: Vec<WorkerId> = state.grants.workers().cloned().collect();
    for worker in holders {
        presence.expect_back(&worker, &state.service_of(&worker), now);
    }
}
