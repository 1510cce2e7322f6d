//! One service: takes tasks, completes them at once, and awaits the receipt of every result.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::tally::Tally;
use super::work::{Outcome, Parameters};
use crate::cli::bench::target::Address;
use crate::client::wire::{Ack, ConnectOptions, Connection, Event, Packet, Reader, Writer};
use crate::clock;

/// Each step of the handshake is one round trip.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Well within the liveness limit of any server.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A whole window of assignments is read with a few system calls.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// A registered connection.
#[derive(Debug)]
pub struct Service {
    reader: Reader,
    desk: Desk,
    heartbeat: Interval,
}

/// Everything but the reader, from which the packets are borrowed.
#[derive(Debug)]
struct Desk {
    writer: Writer,
    tally: Arc<Tally>,
    node_id: String,
    name: String,
    next_ack: u64,
    /// Results that were sent and not acknowledged yet.
    pending: FxHashMap<u64, Sent>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    n: u32,
    at: Instant,
}

/// What of `task:assign` is needed; the rest is skipped.
#[derive(Debug, Deserialize)]
struct Assign<'a> {
    #[serde(borrow)]
    task_id: Cow<'a, str>,
    #[serde(borrow)]
    workflow_id: Cow<'a, str>,
    attempt: u32,
    #[serde(borrow)]
    external_parameters: Parameters<'a>,
}

#[derive(Serialize)]
struct Accepted<'a> {
    task_id: &'a str,
    workflow_id: &'a str,
    attempt: u32,
    node_id: &'a str,
}

#[derive(Serialize)]
struct Completed<'a> {
    task_id: &'a str,
    workflow_id: &'a str,
    attempt: u32,
    node_id: &'a str,
    service_name: &'a str,
    result: Outcome<'a>,
}

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    ok: bool,
    #[serde(borrow, default)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

impl Service {
    /// Connects and registers; the service gets tasks from then on.
    pub async fn open(
        address: &Address,
        name: &str,
        node_id: String,
        window: usize,
        tally: Arc<Tally>,
    ) -> anyhow::Result<Self> {
        let opened = Self::open_without_limit(address, name, node_id, window, tally);
        tokio::time::timeout(HANDSHAKE_LIMIT, opened)
            .await
            .with_context(|| format!("a service was not registered within {HANDSHAKE_LIMIT:?}"))?
    }

    async fn open_without_limit(
        address: &Address,
        name: &str,
        node_id: String,
        window: usize,
        tally: Arc<Tally>,
    ) -> anyhow::Result<Self> {
        let mut options = ConnectOptions::new(address.url.as_str()).read_buffer_bytes(READ_BUFFER_BYTES);
        if let Some(trusted) = &address.tls {
            options = options.tls(trusted.tls.clone());
        }
        let (mut reader, mut writer) = Connection::open(&options).await?.split();
        if let Some(token) = &address.token {
            let hello = json!({
                "token": token, "client_type": "external_service", "service_name": name, "client_id": node_id,
            });
            writer.feed_event("authenticate", None, &hello).await?;
            writer.flush().await?;
            authenticated(&mut reader, &mut writer).await?;
        }
        let register = json!({
            "node_id": node_id,
            "name": name,
            "node_type": "external_service",
            "capabilities": {
                "task_types": ["external_custom", "custom_processing"],
                "max_concurrent_tasks": window,
                "external_service": true,
                "service_capabilities": ["custom_processing"],
            },
        });
        writer.feed_event("node:register", Some(0), &register).await?;
        writer.flush().await?;
        registered(&mut reader, &mut writer).await?;
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (name, pending) = (name.to_owned(), FxHashMap::default());
        let desk = Desk { writer, tally, node_id, name, next_ack: 1, pending };
        Ok(Self { reader, desk, heartbeat })
    }

    /// Works until it is told to stop, or until the connection ends, which breaks the scenario.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        if let Err(error) = self.work(&mut stop).await {
            self.desk.tally.broken(format!("{error:#}"));
        }
    }

    async fn work(&mut self, stop: &mut watch::Receiver<bool>) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                packet = self.reader.next() => {
                    let now = clock::instant();
                    self.desk.handle(packet?, now).await?;
                    // What else has arrived is answered with the same flush. The runtime's budget bounds it.
                    while let Some(packet) = self.reader.try_next() {
                        self.desk.handle(packet?, now).await?;
                    }
                    self.desk.writer.flush().await?;
                }
                _ = self.heartbeat.tick() => self.desk.beat().await?,
                _ = stop.changed() => return Ok(()),
            }
        }
    }
}

impl Desk {
    async fn handle(&mut self, packet: Packet<'_>, now: Instant) -> anyhow::Result<()> {
        match packet {
            Packet::Event(event) if event.name == "task:assign" => self.complete(&event, now).await,
            Packet::Event(event) if event.name == "task:cancel" => {
                self.tally.fault(format!("the server cancelled a task: {}", event.args.as_str()));
                Ok(())
            }
            Packet::Ack(ack) => self.receipt(&ack, now),
            Packet::Ping => Ok(self.writer.pong().await?),
            Packet::Close => bail!("the server closed the connection"),
            Packet::Disconnect { namespace } => bail!("the server closed the namespace {namespace}"),
            // What the server announces to everybody.
            Packet::Event(_)
            | Packet::Open(_)
            | Packet::Pong
            | Packet::Noop
            | Packet::Connect { .. }
            | Packet::ConnectError { .. } => Ok(()),
        }
    }

    async fn complete(&mut self, event: &Event<'_>, now: Instant) -> anyhow::Result<()> {
        let assign: Assign<'_> = event.args.first().context("an assignment cannot be read")?;
        let Assign { task_id, workflow_id, attempt, external_parameters: parameters } = &assign;
        self.tally.assigned(parameters, now);
        let (task_id, workflow_id, attempt) = (task_id.as_ref(), workflow_id.as_ref(), *attempt);
        let accepted = Accepted { task_id, workflow_id, attempt, node_id: &self.node_id };
        self.writer.feed_event("task:accepted", None, &accepted).await?;
        let completed = Completed {
            task_id,
            workflow_id,
            attempt,
            node_id: &self.node_id,
            service_name: &self.name,
            result: Outcome { n: parameters.n, data: Cow::Borrowed(&parameters.data) },
        };
        self.tally.completed(now);
        self.pending.insert(self.next_ack, Sent { n: parameters.n, at: now });
        self.writer.feed_event("task:completed", Some(self.next_ack), &completed).await?;
        self.next_ack += 1;
        Ok(())
    }

    fn receipt(&mut self, ack: &Ack<'_>, now: Instant) -> anyhow::Result<()> {
        let Some(sent) = self.pending.remove(&ack.id) else { return Ok(()) };
        let reply: Reply<'_> = ack.args.first().context("a receipt cannot be read")?;
        if reply.ok {
            self.tally.received(sent.n, sent.at, now);
        } else {
            let Reply { code, message, .. } = reply;
            self.tally.fault(format!("the result of task {} was refused: {code} {message}", sent.n));
        }
        Ok(())
    }

    async fn beat(&mut self) -> anyhow::Result<()> {
        let beat = json!({"node_id": self.node_id, "service_name": self.name, "status": "ready"});
        self.writer.feed_event("node:heartbeat", None, &beat).await?;
        self.writer.flush().await?;
        Ok(())
    }
}

async fn authenticated(reader: &mut Reader, writer: &mut Writer) -> anyhow::Result<()> {
    until(reader, writer, |packet| {
        let Packet::Event(event) = packet else { return None };
        match &*event.name {
            "authenticated" => Some(Ok(())),
            "authentication_failed" => {
                Some(Err(anyhow!("the server refused the key: {}", event.args.as_str())))
            }
            _ => None,
        }
    })
    .await
}

async fn registered(reader: &mut Reader, writer: &mut Writer) -> anyhow::Result<()> {
    until(reader, writer, |packet| {
        let Packet::Ack(ack) = packet else { return None };
        Some(match ack.args.first::<Reply<'_>>() {
            Ok(Reply { ok: true, .. }) => Ok(()),
            Ok(reply) => Err(anyhow!("the server refused a service: {} {}", reply.code, reply.message)),
            Err(error) => Err(anyhow!("the answer to a registration cannot be read: {error}")),
        })
    })
    .await
}

/// Reads until `answer` has found what it looks for.
async fn until(
    reader: &mut Reader,
    writer: &mut Writer,
    answer: impl Fn(&Packet<'_>) -> Option<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    loop {
        let packet = reader.next().await?;
        if matches!(packet, Packet::Ping) {
            writer.pong().await?;
        } else if let Some(found) = answer(&packet) {
            return found;
        }
    }
}
