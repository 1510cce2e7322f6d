//! The heartbeat, on a task of its own so that no backlog of reports delays it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval_at, timeout};

use super::builder::NodeConfig;
use super::capability::Capability;
use super::ledger::{Ledger, State};
use super::report::Reply;
use super::task::ActiveTask;
use crate::client::wire::{PendingAck, Socket, WireError};

#[derive(Serialize)]
struct Heartbeat<'a> {
    node_id: &'a str,
    service_name: &'a str,
    node_type: &'static str,
    status: &'static str,
    active_tasks: usize,
    max_tasks: usize,
    tasks_completed: u64,
    tasks_failed: u64,
    uptime_seconds: u64,
    capabilities: &'a [Capability],
    active: Vec<ActiveTask>,
}

/// Beats until the session ends. A server that refuses a heartbeat has forgotten the node, so the connection
/// is closed, which makes the node register again.
pub(super) async fn heartbeat(
    config: Arc<NodeConfig>,
    ledger: Arc<Ledger>,
    socket: Socket,
    interval: Duration,
) {
    let mut ticks = interval_at(tokio::time::Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Composed and queued under one lock: nothing can be accepted between the two.
        let sent = {
            let state = ledger.lock();
            socket.try_emit_acked("node:heartbeat", &Heartbeat::new(&config, &state))
        };
        match sent {
            Ok(promise) => {
                if let Some(refusal) = refusal(promise, interval).await {
                    tracing::warn!(node = config.name.node_id, %refusal, "the heartbeat was refused");
                    socket.close().await;
                    return;
                }
            }
            Err(error @ (WireError::QueueFull(_) | WireError::TooManyAcks(_))) => {
                tracing::warn!(node = config.name.node_id, %error, "a heartbeat was left out");
            }
            Err(error) => {
                tracing::debug!(node = config.name.node_id, %error, "the heartbeat ends");
                return;
            }
        }
    }
}

/// Why the server refused a heartbeat. One that is not answered says nothing: silence is noticed elsewhere.
async fn refusal(promise: PendingAck, limit: Duration) -> Option<String> {
    let ack = timeout(limit, promise.answer()).await.ok()?.ok()?;
    let reply = ack.parse::<Reply>().ok()?;
    (!reply.ok && !reply.retryable).then(|| format!("{}: {}", reply.code, reply.message))
}

impl<'a> Heartbeat<'a> {
    fn new(config: &'a NodeConfig, state: &State) -> Self {
        Self {
            node_id: &config.name.node_id,
            service_name: &config.name.service_name,
            node_type: "external_service",
            status: if state.draining { "draining" } else { "ready" },
            active_tasks: state.running.len(),
            max_tasks: config.max_concurrent_tasks,
            tasks_completed: state.completed,
            tasks_failed: state.failed,
            uptime_seconds: state.started.elapsed().as_secs(),
            capabilities: &config.capabilities,
            active: state.active(),
        }
    }
}
