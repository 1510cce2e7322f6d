//! How the server is reached.

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::warn;

use crate::config::ConnectionsConfig;
use crate::{listener, process};

/// What systems allow a process unless it asks for more.
const DESCRIPTORS: usize = 1_024;

/// Takes as many descriptors as the system allows, and no more connections than leave enough of them.
pub(super) fn within_reach(bounds: ConnectionsConfig) -> ConnectionsConfig {
    let descriptors = process::raise_descriptors().unwrap_or_else(|error| {
        warn!(%error, "the number of descriptors could not be raised");
        DESCRIPTORS
    });
    bounds.within(descriptors)
}

/// Serves until the server closes.
pub(super) async fn listen(
    listener: TcpListener,
    router: Router,
    bounds: ConnectionsConfig,
    mut closed: watch::Receiver<bool>,
) {
    let stop = async move {
        // The sender lives as long as the server.
        let _ = closed.wait_for(|closed| *closed).await;
    };
    listener::serve(listener, router, bounds, stop).await;
}
