//! `gleitzeit store compact`: giving back the disk that the store of ended workflows no longer needs.

use clap::Args;

use super::Place;
use crate::cli::output::{pairs, print};
use crate::cli::{Exit, telemetry};
use crate::log::{Log, LogOptions, SegmentLog};
use crate::store::{self, StoreOptions};

/// Copy the store of ended workflows into as little space as it needs.
///
/// Workflows that have expired leave their space to later ones, but the files never shrink by themselves. The copy
/// needs room beside the old store, which goes when the copy is whole.
#[derive(Debug, Args)]
pub(super) struct Compact {
    #[command(flatten)]
    place: Place,
}

impl Compact {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        telemetry::start_at("info");
        let (directory, config) = self.place.lock()?;
        let options = LogOptions::with_segment_size(config.segment_size)?;
        let (log, _) = SegmentLog::open(&directory.log(), options)?;
        let options = StoreOptions { idempotency_ms: config.limits.idempotency_ms };
        let report = store::compact(directory.path(), &log.reader(), options)?;
        let bytes = |bytes: u64| format!("{bytes} bytes");
        print(&pairs(&[("before", bytes(report.before)), ("after", bytes(report.after))]));
        Ok(Exit::Ok)
    }
}
