//! `gleitzeit store`: the data directory, most often of a server that does not run.

mod backup;
mod compact;
mod dump;
mod repair;
mod restore;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::ensure;
use clap::{Args, Subcommand};

use super::Exit;
use crate::config::{DataConfig, RawConfig};
use crate::core::state::State;
use crate::log::{Log, LogOptions, LogRead, SegmentLog};
use crate::store::{self, CheckpointInput, DataDir, DataDirError, Opened, StoreOptions};

/// Look after a data directory: back it up, restore, check, repair, compact and print it.
#[derive(Debug, Args)]
pub(super) struct Store {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Backup(backup::Backup),
    Restore(restore::Restore),
    Verify(verify::Verify),
    Repair(repair::Repair),
    Compact(compact::Compact),
    Dump(dump::Dump),
}

impl Store {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match self.verb {
            Verb::Backup(backup) => backup.run(),
            Verb::Restore(restore) => restore.run(),
            Verb::Verify(verify) => verify.run(),
            Verb::Repair(repair) => repair.run(),
            Verb::Compact(compact) => compact.run(),
            Verb::Dump(dump) => dump.run(),
        }
    }
}

/// Which data directory.
#[derive(Debug, Args)]
struct Place {
    /// The data directory. [default: ./gleitzeit-data]
    #[arg(long, env = "GLEITZEIT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file of the server. [default: ./gleitzeit.toml if it exists]
    #[arg(long, env = "GLEITZEIT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    fn resolve(self) -> anyhow::Result<DataConfig> {
        Ok(RawConfig { data_dir: self.data_dir, config: self.config, ..RawConfig::default() }
            .resolve_data()?)
    }

    /// As [`Self::lock`], for what a server that runs can do as well.
    fn lock_or_ask_online(self) -> anyhow::Result<(DataDir, DataConfig)> {
        self.lock().map_err(|error| match error.downcast_ref::<DataDirError>() {
            Some(DataDirError::InUse { .. }) => error.context("add --online to ask the server that runs"),
            _ => error,
        })
    }

    /// Takes the lock of a directory that exists; nobody wants to look after a new one.
    fn lock(self) -> anyhow::Result<(DataDir, DataConfig)> {
        let config = self.resolve()?;
        let path = &config.data_dir;
        ensure!(
            path.join("FORMAT").exists(),
            "{} is not a data directory: it has no file FORMAT; name one with --data-dir",
            path.display()
        );
        Ok((DataDir::open(path)?, config))
    }
}

/// The log and the store, opened and brought up to date as a start would.
struct Whole {
    log: Arc<dyn LogRead>,
    store: Arc<store::Store>,
    state: State,
}

impl Whole {
    fn open(directory: &DataDir, config: &DataConfig) -> anyhow::Result<Self> {
        let options = LogOptions::with_segment_size(config.segment_size)?;
        let (log, _) = SegmentLog::open(&directory.log(), options)?;
        let log = log.reader();
        let options = StoreOptions { idempotency_ms: config.limits.idempotency_ms };
        let Opened { store, checkpoint } = store::Store::open(directory.path(), &log, options)?;
        let mut state = checkpoint.map(CheckpointInput::restore).unwrap_or_default();
        store.replay(&mut state)?;
        Ok(Self { log, store, state })
    }
}
