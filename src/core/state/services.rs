//! Totals and breakers per service name, folded from the reports.

use serde::{Deserialize, Serialize};

use crate::core::ids::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceTotals {
    pub completed: u64,
    pub failed: u64,
    /// Sum of the run times of completed attempts.
    pub run_ms: u64,
    pub consecutive_failures: u32,
    /// The breaker's pause ends here. Afterwards one attempt at a time tells whether the service works again.
    pub open_until: Option<Timestamp>,
    pub last_seen_at: Timestamp,
}

/// Whether a service is given work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    Closed,
    Open {
        until: Timestamp,
    },
    /// One attempt at a time.
    HalfOpen,
}

impl ServiceTotals {
    pub fn breaker(&self, now: Timestamp) -> Breaker {
        match self.open_until {
            None => Breaker::Closed,
            Some(until) if until > now => Breaker::Open { until },
            Some(_) => Breaker::HalfOpen,
        }
    }
}
