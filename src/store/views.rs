//! The store: everything that has ended, and the latest checkpoint of what has not.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::error;

use super::bytes::{self, Undecodable};
use super::error::{StoreError, StoreHealth};
use super::fetch;
use super::keys::{self, META_TOTALS};
use super::kv::{BATCH_KEYS_MAX, Direction, Kv, WriteBatch};
use super::marker::Marker;
use super::pages;
use super::stored::{Draft, Head, Tasks};
use super::totals::Totals;
use crate::core::ids::{Seq, Timestamp, WorkflowId};
use crate::core::listing::Place;
use crate::core::state::Workflow;
use crate::log::LogRead;

/// How often a read tries again when the workflow is archived anew at the same time.
const READ_TRIES: usize = 3;

/// What the store needs to know beside its files.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// How long an idempotency key is remembered, from the submission on.
    pub idempotency_ms: u64,
}

/// Views of the log that can be queried. Any number of readers, one writer at a time.
///
/// Nothing here is the truth: whatever is lost is made again from the log. After the first error the store is
/// frozen, and the engine goes on without it.
#[derive(Debug)]
pub struct Store {
    pub(super) kv: Arc<dyn Kv>,
    pub(super) log: Arc<dyn LogRead>,
    pub(super) options: StoreOptions,
    /// Held by whoever writes.
    writing: Mutex<Totals>,
    /// As of the last finished write, for readers, who never wait for a writer.
    totals: Mutex<Totals>,
    /// No workflow lies beyond this time.
    newest_ms: AtomicU64,
    frozen: OnceLock<String>,
    waits_for_space: AtomicBool,
    marker: Marker,
}

impl Store {
    pub(super) fn new(
        kv: Arc<dyn Kv>,
        log: Arc<dyn LogRead>,
        options: StoreOptions,
        marker: Marker,
    ) -> Result<Self, StoreError> {
        let totals = Totals::read(&*kv)?;
        let mut newest_ms = AtomicU64::new(0);
        pages::scan_back(&*kv, None, &mut |(time, _), _| {
            *newest_ms.get_mut() = time.0;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(Self {
            kv,
            log,
            options,
            writing: Mutex::new(totals),
            totals: Mutex::new(totals),
            newest_ms,
            frozen: OnceLock::new(),
            waits_for_space: AtomicBool::new(false),
            marker,
        })
    }

    pub fn health(&self) -> StoreHealth {
        match self.frozen.get() {
            Some(why) => StoreHealth::Frozen { why: why.clone() },
            None if self.waits_for_space.load(Ordering::Relaxed) => StoreHealth::WaitsForSpace,
            None => StoreHealth::Healthy,
        }
    }

    /// How much is archived.
    pub fn totals(&self) -> Totals {
        *lock(&self.totals)
    }

    /// Before the workflow at this place is put.
    pub(super) fn note_newest(&self, place: Place) {
        self.newest_ms.fetch_max(place.0.0, Ordering::AcqRel);
    }

    /// Whether nothing can lie at this place. Nearly every new submission is told apart by this, so that the
    /// engine does not wait for sled while it writes.
    pub(super) fn is_beyond(&self, place: Place) -> bool {
        place.0.0 > self.newest_ms.load(Ordering::Acquire)
    }

    pub(super) fn set_waiting(&self, waits: bool) {
        self.waits_for_space.store(waits, Ordering::Relaxed);
    }

    /// Makes everything survive a power cut, after which nothing may be written. For the shutdown.
    ///
    /// # Errors
    /// When the store is frozen, or the files cannot be synced.
    pub fn close(&self) -> Result<(), StoreError> {
        self.write(|writer| Ok(writer.kv.sync()?))?;
        self.marker.closed().map_err(|source| StoreError::Io {
            doing: "removing",
            path: self.marker.path(),
            source,
        })
    }

    pub(super) fn check_usable(&self) -> Result<(), StoreError> {
        self.frozen.get().map_or(Ok(()), |why| Err(StoreError::Frozen { why: why.clone() }))
    }

    /// Runs something that only reads.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&dyn Kv) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work(&*self.kv).inspect_err(|error| self.freeze_on(error))
    }

    /// Runs something that writes, alone.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.check_usable()?;
        let mut totals = lock(&self.writing);
        let mut writer = Writer { kv: &*self.kv, totals: &mut totals, batch: WriteBatch::default() };
        let done = work(&mut writer).and_then(|done| writer.flush().map(|()| done));
        *lock(&self.totals) = *totals;
        done.inspect_err(|error| self.freeze_on(error))
    }

    /// After an error of the files below nobody knows what they hold. Errors of the log are another matter.
    fn freeze_on(&self, error: &StoreError) {
        match error {
            StoreError::Kv(_) | StoreError::Undecodable(_) => {}
            StoreError::Frozen { .. }
            | StoreError::Log(_)
            | StoreError::Codec(_)
            | StoreError::Misled { .. }
            | StoreError::AheadOfLog { .. }
            | StoreError::Io { .. } => return,
        }
        let why = error.to_string();
        if self.frozen.set(why.clone()).is_ok() {
            error!(%why, "the store is frozen: nothing is archived until the next start, which rebuilds it from the log");
            self.marker.frozen(&why);
        }
    }

    /// The archived workflow with this id.
    ///
    /// # Errors
    /// When the store or the log cannot be read.
    pub fn load(&self, id: WorkflowId) -> Result<Option<Workflow>, StoreError> {
        let draft = self.read(|kv| {
            let Some(place) = place_of(kv, id)? else { return Ok(None) };
            draft(kv, place)
        })?;
        let Some(draft) = draft else { return Ok(None) };
        Ok(fetch::complete(&*self.log, vec![draft])?.pop())
    }
}

fn lock(totals: &Mutex<Totals>) -> MutexGuard<'_, Totals> {
    totals.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the workflow with this id lies, if it lies anywhere.
pub(super) fn place_of(kv: &dyn Kv, id: WorkflowId) -> Result<Option<Place>, StoreError> {
    if let Some(time) = id.generated_at() {
        return Ok(Some((time, id)));
    }
    let Some(value) = kv.get(&keys::id(id))? else { return Ok(None) };
    let time = keys::time_from(&value).ok_or_else(|| Undecodable::new("an id", "its value is no time"))?;
    Ok(Some((time, id)))
}

/// The workflow at this place. Its tasks may be replaced while they are read.
pub(super) fn draft(kv: &dyn Kv, place: Place) -> Result<Option<Draft>, StoreError> {
    let mut head = pages::find(kv, place)?;
    for _ in 0..READ_TRIES {
        let Some(encoded) = &head else { return Ok(None) };
        let tried = Head::decode(encoded).map_err(StoreError::from).and_then(|head| {
            let tasks = read_tasks(kv, place, &head)?;
            Ok(Draft::new(place, &head, &tasks)?)
        });
        let now = if tried.is_ok() { None } else { pages::find(kv, place)? };
        if tried.is_ok() || now == head {
            return tried.map(Some);
        }
        head = now;
    }
    Err(Undecodable::new("a workflow", "it changed each time it was read").into())
}

/// The encoded tasks of a workflow.
pub(super) fn read_tasks(kv: &dyn Kv, place: Place, head: &Head<'_>) -> Result<Vec<u8>, StoreError> {
    let (chunks, length, crc) = match head.tasks {
        Tasks::Inline(tasks) => return Ok(tasks.to_vec()),
        Tasks::Chunked { chunks, bytes, crc } => (chunks, bytes, crc),
    };
    let version = version_of(place, head);
    let mut tasks = Vec::new();
    kv.range(
        &keys::chunk(place, version, 0),
        &keys::chunk(place, version, chunks),
        Direction::Ascending,
        &mut |_, value| {
            tasks.extend_from_slice(value);
            ControlFlow::Continue(())
        },
    )?;
    if tasks.len() as u64 != length || crc32c::crc32c(&tasks) != crc {
        let reason =
            format_args!("{} of {length} bytes are there, or they are not what was written", tasks.len());
        return Err(Undecodable::new("the tasks of a workflow", reason).into());
    }
    Ok(tasks)
}

/// Each end of a workflow has chunks of its own, so that no reader sees a mixture.
pub(super) const fn version_of(place: Place, head: &Head<'_>) -> Seq {
    let base = head.base(place);
    match head.ended_seq {
        Some(distance) => base.seq(distance),
        None => base.seq,
    }
}

/// Collects changes into batches. Whatever must happen together goes in by [`Writer::together`].
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub kv: &'a dyn Kv,
    pub totals: &'a mut Totals,
    batch: WriteBatch,
}

impl Writer<'_> {
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        self.batch.put(key, value);
        self.flush_if_full()
    }

    pub fn remove(&mut self, key: Vec<u8>) -> Result<(), StoreError> {
        self.batch.remove(key);
        self.flush_if_full()
    }

    fn flush_if_full(&mut self) -> Result<(), StoreError> {
        if self.batch.len() < BATCH_KEYS_MAX {
            return Ok(());
        }
        self.flush()
    }

    /// Writes what was put so far, with the counters as they are now.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.together(batch)
    }

    /// Writes one batch, with the counters as they are now.
    pub fn together(&mut self, mut batch: WriteBatch) -> Result<(), StoreError> {
        batch.put(META_TOTALS.to_vec(), bytes::encode(self.totals));
        Ok(self.kv.apply(batch)?)
    }
}

/// An idempotency key that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct UsedKey {
    pub workflow: [u8; 16],
    pub body: [u8; 16],
    pub expires_at: u64,
}

impl UsedKey {
    pub fn decode(value: &[u8]) -> Result<Self, Undecodable> {
        bytes::decode("an idempotency key", value)
    }

    pub const fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now.0
    }
}
