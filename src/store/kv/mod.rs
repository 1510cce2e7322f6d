//! The seam below the store: ordered keys and values, in sled or in a simulated memory.

mod memory;
mod sled;

use std::fmt;
use std::ops::ControlFlow;

pub use memory::{MemoryFaults, MemoryKv, Surviving};
pub use sled::SledKv;

/// Larger values would spill into files of their own, which sled never syncs: a leaf holds up to 17 of them and
/// must stay below a quarter of its 512 KiB segments.
pub const VALUE_BYTES_MAX: usize = 4_096;
/// sled holds a process-wide lock while it applies a batch, and a large one would stall every reader.
pub const BATCH_KEYS_MAX: usize = 100;

/// What went wrong below the store. A panic of sled is one of these too.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{doing} failed: {reason}")]
pub struct KvError {
    pub doing: &'static str,
    pub reason: String,
    /// The disk had no room, so that the files themselves may well be whole.
    pub disk_full: bool,
}

impl KvError {
    pub fn new(doing: &'static str, reason: impl fmt::Display) -> Self {
        Self { doing, reason: reason.to_string(), disk_full: false }
    }
}

/// Changes that happen together or not at all. A later change of a key replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteBatch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl WriteBatch {
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        debug_assert!(value.len() <= VALUE_BYTES_MAX, "a value of {} bytes", value.len());
        self.changes.push((key, Some(value)));
    }

    pub fn remove(&mut self, key: Vec<u8>) {
        self.changes.push((key, None));
    }

    pub const fn len(&self) -> usize {
        self.changes.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// Looks at one key and its value.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Ordered keys and values. What was applied is seen at once; it survives a power cut after the next sync.
pub trait Kv: Send + Sync + fmt::Debug {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError>;

    /// Shows the keys from `from` up to but not including `to`, until `visit` breaks.
    fn range(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), KvError>;

    fn apply(&self, batch: WriteBatch) -> Result<(), KvError>;

    /// Returns when the disk has everything that was applied.
    fn sync(&self) -> Result<(), KvError>;
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// The first pair of a range in the given direction.
pub fn first(kv: &dyn Kv, from: &[u8], to: &[u8], direction: Direction) -> Result<Option<Pair>, KvError> {
    let mut found = None;
    kv.range(from, to, direction, &mut |key, value| {
        found = Some((key.to_vec(), value.to_vec()));
        ControlFlow::Break(())
    })?;
    Ok(found)
}
