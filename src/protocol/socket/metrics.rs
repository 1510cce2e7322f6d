//! Figures for monitors. Numbers are numbers, never null.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::broadcast::node_type;
use crate::core::command::{Reported, WorkerFacts, WorkerStatus};
use crate::core::ids::Timestamp;
use crate::protocol::time::NaiveUtc;

/// The seconds between two updates of a subscription.
pub const UPDATE_INTERVAL_SECONDS: f64 = 2.0;

/// One picture of the whole.
#[derive(Debug, Serialize)]
pub struct Metrics<'a> {
    pub timestamp: NaiveUtc,
    pub cluster_metrics: ClusterMetrics,
    pub node_metrics: Vec<NodeMetrics<'a>>,
    pub queue_metrics: QueueMetrics,
    pub system_metrics: SystemMetrics,
    pub aggregate_metrics: AggregateMetrics,
}

impl Metrics<'_> {
    pub const EVENT: &'static str = "monitor:metrics_update";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClusterMetrics {
    pub connected_clients: usize,
    pub executor_nodes: usize,
    pub external_service_nodes: usize,
    pub active_workflows: usize,
    pub monitoring_clients: usize,
}

#[derive(Debug, Serialize)]
pub struct NodeMetrics<'a> {
    node_id: &'a str,
    name: &'a str,
    node_type: &'static str,
    status: &'static str,
    cpu_usage: f64,
    memory_usage: f64,
    active_tasks: usize,
    max_tasks: u32,
    last_heartbeat: NaiveUtc,
    has_gpu: bool,
    uptime_seconds: f64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    service: Option<ServiceMetrics<'a>>,
}

/// What only services have.
#[derive(Debug, Serialize)]
pub struct ServiceMetrics<'a> {
    capabilities: &'a [Arc<str>],
    tasks_completed: u64,
    tasks_failed: u64,
}

impl<'a> ServiceMetrics<'a> {
    pub const fn new(facts: &'a WorkerFacts, (tasks_completed, tasks_failed): (u64, u64)) -> Self {
        Self { capabilities: facts.capabilities.as_slice(), tasks_completed, tasks_failed }
    }
}

impl<'a> NodeMetrics<'a> {
    pub fn new(
        facts: &'a WorkerFacts,
        (status, reported): (WorkerStatus, &Reported),
        (active_tasks, max_tasks): (usize, u32),
        last_heartbeat: Timestamp,
        service: Option<ServiceMetrics<'a>>,
    ) -> Self {
        Self {
            node_id: &facts.worker.0,
            name: &facts.name,
            node_type: node_type(facts.kind),
            status: status.name(),
            cpu_usage: reported.cpu_usage,
            memory_usage: reported.memory_usage,
            active_tasks,
            max_tasks,
            last_heartbeat: NaiveUtc(last_heartbeat),
            has_gpu: facts.has_gpu,
            uptime_seconds: reported.uptime_seconds,
            service,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QueueMetrics {
    urgent_queue: usize,
    high_queue: usize,
    normal_queue: usize,
    low_queue: usize,
    total_queued: usize,
}

impl From<[usize; 4]> for QueueMetrics {
    /// Waiting tasks, from urgent to low.
    fn from([urgent_queue, high_queue, normal_queue, low_queue]: [usize; 4]) -> Self {
        let total_queued = urgent_queue + high_queue + normal_queue + low_queue;
        Self { urgent_queue, high_queue, normal_queue, low_queue, total_queued }
    }
}

/// Percentages of the machine that the server runs on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SystemMetrics {
    pub server_cpu: f64,
    pub server_memory: f64,
    pub server_disk: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AggregateMetrics {
    avg_node_cpu: f64,
    avg_node_memory: f64,
    total_active_tasks: usize,
    /// Share of all slots that are taken, in percent.
    cluster_utilization: f64,
}

impl AggregateMetrics {
    pub fn of(nodes: &[NodeMetrics<'_>]) -> Self {
        let total_active_tasks = nodes.iter().map(|node| node.active_tasks).sum();
        let slots: usize = nodes.iter().map(|node| node.max_tasks as usize).sum();
        let count = nodes.len();
        Self {
            avg_node_cpu: share(nodes.iter().map(|node| node.cpu_usage).sum(), count),
            avg_node_memory: share(nodes.iter().map(|node| node.memory_usage).sum(), count),
            total_active_tasks,
            cluster_utilization: share(as_f64(total_active_tasks) * 100.0, slots),
        }
    }
}

/// Nothing among nobody is nothing.
fn share(sum: f64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { sum / as_f64(count) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of nodes and tasks are far below 2^52")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

/// `cluster:stats_response`.
#[derive(Debug, Serialize)]
pub struct ClusterStats<'a> {
    pub connected_clients: usize,
    pub authenticated_clients: usize,
    pub executor_nodes: usize,
    pub external_services: usize,
    pub active_workflows: usize,
    pub timestamp: NaiveUtc,
    /// Null where the client sent none.
    pub request_id: Option<&'a RawValue>,
}

impl ClusterStats<'_> {
    pub const EVENT: &'static str = "cluster:stats_response";
}

/// `monitor:initial_metrics`.
#[derive(Debug, Serialize)]
pub struct InitialMetrics<'a> {
    pub metrics: &'a Metrics<'a>,
    pub subscription_types: Vec<&'static str>,
    pub update_interval_seconds: f64,
}

impl InitialMetrics<'_> {
    pub const EVENT: &'static str = "monitor:initial_metrics";
}

/// `monitor:subscribed`.
#[derive(Debug, Serialize)]
pub struct Subscribed {
    pub types: Vec<&'static str>,
    pub update_interval_seconds: f64,
}

impl Subscribed {
    pub const EVENT: &'static str = "monitor:subscribed";
}

/// `monitor:unsubscribed`.
#[derive(Debug, Serialize)]
pub struct Unsubscribed {}

impl Unsubscribed {
    pub const EVENT: &'static str = "monitor:unsubscribed";
}

/// `monitor:metrics_response`.
#[derive(Debug, Serialize)]
pub struct MetricsResponse<'a> {
    pub current_metrics: &'a Metrics<'a>,
    /// Earlier pictures as they were sent, the oldest first.
    pub historical_metrics: &'a [Arc<RawValue>],
    pub timestamp: NaiveUtc,
}

impl MetricsResponse<'_> {
    pub const EVENT: &'static str = "monitor:metrics_response";
}

/// `monitor:task_metrics`: what an executor node sent with its heartbeat.
#[derive(Debug, Serialize)]
pub struct TaskMetrics<'a> {
    pub node_id: &'a str,
    pub task_metrics: &'a RawValue,
    pub timestamp: NaiveUtc,
}

impl TaskMetrics<'_> {
    pub const EVENT: &'static str = "monitor:task_metrics";
}
