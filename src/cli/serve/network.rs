//! How the server is reached.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::warn;

use crate::config::{Config, ConnectionsConfig};
use crate::listener::{Rates, Tls};
use crate::{listener, process};

/// What systems allow a process unless it asks for more.
const DESCRIPTORS: usize = 1_024;

/// The address that is listened on, and what is spoken there.
#[derive(Debug)]
pub(super) struct Network {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    pub(super) address: SocketAddr,
}

impl Network {
    /// Binds the address first: a taken port must not cost a replay. Takes as many descriptors as the system allows, and lets in no
    /// more connections than leave enough of them.
    pub(super) async fn open(config: &mut Config) -> anyhow::Result<Self> {
        let tls = config.tls.as_ref().map(Tls::load).transpose()?.map(Arc::new);
        let descriptors = process::raise_descriptors().unwrap_or_else(|error| {
            warn!(%error, "the number of descriptors could not be raised");
            DESCRIPTORS
        });
        config.connections = config.connections.clone().within(descriptors);
        let listener = TcpListener::bind(config.address).await.with_context(|| {
            let address = config.address;
            format!("cannot listen on {address}: choose another --port, or end the program that uses it")
        })?;
        let address = listener.local_addr()?;
        Ok(Self { listener, tls, address })
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    pub(super) fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// Serves until the server closes.
    pub(super) async fn listen(
        self,
        router: Router,
        bounds: ConnectionsConfig,
        rates: Arc<Rates>,
        mut closed: watch::Receiver<bool>,
    ) {
        let stop = async move {
            // The sender lives as long as the server.
            let _ = closed.wait_for(|closed| *closed).await;
        };
        listener::serve(self.listener, router, bounds, rates, self.tls, stop).await;
    }
}
