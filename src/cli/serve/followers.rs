//! What reads the feed beside the engine until it stops.

use crate::cli::lifecycle;
use crate::config::TracesConfig;
use crate::engine::{Doorkeeper, EngineHandle, Sampler};
use crate::executor::{Subscriptions, Tracer};

/// # Errors
/// The collector's address cannot be used.
pub(super) async fn start(
    subscriptions: &Subscriptions,
    engine: &EngineHandle,
    traces: Option<&TracesConfig>,
    doorkeeper: &Doorkeeper,
) -> anyhow::Result<()> {
    tokio::spawn(subscriptions.clone().run());
    tokio::spawn(doorkeeper.clone().keep_uses());
    tokio::spawn(Sampler { engine: engine.clone() }.run());
    lifecycle::tell(engine);
    if let Some(traces) = traces {
        tokio::spawn(Tracer::start(engine.clone(), traces).await?.run());
    }
    Ok(())
}
