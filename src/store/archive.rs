//! Writing ended workflows.

use std::collections::BTreeMap;

use super::bytes;
use super::error::StoreError;
use super::keys;
use super::kv::WriteBatch;
use super::pages::{self, Changes, Heads};
use super::stored::{self, Head, Tasks};
use super::totals::Totals;
use super::views::{Store, UsedKey, Writer, version_of};
use crate::core::ids::{Seq, TaskId, canonical_uuid};
use crate::core::listing::Place;
use crate::core::state::{StatusKind, Workflow, WorkflowStatus};

/// Workflows that are written together. Their pages must fit into one batch.
const GROUP_MAX: usize = 100;

impl Store {
    /// Puts ended workflows into the store, in place of what it held of them before. They survive the end of the
    /// process once sled has written its buffer, and a power cut after the next checkpoint; until then the log
    /// has them behind the last checkpoint.
    ///
    /// # Errors
    /// When the store is frozen, or has just been.
    pub fn archive(&self, workflows: &[Workflow]) -> Result<(), StoreError> {
        for group in workflows.chunks(GROUP_MAX) {
            // A workflow that ended twice counts as it ended last.
            let group: BTreeMap<Place, &Workflow> =
                group.iter().map(|workflow| (workflow.listed_at(), workflow)).collect();
            self.write(|writer| self.archive_group(writer, &group))?;
        }
        Ok(())
    }

    fn archive_group(
        &self,
        writer: &mut Writer<'_>,
        group: &BTreeMap<Place, &Workflow>,
    ) -> Result<(), StoreError> {
        let mut heads = Heads::new();
        for (place, workflow) in group {
            let packed = stored::pack(workflow);
            let version = workflow.ended_seq.unwrap_or(workflow.spec_seq);
            for (number, chunk) in (0..).zip(packed.chunks) {
                writer.put(keys::chunk(*place, version, number), chunk)?;
            }
            heads.insert(*place, packed.head);
        }
        if let Some((place, _)) = heads.last_key_value() {
            self.note_newest(*place);
        }
        let mut batch = WriteBatch::default();
        let changes: Changes = heads.iter().map(|(place, head)| (*place, Some(head.clone()))).collect();
        let before = pages::change(writer.kv, changes, &mut batch)?;
        // What is too much for one batch comes first: an entry that leads to nothing is harmless, a workflow that
        // is not found is not.
        for (place, workflow) in group {
            self.index(writer, workflow, before.contains_key(place))?;
        }
        writer.flush()?;
        for (place, workflow) in group {
            let old = before.get(place).map(|head| Head::decode(head)).transpose()?;
            move_status(
                writer.totals,
                &mut batch,
                *place,
                old.as_ref().map(Head::status),
                Some(workflow.status),
            );
            let failed = workflow.counts.of(StatusKind::Failed);
            let now = if failed > 0 { Failures::Some } else { Failures::None };
            move_failures(writer.totals, &mut batch, *place, Failures::of(old.as_ref()), now);
            if workflow.id.generated_at().is_none() && !before.contains_key(place) {
                writer.totals.ids += 1;
                batch.put(keys::id(workflow.id), keys::time_bytes(place.0).to_vec());
            }
        }
        for (place, head) in &heads {
            writer.totals.add(*place, head)?;
        }
        let ended = group.values().filter_map(|workflow| workflow.ended_seq).max();
        writer.totals.next_seq = writer.totals.next_seq.max(ended.map_or(0, |seq| seq.next().0));
        for (place, head) in &before {
            writer.totals.subtract(*place, head)?;
        }
        writer.together(batch)?;
        for (place, head) in &before {
            let kept = group.get(place).and_then(|workflow| workflow.ended_seq);
            remove_chunks(writer, *place, &Head::decode(head)?, kept)?;
        }
        Ok(())
    }

    /// Puts what may be there already, from a group that was cut before its pages were written.
    fn index(&self, writer: &mut Writer<'_>, workflow: &Workflow, known: bool) -> Result<(), StoreError> {
        let expires_at = workflow.created_at.plus(self.options.idempotency_ms);
        if let Some(key) = workflow.key.filter(|_| workflow.ended_at < Some(expires_at)) {
            let key = keys::idempotency(key);
            let earlier = writer.kv.get(&key)?.map(|value| UsedKey::decode(&value)).transpose()?;
            writer.totals.keys += u64::from(earlier.is_none());
            let used = UsedKey {
                workflow: workflow.id.0.to_be_bytes(),
                body: workflow.body.0.to_be_bytes(),
                expires_at: expires_at.0,
            };
            // A later workflow may have used the key again after it had expired.
            if earlier.is_none_or(|earlier| earlier.expires_at <= used.expires_at) {
                writer.put(key, bytes::encode(&used))?;
            }
        }
        if known {
            return Ok(());
        }
        for (uuid, task) in own_tasks(workflow) {
            let key = keys::own_task(uuid);
            writer.totals.own_tasks += u64::from(writer.kv.get(&key)?.is_none());
            writer.put(key, encode_task(task))?;
        }
        Ok(())
    }
}

/// Tasks whose own id is a UUID.
pub(super) fn own_tasks(workflow: &Workflow) -> impl Iterator<Item = (u128, TaskId)> {
    (0..).zip(&workflow.spec.tasks).filter_map(|(index, task)| {
        let uuid = canonical_uuid(task.own_id.as_deref()?)?;
        Some((uuid, workflow.task_id(index)))
    })
}

pub(super) fn encode_task(task: TaskId) -> Vec<u8> {
    [task.workflow.0.to_be_bytes().as_slice(), &task.index.to_be_bytes()].concat()
}

/// Keeps the index of statuses, which has everything but completed workflows.
pub(super) fn move_status(
    totals: &mut Totals,
    batch: &mut WriteBatch,
    place: Place,
    old: Option<WorkflowStatus>,
    new: Option<WorkflowStatus>,
) {
    let indexed = |status: &WorkflowStatus| *status != WorkflowStatus::Completed;
    if old == new {
        return;
    }
    if let Some(old) = old.filter(indexed) {
        totals.statuses -= 1;
        batch.remove(keys::status(old, place));
    }
    if let Some(new) = new.filter(indexed) {
        totals.statuses += 1;
        batch.put(keys::status(new, place), Vec::new());
    }
}

/// Whether a workflow has failed tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failures {
    None,
    Some,
}

impl Failures {
    pub(super) fn of(head: Option<&Head<'_>>) -> Self {
        if head.is_some_and(Head::has_failures) { Self::Some } else { Self::None }
    }
}

/// Keeps the index of workflows with failed tasks.
pub(super) fn move_failures(
    totals: &mut Totals,
    batch: &mut WriteBatch,
    place: Place,
    old: Failures,
    new: Failures,
) {
    match (old, new) {
        (Failures::None, Failures::Some) => {
            totals.failures += 1;
            batch.put(keys::failures(place), Vec::new());
        }
        (Failures::Some, Failures::None) => {
            totals.failures -= 1;
            batch.remove(keys::failures(place));
        }
        (Failures::None, Failures::None) | (Failures::Some, Failures::Some) => {}
    }
}

/// Removes the chunks of an earlier end of the workflow.
pub(super) fn remove_chunks(
    writer: &mut Writer<'_>,
    place: Place,
    old: &Head<'_>,
    kept: Option<Seq>,
) -> Result<(), StoreError> {
    let Tasks::Chunked { chunks, .. } = old.tasks else { return Ok(()) };
    let version = version_of(place, old);
    if kept == Some(version) {
        return Ok(());
    }
    for number in 0..chunks {
        writer.remove(keys::chunk(place, version, number))?;
    }
    Ok(())
}
