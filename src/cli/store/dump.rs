//! `gleitzeit store dump`: what is stored, as JSON lines.

use std::io::{self, BufWriter, Write};

use clap::Args;

use super::{Place, Whole};
use crate::cli::{Exit, telemetry};
use crate::core::ids::Seq;
use crate::store::{StoreError, dump_log};

/// Print the log as JSON, one record a line; with --archive the workflows that have ended instead.
#[derive(Debug, Args)]
pub(super) struct Dump {
    /// The first record that is wanted.
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    since: u64,
    /// Print the archived workflows, the earliest first.
    #[arg(long, conflicts_with = "since")]
    archive: bool,
    #[command(flatten)]
    place: Place,
}

impl Dump {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        telemetry::start_at("info");
        let (directory, config) = self.place.lock()?;
        let whole = Whole::open(&directory, &config)?;
        let mut out = BufWriter::new(io::stdout().lock());
        let dumped = if self.archive {
            whole.store.dump(&mut out)
        } else {
            dump_log(&*whole.log, Seq(self.since), &mut out)
        };
        let flushed = out.flush();
        whole.store.close()?;
        match dumped {
            // Whoever read it has gone, as `head` does.
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(Exit::Ok);
            }
            other => other?,
        };
        flushed?;
        Ok(Exit::Ok)
    }
}
