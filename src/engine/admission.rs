//! What is taken while there is no room for everything.

use crate::core::command::Command;
use crate::core::errors;
use crate::core::rejection::Rejection;
use crate::core::state::State;
use crate::core::subscription::SubscriptionOrder;
use crate::log::Lack;

/// Whether new work is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Open,
    /// The disk is full: nothing is offered to workers, and reports of running work are taken as long as the
    /// `room` in the reserve of the log lasts.
    DiskFull {
        room: u64,
        lack: Lack,
    },
    /// The store lags too far behind.
    StoreLags,
}

/// Parts of the largest record, which is three quarters of a segment and no more than three times the reserve of a
/// disk that has just become full. The first half of that reserve is for everybody; the second half is for
/// reports; the last of it, some hundred small records even in the smallest segments, is for what follows from them
/// and from a start: workflows that end.
const PART_FOR_REPORTS: u64 = 6;
const PART_FOR_THE_ENGINE: u64 = 48;

/// What a command is to a full disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    NewWork,
    /// Of running work, or needed to hear of it, or what gives space back.
    Report,
    Other,
}

impl Kind {
    pub(super) fn of(command: &Command, state: &State) -> Self {
        match command {
            Command::SubmitWorkflow { .. }
            | Command::ImportWorkflow { .. }
            | Command::RetryWorkflow { .. }
            | Command::RetryTask { .. }
            | Command::SettleTask { .. }
            | Command::OrderSubscription {
                order: SubscriptionOrder::Create { .. } | SubscriptionOrder::Change { .. },
                ..
            } => Self::NewWork,
            // Somebody who held work before the connection or the process broke comes back to report it.
            Command::RegisterWorker { session, facts, .. } => {
                let known = session.is_built_in() || state.workers.contains_key(&facts.worker);
                if known { Self::Report } else { Self::Other }
            }
            Command::Heartbeat { .. }
            | Command::SetWorkerStatus { .. }
            | Command::DrainWorker { .. }
            | Command::Disconnect { .. }
            | Command::AcceptTask { .. }
            | Command::ReportProgress { .. }
            | Command::CompleteTask { .. }
            | Command::RefuseResult { .. }
            | Command::FailTask { .. }
            | Command::RecordDelivery { .. }
            | Command::TakeCallback { .. }
            | Command::FailDispatch { .. }
            | Command::ReturnAttempt { .. }
            | Command::ReleaseLog { .. } => Self::Report,
            Command::CancelWorkflow { .. }
            | Command::PauseWorkflow { .. }
            | Command::ResumeWorkflow { .. }
            | Command::CancelTask { .. }
            | Command::CarryPayloads { .. }
            | Command::CarryArchived { .. }
            | Command::CarryLive { .. }
            | Command::CarryServices
            | Command::OrderAccess { .. }
            | Command::OrderSubscription {
                order:
                    SubscriptionOrder::Pause
                    | SubscriptionOrder::Resume { .. }
                    | SubscriptionOrder::Delete
                    | SubscriptionOrder::RecordTry { .. }
                    | SubscriptionOrder::Pass { .. }
                    | SubscriptionOrder::Miss { .. },
                ..
            } => Self::Other,
        }
    }

    /// How much of the reserve must be left after such a command.
    pub(super) const fn keeps_free(self, record_bytes_max: u64) -> u64 {
        match self {
            Self::NewWork | Self::Other => record_bytes_max / PART_FOR_REPORTS,
            Self::Report => record_bytes_max / PART_FOR_THE_ENGINE,
        }
    }
}

impl Admission {
    /// New work is refused while there is no room for it; reports of running work never are.
    pub(super) fn admit(self, kind: Kind) -> Result<(), Rejection> {
        match (self, kind) {
            (Self::Open, _) | (_, Kind::Report | Kind::Other) => Ok(()),
            (Self::DiskFull { lack, .. }, Kind::NewWork) => Err(disk_full(lack)),
            (Self::StoreLags, Kind::NewWork) => Err(Rejection::new(
                errors::OVERLOADED,
                "finished workflows arrive faster than they can be archived; send the request again",
            )
            .retry_after(1_000)),
        }
    }

    /// Takes `bytes` of the room, unless less than `kept` would be left. What writes nothing needs none.
    pub(super) fn take(&mut self, bytes: u64, kept: u64) -> Result<(), Rejection> {
        match self {
            Self::DiskFull { room, lack } if bytes > 0 => {
                let left = room.checked_sub(bytes).filter(|left| *left >= kept);
                let left = left.ok_or_else(|| disk_full(*lack))?;
                *room = left;
                Ok(())
            }
            Self::DiskFull { .. } | Self::Open | Self::StoreLags => Ok(()),
        }
    }

    /// Whether the engine does more than it is asked for. A full disk has room for the reports of what runs already: what
    /// is offered would have to be reported too, and a deadline may have any number of tasks end. A turn that does not
    /// fit holds up all answers behind it, so that deadlines wait for the space that somebody makes.
    pub(super) const fn decides(self) -> bool {
        match self {
            Self::Open | Self::StoreLags => true,
            Self::DiskFull { .. } => false,
        }
    }
}

fn disk_full(lack: Lack) -> Rejection {
    let (code, message) = match lack {
        Lack::Space => (
            errors::DISK_SPACE_FULL,
            "the disk of the data directory is full: free some space and send the request again",
        ),
        Lack::Descriptors => (
            errors::OVERLOADED,
            "the server may open no more files: its connections have used up its descriptors (LimitNOFILE, \
             connections.max); send the request again when some have ended",
        ),
    };
    Rejection::new(code, message).retry_after(5_000)
}
