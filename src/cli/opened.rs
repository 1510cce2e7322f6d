//! What lies in a data directory, opened and brought up to the end of its log.

use std::path::Path;
use std::sync::Arc;

use tracing::warn;

use crate::core::state::State;
use crate::log::{Log, LogOptions, LogRead, OpenReport, SegmentLog};
use crate::store::{CheckpointInput, DataDir, Store, StoreOptions};

pub(super) struct Opened {
    pub data_dir: DataDir,
    pub log: SegmentLog,
    pub reader: Arc<dyn LogRead>,
    pub store: Arc<Store>,
    pub state: State,
    /// Records that were not in the checkpoint.
    pub replayed: u64,
}

impl Opened {
    /// # Errors
    /// When the directory is in use, damaged or too new.
    pub(super) fn open(path: &Path, segment_bytes: u64, idempotency_ms: u64) -> anyhow::Result<Self> {
        let data_dir = DataDir::open(path)?;
        let (mut log, report) =
            SegmentLog::open(&data_dir.log(), LogOptions::with_segment_size(segment_bytes)?)?;
        tell(&report);
        let reader = log.reader();
        let opened = Store::open(data_dir.path(), &reader, StoreOptions { idempotency_ms })?;
        let mut state = opened.checkpoint.map(CheckpointInput::restore).unwrap_or_default();
        let replayed = opened.store.replay(&mut state)?;
        // A run before this one may have ended between the release of old segments and their end.
        log.release(state.released)?;
        Ok(Self { data_dir, log, reader, store: opened.store, state, replayed })
    }
}

fn tell(report: &OpenReport) {
    if let Some(cut) = &report.cut {
        warn!(file = cut.file, offset = cut.offset, bytes = cut.bytes, reason = ?cut.reason, "the log's torn end was cut");
    }
}
