//! Whether a server asks for keys, and whether it may do without.

use tracing::{info, warn};

use crate::config::{Config, Guard};
use crate::core::state::State;
use crate::store::DataDir;

/// A directory that is not there yet has no keys. Seen before it is made, a server that may not start leaves none behind.
pub(super) fn check_in_time(config: &Config) -> anyhow::Result<()> {
    if DataDir::is_there(&config.data_dir) {
        return Ok(());
    }
    Ok(config.check_guard(which(config, &State::default()))?)
}

/// Whether whoever connects has to show a key. A server that asks for none is for its own machine alone.
pub(super) fn of(config: &Config, state: &State, data_dir: &DataDir) -> anyhow::Result<Guard> {
    let guard = which(config, state);
    config.check_guard(guard)?;
    if let Some(exposure) = data_dir.exposure() {
        warn!("{exposure}");
    }
    if config.is_guessable() {
        warn!(
            "the token is short enough to be found by trying, and others reach this address: make keys with \
             `gleitzeit auth init`, or give it a longer one, such as `openssl rand -hex 16` prints"
        );
    }
    match guard {
        Guard::Keys => info!("whoever connects has to show a key"),
        Guard::None => info!(
            "there are no keys and no token: only this machine can connect, and everybody on it may do everything; \
             `gleitzeit auth init` makes the first key"
        ),
    }
    Ok(guard)
}

fn which(config: &Config, state: &State) -> Guard {
    if config.token.is_some() || state.access.has_begun() { Guard::Keys } else { Guard::None }
}
