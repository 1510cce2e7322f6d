//! Checkpoints: the workflows that have not ended, so that a start replays only the log behind them.
//!
//! A checkpoint is a stream of items in chunks, under a generation of its own. It counts from the moment at which
//! one small value names its generation; one that was cut in the middle is as if it had not begun.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use tracing::info;

use super::bytes::{self, Undecodable};
use super::error::StoreError;
use super::fetch;
use super::job::CheckpointInput;
use super::keys::{self, META_CHECKPOINT, Tag};
use super::kv::{BATCH_KEYS_MAX, Direction, Kv, VALUE_BYTES_MAX, WriteBatch};
use super::stored::{Picture, frame, items, take_items};
use super::views::{Store, UsedKey};
use crate::core::ids::{Seq, Timestamp};

/// Expired keys that one checkpoint takes out; the rest go with the next ones.
const EXPIRED_KEYS_MAX: u64 = 100_000;

/// The value that makes a generation the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Current {
    pub generation: u64,
    pub next_seq: u64,
    pub bytes: u64,
    pub crc: u32,
}

impl Store {
    /// Writes a checkpoint and makes it, and everything archived so far, survive a power cut. Everything that
    /// had ended when the picture was made must have been archived.
    ///
    /// # Errors
    /// When the store is frozen, or has just been. The checkpoint before this one still counts.
    pub fn checkpoint(&self, input: &CheckpointInput) -> Result<(), StoreError> {
        let before = self.read(current)?;
        let generation = before.map_or(1, |current| current.generation + 1);
        self.write(|writer| {
            // What an earlier attempt left of this generation would be read as part of it.
            remove_generations(writer.kv, |found| before.is_none_or(|kept| kept.generation != found))?;
            let written = write_stream(writer.kv, generation, input)?;
            // The chunks must be on the disk before the value that names them.
            writer.kv.sync()?;
            let mut batch = WriteBatch::default();
            batch.put(META_CHECKPOINT.to_vec(), bytes::encode(&written));
            writer.together(batch)?;
            writer.kv.sync()?;
            remove_generations(writer.kv, |found| found != generation)?;
            info!(
                next_seq = input.next_seq.0,
                workflows = input.workflows.len(),
                bytes = written.bytes,
                "wrote a checkpoint"
            );
            Ok(())
        })?;
        self.expire_keys(input.now)
    }

    /// The latest checkpoint.
    ///
    /// # Errors
    /// When the store or the log does not hold all of it.
    pub fn load_checkpoint(&self) -> Result<Option<CheckpointInput>, StoreError> {
        let Some(Picture { mut input, drafts }) = self.read(read_stream)? else { return Ok(None) };
        input.workflows = fetch::complete(&*self.log, drafts)?;
        Ok(Some(input))
    }

    /// The record after the last one that the latest checkpoint holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn checkpointed(&self) -> Result<Option<Seq>, StoreError> {
        Ok(self.read(current)?.map(|current| Seq(current.next_seq)))
    }

    /// Takes expired idempotency keys out. They count for nothing before that already.
    fn expire_keys(&self, now: Timestamp) -> Result<(), StoreError> {
        let (mut from, to) = Tag::Idempotency.all();
        let mut removed = 0;
        while removed < EXPIRED_KEYS_MAX {
            let Expired { keys, next } = self.read(|kv| expired_keys(kv, &from, &to, now))?;
            removed += keys.len() as u64;
            self.write(|writer| {
                for key in keys {
                    writer.totals.keys -= 1;
                    writer.remove(key)?;
                }
                Ok(())
            })?;
            let Some(next) = next else { break };
            from = next;
        }
        Ok(())
    }
}

/// Some expired keys, and where to look for the next ones.
#[derive(Default)]
struct Expired {
    keys: Vec<Vec<u8>>,
    next: Option<Vec<u8>>,
}

fn expired_keys(kv: &dyn Kv, from: &[u8], to: &[u8], now: Timestamp) -> Result<Expired, StoreError> {
    let Expired { keys: mut expired, mut next } = Expired::default();
    let mut outcome = Ok(());
    kv.range(from, to, Direction::Ascending, &mut |key, value| {
        if expired.len() + 1 >= BATCH_KEYS_MAX {
            next = Some(key.to_vec());
            return ControlFlow::Break(());
        }
        match UsedKey::decode(value) {
            Ok(used) if used.is_expired(now) => expired.push(key.to_vec()),
            Ok(_) => {}
            Err(error) => {
                outcome = Err(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    outcome?;
    Ok(Expired { keys: expired, next })
}

fn current(kv: &dyn Kv) -> Result<Option<Current>, StoreError> {
    let value = kv.get(META_CHECKPOINT)?;
    Ok(value.map(|value| bytes::decode("the current checkpoint", &value)).transpose()?)
}

/// Writes the chunks of a generation.
fn write_stream(kv: &dyn Kv, generation: u64, input: &CheckpointInput) -> Result<Current, StoreError> {
    let mut chunks = Chunks { kv, generation, number: 0, batch: WriteBatch::default(), bytes: 0, crc: 0 };
    let mut stream = Vec::new();
    for item in items(input) {
        frame(&item, &mut stream);
        let whole = stream.len() - stream.len() % VALUE_BYTES_MAX;
        chunks.write(stream.get(..whole).unwrap_or_default())?;
        stream.drain(..whole);
    }
    chunks.write(&stream)?;
    let (bytes, crc) = (chunks.bytes, chunks.crc);
    kv.apply(chunks.batch)?;
    Ok(Current { generation, next_seq: input.next_seq.0, bytes, crc })
}

/// A stream being cut into values.
struct Chunks<'a> {
    kv: &'a dyn Kv,
    generation: u64,
    number: u32,
    batch: WriteBatch,
    bytes: u64,
    crc: u32,
}

impl Chunks<'_> {
    fn write(&mut self, stream: &[u8]) -> Result<(), StoreError> {
        for chunk in stream.chunks(VALUE_BYTES_MAX) {
            self.bytes += chunk.len() as u64;
            self.crc = crc32c::crc32c_append(self.crc, chunk);
            self.batch.put(keys::live(self.generation, self.number), chunk.to_vec());
            self.number += 1;
            if self.batch.len() >= BATCH_KEYS_MAX {
                self.kv.apply(std::mem::take(&mut self.batch))?;
            }
        }
        Ok(())
    }
}

/// Reads the generation that counts, and no other.
fn read_stream(kv: &dyn Kv) -> Result<Option<Picture>, StoreError> {
    let Some(current) = current(kv)? else { return Ok(None) };
    let mut picture = Picture::new();
    let (mut bytes, mut crc) = (0, 0);
    let mut stream = Vec::new();
    let mut outcome = Ok(());
    let (from, to) = (keys::live(current.generation, 0), keys::live(current.generation + 1, 0));
    kv.range(&from, &to, Direction::Ascending, &mut |_, chunk| {
        bytes += chunk.len() as u64;
        crc = crc32c::crc32c_append(crc, chunk);
        stream.extend_from_slice(chunk);
        match take_items(&stream, |item| picture.add(item)) {
            Ok(taken) => {
                stream.drain(..taken);
                ControlFlow::Continue(())
            }
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        }
    })?;
    outcome?;
    if (bytes, crc) != (current.bytes, current.crc) || !stream.is_empty() {
        let reason =
            format_args!("{bytes} of {} bytes are there, or they are not what was written", current.bytes);
        return Err(Undecodable::new("the checkpoint", reason).into());
    }
    Ok(Some(picture))
}

/// Removes the chunks of all generations that `unwanted` names.
fn remove_generations(kv: &dyn Kv, unwanted: impl Fn(u64) -> bool) -> Result<(), StoreError> {
    let (mut from, to) = Tag::Live.all();
    loop {
        let mut batch = WriteBatch::default();
        let mut next = None;
        kv.range(&from, &to, Direction::Ascending, &mut |key, _| {
            if batch.len() >= BATCH_KEYS_MAX {
                next = Some(key.to_vec());
                return ControlFlow::Break(());
            }
            match keys::generation_of(key) {
                Some(generation) if !unwanted(generation) => {
                    // The rest of this generation stays as well.
                    next = generation.checked_add(1).map(|after| keys::live(after, 0));
                    return ControlFlow::Break(());
                }
                Some(_) | None => batch.remove(key.to_vec()),
            }
            ControlFlow::Continue(())
        })?;
        if !batch.is_empty() {
            kv.apply(batch)?;
        }
        let Some(start) = next else { return Ok(()) };
        from = start;
    }
}
