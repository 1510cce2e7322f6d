//! The program's grip on a running node.

use std::sync::Arc;
use std::time::Duration;

use super::builder::NodeConfig;
use super::error::NodeError;
use super::ledger::{Ledger, Phase};

/// A running node. Clones are cheap; the node goes on when all of them are dropped.
#[derive(Debug, Clone)]
pub struct NodeHandle {
    config: Arc<NodeConfig>,
    ledger: Arc<Ledger>,
}

/// A snapshot of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    pub node_id: String,
    pub service_name: String,
    pub phase: Phase,
    /// No new tasks are taken.
    pub draining: bool,
    /// The server's name for the current or last registration.
    pub session: Option<String>,
    /// Attempts whose handlers run.
    pub running: usize,
    /// Reports that the server has not acknowledged.
    pub unacknowledged: usize,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// How often the node has registered; one more than its reconnections.
    pub registrations: u64,
    /// Why the node is not connected, or was not the last time.
    pub last_error: Option<String>,
    pub uptime: Duration,
}

impl NodeHandle {
    pub(super) fn new(config: Arc<NodeConfig>, ledger: Arc<Ledger>) -> Self {
        Self { config, ledger }
    }

    /// How the node is doing now.
    pub fn status(&self) -> NodeStatus {
        let state = self.ledger.lock();
        NodeStatus {
            node_id: self.config.name.node_id.clone(),
            service_name: self.config.name.service_name.clone(),
            phase: state.phase,
            draining: state.draining,
            session: state.session.clone(),
            running: state.running.len(),
            unacknowledged: state.outbox.len(),
            completed: state.completed,
            failed: state.failed,
            cancelled: state.cancelled,
            registrations: state.registrations,
            last_error: state.last_error.as_ref().map(ToString::to_string),
            uptime: state.started.elapsed(),
        }
    }

    /// Waits until the server knows the node. A server that cannot be reached is waited for; a refusal of the
    /// token or of the registration is returned, although the node keeps trying.
    pub async fn registered(&self) -> Result<(), Arc<NodeError>> {
        let look = |state: &super::ledger::State| match state.phase {
            Phase::Registered => Some(Ok(())),
            Phase::Stopped => Some(Err(Arc::new(NodeError::Stopped))),
            Phase::Connecting => {
                state.last_error.as_ref().filter(|error| error.is_refusal()).cloned().map(Err)
            }
        };
        self.ledger.wait_for(look).await
    }

    /// Takes no new task, and waits until the running ones have ended and the server has every result.
    pub async fn drain(&self) {
        self.ledger.update(|state| state.draining = true);
        self.ledger.wait_for(|state| (state.is_idle() || state.phase == Phase::Stopped).then_some(())).await;
    }

    /// Ends the running tasks, which go back to the server unharmed, delivers what can be delivered within
    /// the stop timeout, and leaves. Drain first to let tasks finish.
    pub async fn stop(&self) {
        self.ledger.update(|state| state.request_stop(self.config.stop_timeout));
        self.stopped().await;
    }

    /// Waits until the node has stopped, be it by [`stop`](Self::stop) or because the server shut it down.
    pub async fn stopped(&self) {
        self.ledger.wait_for(|state| (state.phase == Phase::Stopped).then_some(())).await;
    }
}
