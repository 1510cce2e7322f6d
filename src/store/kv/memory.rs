//! Keys and values in memory that forget what was not synced, for the simulation and for tests.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Direction, Kv, KvError, Visit, WriteBatch};

/// An ordered map with a disk that fails on demand.
#[derive(Debug, Default)]
pub struct MemoryKv {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    seen: BTreeMap<Vec<u8>, Vec<u8>>,
    durable: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Applied since the last sync.
    pending: Vec<WriteBatch>,
    faults: MemoryFaults,
    operations: u64,
}

/// What goes wrong, and when. Writes and syncs are counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryFaults {
    /// From this operation on nothing works any more.
    pub fail_from: Option<u64>,
}

/// What a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surviving {
    /// The process was killed: the system writes out what it was given.
    Everything,
    /// The power was cut: only this many of the batches since the last sync reached the disk.
    Unsynced(usize),
}

impl MemoryKv {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same disk after a crash, without faults.
    #[must_use]
    pub fn crashed(&self, surviving: Surviving) -> Self {
        let inner = self.lock();
        let keep = match surviving {
            Surviving::Everything => inner.pending.len(),
            Surviving::Unsynced(batches) => batches,
        };
        let mut durable = inner.durable.clone();
        for batch in inner.pending.iter().take(keep) {
            apply_to(&mut durable, batch);
        }
        let inner = Inner { seen: durable.clone(), durable, ..Inner::default() };
        Self { inner: Mutex::new(inner) }
    }

    /// Batches that a power cut would put at risk.
    pub fn unsynced(&self) -> usize {
        self.lock().pending.len()
    }

    pub fn plan(&self, faults: MemoryFaults) {
        self.lock().faults = faults;
    }

    /// Writes and syncs so far.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Changes or removes a value behind the back of the store, durably: for tests of damage.
    pub fn tamper(&self, key: &[u8], change: impl FnOnce(Option<Vec<u8>>) -> Option<Vec<u8>>) {
        let mut inner = self.lock();
        let value = change(inner.seen.get(key).cloned());
        let mut batch = WriteBatch::default();
        match value {
            Some(value) => batch.put(key.to_vec(), value),
            None => batch.remove(key.to_vec()),
        }
        apply_to(&mut inner.seen, &batch);
        apply_to(&mut inner.durable, &batch);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn operate(&mut self, doing: &'static str) -> Result<(), KvError> {
        self.operations += 1;
        match self.faults.fail_from {
            Some(from) if self.operations >= from => Err(KvError::new(doing, "the simulated disk failed")),
            Some(_) | None => Ok(()),
        }
    }
}

impl Kv for MemoryKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        Ok(self.lock().seen.get(key).cloned())
    }

    fn range(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), KvError> {
        let (mut from, mut to) = (from.to_vec(), to.to_vec());
        while from < to {
            let pair = {
                let inner = self.lock();
                let mut pairs = inner.seen.range(from.clone()..to.clone());
                let pair = match direction {
                    Direction::Ascending => pairs.next(),
                    Direction::Descending => pairs.next_back(),
                };
                pair.map(|(key, value)| (key.clone(), value.clone()))
            };
            let Some((key, value)) = pair else { return Ok(()) };
            // The lock is free here, so that the visitor may look at other keys.
            if visit(&key, &value) == ControlFlow::Break(()) {
                return Ok(());
            }
            match direction {
                Direction::Ascending => {
                    from = key;
                    from.push(0);
                }
                Direction::Descending => to = key,
            }
        }
        Ok(())
    }

    fn apply(&self, batch: WriteBatch) -> Result<(), KvError> {
        let mut inner = self.lock();
        inner.operate("writing to the store")?;
        apply_to(&mut inner.seen, &batch);
        inner.pending.push(batch);
        Ok(())
    }

    fn sync(&self) -> Result<(), KvError> {
        let mut inner = self.lock();
        inner.operate("syncing the store")?;
        for batch in std::mem::take(&mut inner.pending) {
            apply_to(&mut inner.durable, &batch);
        }
        Ok(())
    }
}

fn apply_to(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: &WriteBatch) {
    for (key, value) in &batch.changes {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}
