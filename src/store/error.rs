//! What can go wrong with the store, in words for the person who has to do something about it.

use std::io;

use thiserror::Error;

use super::bytes::Undecodable;
use super::kv::KvError;
use super::record::CodecError;
use crate::core::errors::{self, Code};
use crate::core::ids::{Seq, WorkflowId};
use crate::log::LogError;

#[derive(Debug, Error)]
pub enum StoreError {
    #[error("the store is frozen since {why}; it is rebuilt from the log at the next start")]
    Frozen { why: String },
    #[error(transparent)]
    Kv(#[from] KvError),
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(
        "workflow {workflow} refers to record {seq}, which does not hold its {what}; `gleitzeit store verify` tells more",
        seq = seq.0
    )]
    Misled { workflow: WorkflowId, seq: Seq, what: &'static str },
    #[error(
        "records {log} to before {store} were acknowledged and are no longer in the log: put the missing segments \
         back, or give those records up with `gleitzeit store repair --accept-loss`",
        store = store.0, log = log.0
    )]
    AheadOfLog { store: Seq, log: Seq },
    #[error("{doing} {path} failed: {source}")]
    Io { doing: &'static str, path: String, source: io::Error },
}

impl StoreError {
    /// Whether room on the disk is all that is missing.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Kv(error) => error.disk_full,
            Self::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            Self::Frozen { .. }
            | Self::Undecodable(_)
            | Self::Log(_)
            | Self::Codec(_)
            | Self::Misled { .. }
            | Self::AheadOfLog { .. } => false,
        }
    }

    /// The code of the catalogue under which a person reads of it.
    pub fn code(&self) -> Code {
        match self {
            _ if self.is_disk_full() => errors::DISK_SPACE_FULL,
            Self::AheadOfLog { .. } => errors::DATA_CORRUPTION,
            Self::Log(error) => error.code(),
            Self::Frozen { .. }
            | Self::Kv(_)
            | Self::Undecodable(_)
            | Self::Codec(_)
            | Self::Misled { .. }
            | Self::Io { .. } => errors::STORAGE_FAILED,
        }
    }
}

/// Whether the store takes what has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreHealth {
    Healthy,
    /// The disk is nearly full. Ended workflows stay in memory until there is room.
    WaitsForSpace,
    /// Writing failed. Nothing is archived any more; the log has everything.
    Frozen {
        why: String,
    },
}
