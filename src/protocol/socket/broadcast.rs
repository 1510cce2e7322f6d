//! What everybody is told about workers.

use std::sync::Arc;

use serde::Serialize;

use crate::core::command::{WorkerFacts, WorkerKind, WorkerStatus};
use crate::core::ids::{Timestamp, WorkerId};
use crate::protocol::time::NaiveUtc;

/// The `node_type` of a worker.
pub(super) const fn node_type(kind: WorkerKind) -> &'static str {
    match kind {
        WorkerKind::Service => "external_service",
        WorkerKind::Executor => "executor",
        WorkerKind::BuiltIn => "built_in",
    }
}

/// `external_service:registered`.
#[derive(Debug, Serialize)]
pub struct ServiceRegistration<'a> {
    service_id: &'a str,
    service_name: &'a str,
    node_type: &'static str,
    capabilities: &'a [Arc<str>],
    task_types: Vec<&'a str>,
    max_concurrent_tasks: u32,
    timestamp: NaiveUtc,
}

impl<'a> ServiceRegistration<'a> {
    pub const EVENT: &'static str = "external_service:registered";

    pub fn new(facts: &'a WorkerFacts, at: Timestamp) -> Self {
        Self {
            service_id: &facts.worker.0,
            service_name: &facts.name,
            node_type: node_type(facts.kind),
            capabilities: &facts.capabilities,
            task_types: facts.task_types.iter().map(AsRef::as_ref).collect(),
            max_concurrent_tasks: facts.capacity,
            timestamp: NaiveUtc(at),
        }
    }
}

/// `external_service:disconnected`.
#[derive(Debug, Serialize)]
pub struct ServiceDeparture<'a> {
    service_id: &'a str,
    service_name: &'a str,
    node_type: &'static str,
    capabilities: &'a [Arc<str>],
    timestamp: NaiveUtc,
}

impl<'a> ServiceDeparture<'a> {
    pub const EVENT: &'static str = "external_service:disconnected";

    pub fn new(facts: &'a WorkerFacts, at: Timestamp) -> Self {
        Self {
            service_id: &facts.worker.0,
            service_name: &facts.name,
            node_type: node_type(facts.kind),
            capabilities: &facts.capabilities,
            timestamp: NaiveUtc(at),
        }
    }
}

/// `node:registered`.
#[derive(Debug, Serialize)]
pub struct NodeRegistration<'a> {
    node_id: &'a str,
    name: &'a str,
    node_type: &'static str,
    capabilities: NodeCapabilities<'a>,
    timestamp: NaiveUtc,
}

#[derive(Debug, Serialize)]
struct NodeCapabilities<'a> {
    task_types: Vec<&'a str>,
    available_models: Vec<&'a str>,
    max_concurrent_tasks: u32,
    has_gpu: bool,
    cpu_cores: u32,
    memory_gb: f64,
}

impl<'a> NodeRegistration<'a> {
    pub const EVENT: &'static str = "node:registered";

    pub fn new(facts: &'a WorkerFacts, at: Timestamp) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "megabytes of memory are far below 2^52")]
        let memory_gb = facts.memory_mb as f64 / 1_024.0;
        Self {
            node_id: &facts.worker.0,
            name: &facts.name,
            node_type: node_type(facts.kind),
            capabilities: NodeCapabilities {
                task_types: facts.task_types.iter().map(AsRef::as_ref).collect(),
                available_models: facts.models.iter().map(AsRef::as_ref).collect(),
                max_concurrent_tasks: facts.capacity,
                has_gpu: facts.has_gpu,
                cpu_cores: facts.cpu_cores,
                memory_gb,
            },
            timestamp: NaiveUtc(at),
        }
    }
}

/// `node:disconnected`.
#[derive(Debug, Serialize)]
pub struct NodeDeparture<'a> {
    node_id: &'a str,
    name: &'a str,
    node_type: &'static str,
    timestamp: NaiveUtc,
}

impl<'a> NodeDeparture<'a> {
    pub const EVENT: &'static str = "node:disconnected";

    pub fn new(facts: &'a WorkerFacts, at: Timestamp) -> Self {
        Self {
            node_id: &facts.worker.0,
            name: &facts.name,
            node_type: node_type(facts.kind),
            timestamp: NaiveUtc(at),
        }
    }
}

/// `node:status_change`.
#[derive(Debug, Serialize)]
pub struct StatusChange<'a> {
    node_id: &'a str,
    old_status: &'static str,
    new_status: &'static str,
    timestamp: NaiveUtc,
}

impl<'a> StatusChange<'a> {
    pub const EVENT: &'static str = "node:status_change";

    pub fn new(worker: &'a WorkerId, old: WorkerStatus, new: WorkerStatus, at: Timestamp) -> Self {
        Self { node_id: &worker.0, old_status: old.name(), new_status: new.name(), timestamp: NaiveUtc(at) }
    }
}
