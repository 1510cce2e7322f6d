//! One registered connection: the opening handshake, the heartbeat, and the reports under way on it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::builder::NodeConfig;
use super::capability::Capability;
use super::error::NodeError;
use super::heartbeat::heartbeat;
use super::ledger::Ledger;
use super::outbox::ReportId;
use super::report::{Reply, milliseconds};
use super::task::ActiveTask;
use crate::client::wire::{Events, PendingAck, Socket, WireError};

/// Each step of the handshake is one round trip; a server that needs longer is not usable.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Answered = (ReportId, Result<Reply, WireError>);

/// Dropping it ends its heartbeat; the connection ends with its socket.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) socket: Socket,
    pub(super) events: Events,
    pub(super) answers: FuturesUnordered<Pin<Box<dyn Future<Output = Answered> + Send>>>,
    pub(super) announced_draining: bool,
    heartbeat: JoinHandle<()>,
}

#[derive(Serialize)]
struct Register<'a> {
    node_id: &'a str,
    name: &'a str,
    node_type: &'static str,
    capabilities: Capabilities<'a>,
    /// How often this node promises to be heard of.
    heartbeat_ms: u64,
    restart_aware: bool,
    active: Vec<ActiveTask>,
}

#[derive(Serialize)]
struct Capabilities<'a> {
    task_types: Vec<&'a str>,
    max_concurrent_tasks: usize,
    external_service: bool,
    #[serde(rename = "service_capabilities")]
    of_service: &'a [Capability],
    cpu_cores: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_gb: Option<f64>,
    gpu_memory_mb: u64,
    has_gpu: bool,
    available_models: &'a [String],
    tags: &'a [String],
}

#[derive(Deserialize)]
struct Registered {
    #[serde(default)]
    session: serde_json::Value,
    #[serde(default)]
    heartbeat_ms: Option<u64>,
    /// Absent when the server does not compare.
    #[serde(default)]
    held: Option<Vec<String>>,
}

impl Session {
    /// Connects, authenticates and registers; what runs here and is not `held` there is ended.
    pub(super) async fn open(config: &Arc<NodeConfig>, ledger: &Arc<Ledger>) -> Result<Self, NodeError> {
        let (socket, mut events) = Socket::connect(&config.connect).await?;
        authenticate(config, &socket, &mut events).await?;
        let active = ledger.lock().active();
        let ack =
            socket.emit_with_ack("node:register", &Register::new(config, active), HANDSHAKE_TIMEOUT).await?;
        let reply: Reply = ack.parse().map_err(|error| protocol("node:register", &error))?;
        if !reply.ok {
            return Err(NodeError::RegistrationRefused { code: reply.code, message: reply.message });
        }
        let registered: Registered = ack.parse().map_err(|error| protocol("node:register", &error))?;
        let asked = registered.heartbeat_ms.map_or(Duration::MAX, Duration::from_millis);
        let interval = config.heartbeat_interval.min(asked);
        ledger.update(|state| {
            if let Some(held) = &registered.held {
                let forgotten = state.forget_all_but(held);
                if forgotten > 0 {
                    tracing::info!(forgotten, "the server gave tasks of this node up; they are ended");
                }
            }
            state.registered(socket.clone(), registered.session.to_string());
        });
        let heartbeat =
            tokio::spawn(heartbeat(Arc::clone(config), Arc::clone(ledger), socket.clone(), interval));
        Ok(Self { socket, events, answers: FuturesUnordered::new(), announced_draining: false, heartbeat })
    }

    /// Sends what the window allows; the answers arrive in `answers`.
    pub(super) async fn deliver(&mut self, ledger: &Ledger, ack_timeout: Duration) -> Result<(), WireError> {
        loop {
            let next = ledger.lock().outbox.next_to_send(tokio::time::Instant::now());
            let Some((id, report)) = next else { return Ok(()) };
            let promise = self.socket.emit_acked(report.event(), &*report.payload).await?;
            self.answers.push(Box::pin(async move { (id, answer(promise, ack_timeout).await) }));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

async fn answer(promise: PendingAck, limit: Duration) -> Result<Reply, WireError> {
    let late = WireError::Timeout { what: "the acknowledgement of a result", after: limit };
    let data = timeout(limit, promise.answer()).await.unwrap_or(Err(late))?;
    Ok(data.parse()?)
}

async fn authenticate(config: &NodeConfig, socket: &Socket, events: &mut Events) -> Result<(), NodeError> {
    wait_for_event(events, &["connected"]).await?;
    let name = &config.name;
    let hello = json!({
        "token": config.token.as_deref().unwrap_or_default(),
        "client_type": "external_service",
        "service_name": name.service_name,
        "client_id": name.node_id,
    });
    socket.emit("authenticate", &hello).await?;
    let refusal = wait_for_event(events, &["authenticated", "authentication_failed"]).await?;
    refusal.map_or(Ok(()), |reason| Err(NodeError::AuthenticationFailed(reason)))
}

/// Waits for one of the events; the `error` in its data, if there is one.
async fn wait_for_event(events: &mut Events, names: &[&'static str]) -> Result<Option<String>, NodeError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        error: Option<String>,
    }
    let wait = async {
        while let Some(event) = events.next().await {
            if names.contains(&event.name.as_str()) {
                return Ok(event.parse::<Answer>().map_err(|error| protocol(&event.name, &error))?.error);
            }
        }
        Err(WireError::Closed(events.end().await.to_string()).into())
    };
    let late = WireError::Timeout { what: "the handshake of the service", after: HANDSHAKE_TIMEOUT };
    timeout(HANDSHAKE_TIMEOUT, wait).await.unwrap_or_else(|_| Err(late.into()))
}

fn protocol(event: &str, error: &impl std::fmt::Display) -> NodeError {
    NodeError::Protocol(format!("the answer to or data of {event} cannot be read: {error}"))
}

impl<'a> Register<'a> {
    fn new(config: &'a NodeConfig, active: Vec<ActiveTask>) -> Self {
        let facts = &config.facts;
        #[expect(clippy::cast_precision_loss, reason = "megabytes of memory are far below 2^52")]
        let memory_gb = (facts.memory_mb > 0).then(|| facts.memory_mb as f64 / 1024.0);
        Self {
            node_id: &config.name.node_id,
            name: &config.name.service_name,
            node_type: "external_service",
            capabilities: Capabilities {
                task_types: config.task_types(),
                max_concurrent_tasks: config.max_concurrent_tasks,
                external_service: true,
                of_service: &config.capabilities,
                cpu_cores: facts.cpu_cores,
                memory_gb,
                gpu_memory_mb: facts.gpu_memory_mb,
                has_gpu: facts.has_gpu,
                available_models: &facts.models,
                tags: &facts.tags,
            },
            heartbeat_ms: milliseconds(config.heartbeat_interval),
            restart_aware: true,
            active,
        }
    }
}
