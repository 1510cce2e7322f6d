//! Figures for monitors: a picture every two seconds while anybody wants them, and half an hour of them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::Notify;
use tracing::debug;

use super::Server;
use crate::core::command::{WorkerKind, WorkerStatus};
use crate::core::ids::SessionId;
use crate::core::ids::Timestamp;
use crate::core::rejection::Rejection;
use crate::engine::{EnginePicture, WorkerPicture};
use crate::protocol::socket::{
    AggregateMetrics, ClusterMetrics, Metrics, NodeMetrics, ServiceMetrics, SystemMetrics,
    UPDATE_INTERVAL_SECONDS,
};
use crate::protocol::time::NaiveUtc;
use crate::{clock, process};

const HISTORY: Duration = Duration::from_mins(30);
/// The history of thousands of nodes is shorter than half an hour.
const HISTORY_BYTES_MAX: usize = 8 << 20;

#[derive(Debug)]
pub(super) struct Monitor {
    inner: Mutex<Inner>,
    /// Somebody wants figures after nobody did.
    wanted: Notify,
}

#[derive(Debug)]
struct Inner {
    subscribers: BTreeSet<SessionId>,
    history: VecDeque<Sample>,
    history_bytes: usize,
    /// When figures were last asked for.
    asked_at: Option<Instant>,
    cpu: CpuMeter,
}

#[derive(Debug)]
struct Sample {
    at: Instant,
    metrics: Arc<RawValue>,
}

impl Monitor {
    pub(super) fn new() -> Self {
        let inner = Inner {
            subscribers: BTreeSet::new(),
            history: VecDeque::new(),
            history_bytes: 0,
            asked_at: None,
            cpu: CpuMeter::start(),
        };
        Self { inner: Mutex::new(inner), wanted: Notify::new() }
    }

    /// Figures are gathered from now on, for as long as the history is.
    pub(super) fn note_interest(&self) {
        self.lock().asked_at = Some(clock::instant());
        self.wanted.notify_one();
    }

    pub(super) fn subscribe(&self, session: SessionId) {
        self.lock().subscribers.insert(session);
        self.note_interest();
    }

    pub(super) fn unsubscribe(&self, session: SessionId) {
        self.lock().subscribers.remove(&session);
    }

    pub(super) fn history(&self, span: Duration) -> Vec<Arc<RawValue>> {
        let now = clock::instant();
        let inner = self.lock();
        let recent = inner.history.iter().filter(|sample| now.duration_since(sample.at) <= span);
        recent.map(|sample| Arc::clone(&sample.metrics)).collect()
    }

    fn subscribed(&self) -> usize {
        self.lock().subscribers.len()
    }

    /// `tell` only queues. Nobody unsubscribes in the middle, so that nothing follows the answer to that.
    fn each_subscriber(&self, tell: impl FnMut(SessionId)) {
        self.lock().subscribers.iter().copied().for_each(tell);
    }

    fn is_wanted(&self) -> bool {
        let inner = self.lock();
        let recently = |at: Instant| clock::instant().duration_since(at) <= HISTORY;
        !inner.subscribers.is_empty() || inner.asked_at.is_some_and(recently)
    }

    fn remember(&self, metrics: Arc<RawValue>) {
        let now = clock::instant();
        let mut inner = self.lock();
        inner.history_bytes += metrics.get().len();
        inner.history.push_back(Sample { at: now, metrics });
        while let Some(oldest) = inner.history.front() {
            let too_old = now.duration_since(oldest.at) > HISTORY;
            if !too_old && inner.history_bytes <= HISTORY_BYTES_MAX {
                break;
            }
            inner.history_bytes -= oldest.metrics.get().len();
            inner.history.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs for as long as the server; sleeps while nobody wants figures.
pub(super) async fn sample(server: Arc<Server>) {
    loop {
        while !server.monitor.is_wanted() {
            server.monitor.wanted.notified().await;
        }
        match look(&server).await {
            Ok(seen) => publish(&server, &seen),
            Err(rejection) => debug!(%rejection, "no figures for the monitors"),
        }
        tokio::time::sleep(Duration::from_secs_f64(UPDATE_INTERVAL_SECONDS)).await;
    }
}

/// What the figures are made of, as it stands.
pub(super) struct Seen {
    engine: EnginePicture,
    workers: Vec<WorkerPicture>,
}

impl Seen {
    pub(super) fn at(&self) -> Timestamp {
        self.engine.now
    }
}

pub(super) async fn look(server: &Server) -> Result<Seen, Rejection> {
    Ok(Seen { engine: server.engine.picture().await?, workers: server.engine.workers().await? })
}

fn publish(server: &Server, seen: &Seen) {
    let metrics: Arc<RawValue> =
        to_raw_value(&metrics(server, seen)).expect("figures have string keys, so they are JSON").into();
    server.monitor.remember(Arc::clone(&metrics));
    server.monitor.each_subscriber(|subscriber| {
        if let Some(connection) = server.sessions.get(subscriber) {
            connection.emit_volatile(Metrics::EVENT, &*metrics);
        }
    });
}

/// The whole, as it stands.
pub(super) fn metrics<'p>(server: &Server, seen: &'p Seen) -> Metrics<'p> {
    let Seen { engine, workers } = seen;
    let outside =
        workers.iter().filter(|worker| worker.connected && worker.facts.kind != WorkerKind::BuiltIn);
    let nodes: Vec<NodeMetrics<'p>> = outside.map(node).collect();
    Metrics {
        timestamp: NaiveUtc(engine.now),
        cluster_metrics: ClusterMetrics {
            connected_clients: server.sessions.count(),
            executor_nodes: engine.executors,
            external_service_nodes: engine.services,
            active_workflows: engine.live_workflows,
            monitoring_clients: server.monitor.subscribed(),
        },
        queue_metrics: engine.queued.into(),
        system_metrics: server.system_metrics(),
        aggregate_metrics: AggregateMetrics::of(&nodes),
        node_metrics: nodes,
    }
}

fn node(worker: &WorkerPicture) -> NodeMetrics<'_> {
    let reported = &worker.reported;
    let service = (worker.facts.kind == WorkerKind::Service)
        .then(|| ServiceMetrics::new(&worker.facts, (reported.tasks_completed, reported.tasks_failed)));
    let status = if worker.drained { WorkerStatus::Draining } else { worker.status };
    NodeMetrics::new(
        &worker.facts,
        (status, reported),
        (worker.held.len(), worker.capacity),
        worker.last_heartbeat.unwrap_or(worker.connected_at),
        service,
    )
}

impl Server {
    fn system_metrics(&self) -> SystemMetrics {
        let mut inner = self.monitor.lock();
        SystemMetrics {
            server_cpu: inner.cpu.percent(),
            server_memory: process::memory_percent(),
            server_disk: process::disk_percent(&self.config.data_dir),
        }
    }
}

/// The share of the machine's processors that this process used lately.
#[derive(Debug)]
struct CpuMeter {
    at: Instant,
    seconds: f64,
    percent: f64,
}

/// Ticks of the system are 10 ms, so a share over less than this means nothing.
const CPU_SPAN_MIN: Duration = Duration::from_secs(1);

impl CpuMeter {
    fn start() -> Self {
        Self { at: clock::instant(), seconds: process::cpu_seconds(), percent: 0.0 }
    }

    fn percent(&mut self) -> f64 {
        let now = clock::instant();
        let span = now.duration_since(self.at);
        if span >= CPU_SPAN_MIN {
            let seconds = process::cpu_seconds();
            let available = span.as_secs_f64() * process::processors();
            self.percent = (100.0 * (seconds - self.seconds) / available).clamp(0.0, 100.0);
            (self.at, self.seconds) = (now, seconds);
        }
        self.percent
    }
}
