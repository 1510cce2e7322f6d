//! Deadlines and limits, in one table. All of them are settings; these are the defaults.

use std::time::Duration;

/// Every deadline of the engine, in milliseconds, and every limit of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From the assignment to `task:accepted`.
    pub accept_ms: u64,
    /// A worker whose connection broke keeps its attempts for this long.
    pub disconnect_grace_ms: u64,
    /// A worker that came back without saying what it still works on has this long to show it. Earlier clients count their tasks
    /// in heartbeats 30 s apart, the first of which comes a whole interval late; half an interval more is for a busy machine.
    pub confirm_ms: u64,
    /// A worker must be heard of at least this often, or every second of its own heartbeats if that is longer.
    pub liveness_ms: u64,
    /// A worker that was told to stop keeps its slot for this long unless it confirms.
    pub release_grace_ms: u64,
    /// First pause before the same task goes again to a worker that refused it; doubles.
    pub refusal_backoff_ms: u64,
    pub refusal_backoff_max_ms: u64,
    /// Lost attempts in a row after which a task fails with its history.
    pub lost_attempts_max: u32,
    /// How long an idempotency key is remembered.
    pub idempotency_ms: u64,
    /// Late reports that are kept as evidence for each task.
    pub late_evidence_max: u8,
    /// Attempts that one worker may hold, whatever it declares.
    pub worker_capacity_max: u32,
    /// Registered workers at once. 20,000 with 1 KiB of facts each stay within 20 MiB.
    pub workers_max: usize,
    pub result_bytes_max: usize,
    pub submission: SubmissionLimits,
    pub subscriptions: SubscriptionLimits,
}

/// What one submission may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionLimits {
    pub body_bytes_max: usize,
    pub json_depth_max: usize,
    pub name_bytes_max: usize,
    pub tasks_max: usize,
    pub dependencies_max: usize,
}

/// How patient webhook subscriptions are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionLimits {
    /// Each reads what happens for itself.
    pub count_max: usize,
    /// Tries for one end, the first included. With the pauses below these are five hours.
    pub tries_max: u32,
    /// The first pause; doubles.
    pub base_delay_ms: u64,
    pub max_delay_ms: u64,
    /// Ends in a row that were given up, after which a subscription is disabled: a day without an answer.
    pub given_up_max: u32,
}

impl Default for SubscriptionLimits {
    fn default() -> Self {
        Self { count_max: 50, tries_max: 16, base_delay_ms: 1_000, max_delay_ms: 3_600_000, given_up_max: 5 }
    }
}

/// How long the log is kept for a subscription whose cursor lags behind, so that a receiver that is down over a weekend
/// misses nothing, and one that never comes back does not fill the disk.
pub const SUBSCRIPTION_HOLD_MS: u64 = 72 * 60 * 60 * 1_000;

/// Consecutive failures that open a service's breaker. A constant, because replay must come to the same state.
pub const BREAKER_FAILURES: u32 = 5;
/// How long an open breaker stays open.
pub const BREAKER_OPEN_MS: u64 = 60_000;

/// The longest interval between two heartbeats: rarer ones would hide the end of a worker.
pub const HEARTBEAT_MS_MAX: u64 = 600_000;

/// The longest pause that a worker may ask for before the next try, unless the task's own policy has longer ones: it
/// is as much as most services ask of those who come too often, and a mistaken number does not park a task for ever.
pub const RETRY_AFTER_MS_MAX: u64 = 3_600_000;

/// A gap between two turns above this is a suspended process: nobody is blamed for silence during it.
pub const SUSPENSION_GAP: Duration = Duration::from_secs(1);

impl Default for Limits {
    fn default() -> Self {
        Self {
            accept_ms: 10_000,
            disconnect_grace_ms: 30_000,
            confirm_ms: 45_000,
            liveness_ms: 60_000,
            release_grace_ms: 30_000,
            refusal_backoff_ms: 100,
            refusal_backoff_max_ms: 5_000,
            lost_attempts_max: 5,
            idempotency_ms: 24 * 60 * 60 * 1_000,
            late_evidence_max: 8,
            worker_capacity_max: 1_000,
            workers_max: 20_000,
            result_bytes_max: 8 << 20,
            submission: SubmissionLimits::default(),
            subscriptions: SubscriptionLimits::default(),
        }
    }
}

impl Default for SubmissionLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 32 << 20,
            json_depth_max: 128,
            name_bytes_max: 256,
            tasks_max: 200_000,
            // A fan-in of 10,000 and a few more is a workflow that people run.
            dependencies_max: 20_000,
        }
    }
}
