//! The services of one scenario.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::service::Service;
use super::tally::Tally;
use crate::cli::bench::target::Address;

/// Connected and registered; dropping it disconnects all of them.
#[derive(Debug)]
pub struct Fleet {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// How many services there are, and how many tasks each may hold.
#[derive(Debug, Clone, Copy)]
pub struct FleetSize {
    pub services: usize,
    pub window: usize,
}

impl Fleet {
    pub async fn open(
        address: &Address,
        name: &str,
        size: FleetSize,
        tally: &Arc<Tally>,
    ) -> anyhow::Result<Self> {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for number in 0..size.services {
            let node_id = format!("{name}-{number}");
            let service = Service::open(address, name, node_id, size.window, Arc::clone(tally))
                .await
                .with_context(|| format!("service {number} of {} cannot connect", size.services))?;
            tasks.spawn(service.run(stop.subscribe()));
        }
        Ok(Self { stop, tasks })
    }

    pub async fn close(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}
