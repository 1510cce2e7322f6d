//! Figures of the process and of the engine.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::latency::LatencyStats;
use super::words;

#[derive(Debug, Serialize, ToSchema)]
pub struct Stats {
    pub version: &'static str,
    pub pid: u32,
    pub uptime_seconds: f64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// User and system time since the start.
    pub cpu_seconds: f64,
    pub seq: u64,
    pub log: LogStats,
    pub disk: DiskStats,
    pub latency: LatencyStats,
    /// Workflows in memory, by status.
    pub workflows: BTreeMap<&'static str, usize>,
    pub live_workflows: usize,
    pub tasks: TaskStats,
    pub connected_services: usize,
    /// Ended workflows that wait for the store.
    pub archive_backlog: usize,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct LogStats {
    /// The first position that is kept; retention has released the ones before.
    pub first_seq: u64,
    /// The last position that is on the disk.
    pub durable_seq: u64,
    pub appended_bytes: u64,
    /// Group commits, each one sync.
    pub batches: u64,
    /// The disk is full: new work is refused.
    pub read_only: bool,
    pub check: LogCheckStats,
}

/// How far the log has been read again that nobody reads; a round a day.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogCheckStats {
    /// Of the round that is under way, or of the last one.
    pub checked_bytes: u64,
    /// Rounds since the start that came to their end.
    pub rounds: u64,
    pub damaged_segments: u64,
}

/// Bytes of the disk.
#[derive(Debug, Serialize, ToSchema)]
pub struct DiskStats {
    pub log_bytes: u64,
    pub store_bytes: u64,
    pub free_bytes: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TaskStats {
    /// Attempts that workers hold.
    pub running: usize,
    /// Slots in use: those, and attempts that workers were told to stop and may still run.
    pub leases: usize,
    /// By priority.
    pub queued: BTreeMap<&'static str, usize>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `healthy`, `degraded` or `unhealthy`.
    #[schema(schema_with = words::health)]
    pub status: &'static str,
    pub version: &'static str,
    pub read_only: bool,
    /// What is wrong, and what to do.
    pub problems: Vec<String>,
    /// What will be wrong if nobody does anything. A server is healthy with it.
    pub warnings: Vec<String>,
}
