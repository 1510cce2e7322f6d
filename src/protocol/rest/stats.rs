//! Figures of the process and of the engine.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Serialize)]
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
    /// Workflows in memory, by status.
    pub workflows: BTreeMap<&'static str, usize>,
    pub live_workflows: usize,
    pub tasks: TaskStats,
    pub connected_services: usize,
    /// Ended workflows that wait for the store.
    pub archive_backlog: usize,
}

#[derive(Debug, Serialize)]
pub struct LogStats {
    /// The last position that is on the disk.
    pub durable_seq: u64,
    pub appended_bytes: u64,
    /// Group commits, each one sync.
    pub batches: u64,
    /// The disk is full: new work is refused.
    pub read_only: bool,
}

#[derive(Debug, Serialize)]
pub struct TaskStats {
    pub running: usize,
    /// By priority.
    pub queued: BTreeMap<&'static str, usize>,
}

#[derive(Debug, Serialize)]
pub struct Health {
    /// `healthy`, `degraded` or `unhealthy`.
    pub status: &'static str,
    pub version: &'static str,
    pub read_only: bool,
    /// What is wrong, and what to do.
    pub problems: Vec<String>,
}
