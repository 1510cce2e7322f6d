//! `store compact`: sled gives no space back to the disk, so the store is copied and swapped.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::error::StoreError;
use super::kv::{BATCH_KEYS_MAX, Direction, Kv, SledKv, WriteBatch};
use super::open::{DIRECTORY, Opened, failed, remove};
use super::views::{Store, StoreOptions};
use crate::log::LogRead;

const DRAFT: &str = "store.new";
const OLD: &str = "store.old";

/// What a compaction did, in bytes on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactReport {
    pub before: u64,
    pub after: u64,
}

/// Copies the store of a data directory, whose lock the caller holds, and puts the copy in its place. A cut between
/// the two leaves no store, which the next start makes anew from the log.
///
/// # Errors
/// When the store or the disk fails; the old store stays then.
pub fn compact(
    data: &Path,
    log: &Arc<dyn LogRead>,
    options: StoreOptions,
) -> Result<CompactReport, StoreError> {
    let (current, draft, old) = (data.join(DIRECTORY), data.join(DRAFT), data.join(OLD));
    remove(&draft)?;
    remove(&old)?;
    let Opened { store, checkpoint: _ } = Store::open(data, log, options)?;
    let before = size_of(&current)?;
    fs::create_dir(&draft).map_err(failed("making", &draft))?;
    let copy = SledKv::open(&draft)?;
    store.read(|kv| copy_all(kv, &copy))?;
    copy.sync()?;
    store.close()?;
    drop((copy, store));

    fs::rename(&current, &old).map_err(failed("moving", &current))?;
    fs::rename(&draft, &current).map_err(failed("moving", &draft))?;
    File::open(data).and_then(|directory| directory.sync_all()).map_err(failed("syncing", data))?;
    remove(&old)?;
    Ok(CompactReport { before, after: size_of(&current)? })
}

fn copy_all(from: &dyn Kv, to: &dyn Kv) -> Result<(), StoreError> {
    let mut batch = WriteBatch::default();
    let mut outcome = Ok(());
    from.range(&[], &[0xFF], Direction::Ascending, &mut |key, value| {
        batch.put(key.to_vec(), value.to_vec());
        if batch.len() >= BATCH_KEYS_MAX {
            outcome = to.apply(std::mem::take(&mut batch));
        }
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    outcome?;
    Ok(to.apply(batch)?)
}

fn size_of(directory: &Path) -> Result<u64, StoreError> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory).map_err(failed("listing", directory))? {
        let entry = entry.map_err(failed("listing", directory))?;
        let about = entry.metadata().map_err(failed("looking at", directory))?;
        bytes += if about.is_dir() { size_of(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}
