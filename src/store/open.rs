//! Opening the store. It always opens: what is not whole goes aside, and the log fills an empty one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{info, warn};

use super::error::StoreError;
use super::job::CheckpointInput;
use super::kv::{Kv, MemoryKv, SledKv};
use super::marker::{Left, Marker};
use super::views::{Store, StoreOptions};
use crate::core::ids::Seq;
use crate::log::LogRead;

/// Below the data directory.
pub(super) const DIRECTORY: &str = "store";
const ASIDE: &str = "store.damaged";

/// An open store and where the replay of the log begins.
#[derive(Debug)]
pub struct Opened {
    pub store: Arc<Store>,
    /// Nothing when the whole log has to be replayed.
    pub checkpoint: Option<CheckpointInput>,
}

impl Store {
    /// Opens the store in a data directory, whose lock the caller holds.
    ///
    /// # Errors
    /// When the log lacks what the store has seen, when the disk is full, or when not even an empty store can be
    /// made.
    pub fn open(data: &Path, log: &Arc<dyn LogRead>, options: StoreOptions) -> Result<Opened, StoreError> {
        let directory = data.join(DIRECTORY);
        let failure = match open_in(&directory, log, options) {
            Ok(opened) => return Ok(opened),
            // The files may well be whole, and there is no room for others.
            Err(failure) if failure.is_disk_full() => return Err(failure),
            // The store is right, and the log is not.
            Err(failure @ StoreError::AheadOfLog { .. }) => return Err(failure),
            Err(failure) => failure,
        };
        let aside = set_aside(data)?;
        warn!(%failure, aside = %aside.display(), "the store is made anew from the log");
        match open_in(&directory, log, options) {
            // What lies aside takes the room that the new one needs.
            Err(error) if error.is_disk_full() => {
                remove(&aside)?;
                open_in(&directory, log, options)
            }
            opened => opened,
        }
    }

    /// Opens a store in memory, for the simulation.
    ///
    /// # Errors
    /// When the log lacks what the store has seen.
    pub fn open_in_memory(
        kv: &Arc<MemoryKv>,
        log: &Arc<dyn LogRead>,
        options: StoreOptions,
    ) -> Result<Opened, StoreError> {
        let kv: Arc<dyn Kv> = Arc::<MemoryKv>::clone(kv);
        assemble(kv, log, options, Marker::none(), &Left::Suspect).or_else(|failure| {
            if matches!(failure, StoreError::AheadOfLog { .. }) {
                return Err(failure);
            }
            assemble(Arc::new(MemoryKv::new()), log, options, Marker::none(), &Left::Whole)
        })
    }
}

/// Removes the store of a data directory, whose lock the caller holds, so that the next start makes it anew.
///
/// # Errors
/// When the files cannot be removed.
pub fn discard(data: &Path) -> Result<(), StoreError> {
    remove(&data.join(DIRECTORY))
}

fn open_in(directory: &Path, log: &Arc<dyn LogRead>, options: StoreOptions) -> Result<Opened, StoreError> {
    fs::create_dir_all(directory).map_err(failed("making", directory))?;
    let marker = Marker::in_directory(directory);
    let left = marker.left().map_err(failed("reading the marker in", directory))?;
    if let Left::Frozen { why } = left {
        return Err(StoreError::Frozen { why });
    }
    let kv = Arc::new(SledKv::open(directory)?);
    marker.opened().map_err(failed("writing the marker in", directory))?;
    assemble(kv, log, options, marker, &left)
}

fn assemble(
    kv: Arc<dyn Kv>,
    log: &Arc<dyn LogRead>,
    options: StoreOptions,
    marker: Marker,
    left: &Left,
) -> Result<Opened, StoreError> {
    let store = Store::new(kv, Arc::clone(log), options, marker)?;
    if *left == Left::Suspect {
        store.check_content()?;
        info!(workflows = store.totals().workflows(), "the store survived a start of the machine whole");
    }
    let seen = store.checkpointed()?.max(Some(Seq(store.totals().next_seq)));
    if let Some(seen) = seen.filter(|seen| *seen > log.durable_end()) {
        return Err(StoreError::AheadOfLog { store: seen, log: log.durable_end() });
    }
    let checkpoint = store.load_checkpoint()?;
    Ok(Opened { store: Arc::new(store), checkpoint })
}

/// Keeps one damaged store, the latest, for whoever wants to look at it.
fn set_aside(data: &Path) -> Result<PathBuf, StoreError> {
    let (from, to) = (data.join(DIRECTORY), data.join(ASIDE));
    remove(&to)?;
    fs::rename(&from, &to).map_err(failed("moving aside", &from))?;
    Ok(to)
}

pub(super) fn remove(directory: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("removing", directory)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.display().to_string();
    move |source| StoreError::Io { doing, path, source }
}
