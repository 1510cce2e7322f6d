//! Why an attempt came to nothing.

use serde::{Deserialize, Serialize};

use crate::core::ids::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LostReason {
    /// The worker's connection broke and did not come back in time.
    Disconnected,
    /// The worker was connected but silent.
    Silent,
    /// Not accepted in time.
    NotAccepted,
    /// The worker came back without it.
    Forgotten,
    /// The worker stopped it although nobody had asked.
    Abandoned,
    /// The worker came back and did not say that it still works on it.
    Unconfirmed,
}

impl LostReason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Silent => "silent",
            Self::NotAccepted => "not_accepted",
            Self::Forgotten => "forgotten",
            Self::Abandoned => "abandoned",
            Self::Unconfirmed => "unconfirmed",
        }
    }

    pub const fn text(self) -> &'static str {
        match self {
            Self::Disconnected => "the worker's connection broke and did not come back in time",
            Self::Silent => "the worker was silent for longer than its limit",
            Self::NotAccepted => "the worker did not accept the task in time",
            Self::Forgotten => "the worker came back without the task",
            Self::Abandoned => "the worker stopped the task although nobody had asked",
            Self::Unconfirmed => "the worker came back and did not say that it still works on the task",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RefusalReason {
    AtCapacity,
    NoHandler,
    /// Its connection had no room for the assignment.
    NoRoom,
    /// What it would need is not to be had before.
    Postponed {
        until: Timestamp,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LateOutcome {
    Completed,
    Failed,
}
