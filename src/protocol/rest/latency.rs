//! How long things take of late, and how the last hour went.

use serde::Serialize;
use utoipa::ToSchema;

/// Of the last five to ten minutes.
#[derive(Debug, Serialize, ToSchema)]
pub struct LatencyStats {
    pub window_seconds: f64,
    /// From the decision to offer an attempt until its worker's connection has it, the sync included.
    pub dispatch: Spread,
    /// One `fdatasync` of the log.
    pub sync: Spread,
    /// From being ready to being offered to a worker.
    pub queue_wait: Spread,
}

/// How values spread; nothing where there were none. Off by an eighth at most.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Spread {
    pub count: u64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// What a service did in the last five to ten minutes.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecentView {
    pub window_seconds: f64,
    pub completed: u64,
    pub failed: u64,
    /// The completed part of both, from 0 to 1; nothing where there were none.
    pub success_rate: Option<f64>,
    /// From the start of an attempt to its result.
    pub run: Spread,
    /// From an offer to its acceptance.
    pub round_trip: Spread,
}

/// The last hour in columns, the oldest sample first. A number counts what happened since the sample before; a null says
/// that there was nothing to measure, or that the engine did not answer in time.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct HistoryView {
    pub interval_ms: u64,
    /// The next `since`.
    pub until_ms: u64,
    /// Milliseconds since 1970.
    pub at_ms: Vec<u64>,
    /// Attempts that were offered to workers.
    pub started: Vec<u64>,
    pub completed: Vec<u64>,
    /// Tasks that failed for good.
    pub failed: Vec<u64>,
    pub workflows_ended: Vec<u64>,
    /// Ready tasks by priority, at the end of the interval.
    pub queued: QueuedColumns,
    pub running: Vec<Option<usize>>,
    pub live_workflows: Vec<Option<usize>>,
    pub dispatch_p50_ms: Vec<Option<f64>>,
    pub dispatch_p95_ms: Vec<Option<f64>>,
    pub sync_p99_ms: Vec<Option<f64>>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
pub struct QueuedColumns {
    pub urgent: Vec<Option<usize>>,
    pub high: Vec<Option<usize>>,
    pub normal: Vec<Option<usize>>,
    pub low: Vec<Option<usize>>,
}
