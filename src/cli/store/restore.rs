//! `gleitzeit store restore`: a data directory out of a backup.

use std::path::PathBuf;

use clap::Args;

use super::Place;
use crate::cli::output::{pairs, print};
use crate::cli::{Exit, telemetry};
use crate::core::ids::Timestamp;
use crate::log::LogOptions;
use crate::protocol::time::Rfc3339;
use crate::store::StoreOptions;
use crate::store::backup::{Moment, restore};

/// Make a data directory out of a backup.
///
/// Every checksum is compared before anything is written, and the directory must be empty or not there yet. The state is
/// rebuilt and checked; only then does the directory become one that a server starts with. Do not let the old server and
/// the restored one serve the same services.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup.
    file: PathBuf,
    /// Restore the state as of this event, or as of this time, such as 2026-01-31T23:59:00Z.
    #[arg(long, value_name = "SEQ|TIME", value_parser = moment)]
    as_of: Option<Moment>,
    #[command(flatten)]
    place: Place,
}

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        telemetry::start_at("info");
        let config = self.place.resolve()?;
        let log = LogOptions::with_segment_size(config.segment_size)?;
        let options = StoreOptions { idempotency_ms: config.limits.idempotency_ms };
        let moment = self.as_of.unwrap_or(Moment::Latest);
        let restored = restore(&self.file, &config.data_dir, moment, log, options)?;
        print(&pairs(&[
            ("data directory", config.data_dir.display().to_string()),
            ("last event", format!("{} at {}", restored.seq, Rfc3339(restored.at))),
            ("workflows", format!("{} in memory, {} archived", restored.live, restored.archived)),
            ("state", restored.digest),
            ("taken at", restored.manifest.taken_at),
        ]));
        Ok(Exit::Ok)
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(seq) = text.parse() {
        return Ok(Moment::Seq(seq));
    }
    let time: jiff::Timestamp = text.parse().map_err(|error| {
        format!(
            "neither the number of an event nor a time with its zone, such as 2026-01-31T23:59:00Z ({error})"
        )
    })?;
    let ms = u64::try_from(time.as_millisecond()).map_err(|_| "a time before 1970".to_owned())?;
    Ok(Moment::Time(Timestamp(ms)))
}
