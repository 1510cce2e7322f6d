//! Workers as REST shows them: external services, executor nodes and the built-in executor.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::latency::RecentView;
use super::words;
use crate::core::command::WorkerKind;
use crate::core::state::Breaker;
use crate::protocol::time::Rfc3339;

#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceView {
    /// The `node_id` of its registration.
    pub id: Arc<str>,
    pub name: Arc<str>,
    /// `external_service`, `executor` or `built_in`.
    #[schema(schema_with = words::node_type)]
    pub node_type: &'static str,
    pub connected: bool,
    pub status: &'static str,
    pub draining: bool,
    pub task_types: Vec<Arc<str>>,
    pub capabilities: Vec<Arc<str>>,
    /// Attempts it may hold at once, as far as is known now.
    pub capacity: u32,
    pub active_tasks: usize,
    pub task_ids: Vec<String>,
    /// Over all workers of this name, from the log.
    pub tasks_completed: u64,
    pub tasks_failed: u64,
    pub average_run_ms: u64,
    /// `closed`, `open` or `half_open`.
    #[schema(schema_with = words::breaker)]
    pub breaker: &'static str,
    pub breaker_open_until: Option<Rfc3339>,
    /// Over all workers of this name.
    pub recent: RecentView,
    pub connected_at: Rfc3339,
    pub last_seen_at: Rfc3339,
    pub last_heartbeat_at: Option<Rfc3339>,
    /// Figures the service says of itself.
    pub reported: ReportedView,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReportedView {
    pub cpu_usage: f64,
    pub memory_usage: f64,
    pub tasks_completed: u64,
    pub tasks_failed: u64,
    pub uptime_seconds: f64,
}

/// A service that was here and is gone: no worker of its name is connected, or expected back.
#[derive(Debug, Serialize, ToSchema)]
pub struct GoneServiceView {
    pub name: Arc<str>,
    /// When its connection ended. Of one that only the log knows: when it reported last.
    pub last_seen_at: Rfc3339,
    /// `clean`, `drained`, `lost`, `refused` or `unreadable`; null, as are those that follow, of one that only the log knows,
    /// as one that went before the server was started.
    #[schema(schema_with = words::left)]
    pub left: Option<&'static str>,
    /// The `node_id` that it had.
    pub id: Option<Arc<str>>,
    /// `external_service` or `executor`.
    pub node_type: Option<&'static str>,
    pub task_types: Vec<Arc<str>>,
    pub capabilities: Vec<Arc<str>>,
    /// From the log.
    pub tasks_completed: u64,
    pub tasks_failed: u64,
}

/// One page of services, and with the first one those that are gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServicesView {
    /// In the order of their ids.
    pub items: Vec<ServiceView>,
    /// Pass it as `cursor` to read on; null at the end.
    pub next_cursor: Option<String>,
    /// The latest 100, the one that was seen last first; none on further pages.
    pub gone: Vec<GoneServiceView>,
}

/// The word for a kind of worker.
pub const fn node_type(kind: WorkerKind) -> &'static str {
    match kind {
        WorkerKind::BuiltIn => "built_in",
        WorkerKind::Executor => "executor",
        WorkerKind::Service => "external_service",
    }
}

/// The word for a breaker's state, and until when it is open.
pub fn breaker(breaker: Breaker) -> (&'static str, Option<Rfc3339>) {
    match breaker {
        Breaker::Closed => ("closed", None),
        Breaker::Open { until } => ("open", Some(Rfc3339(until))),
        Breaker::HalfOpen => ("half_open", None),
    }
}
