//! What the release of old log needs: which workflows hold it back, and taking out what nobody wants any more.

use std::ops::ControlFlow;

use super::archive::{Failures, move_failures, move_status, own_tasks, remove_chunks};
use super::check::FIRST_PLACE;
use super::error::StoreError;
use super::keys;
use super::kv::{Kv, WriteBatch};
use super::pages::{self, Changes, Heads};
use super::stored::Head;
use super::views::{Store, UsedKey, Writer};
use crate::core::ids::{Seq, Timestamp, WorkflowId};
use crate::core::listing::Place;

/// Workflows that are taken out together.
const GROUP_MAX: usize = 100;

/// Some of the workflows that hold the log back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    pub workflows: Vec<WorkflowId>,
    /// Where to look for the next ones; nothing at the end.
    pub next: Option<Place>,
}

impl Store {
    /// Up to `limit` archived workflows, from `from` on, that refer to records before `seq`. They have to be
    /// carried, and archived again, before the log may be released up to there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn holding_back(&self, seq: Seq, from: Option<Place>, limit: usize) -> Result<Holding, StoreError> {
        let mut holding = Holding::default();
        self.read(|kv| {
            pages::scan(kv, from.unwrap_or(FIRST_PLACE), &mut |heads| {
                for (place, encoded) in heads {
                    if Head::decode(encoded)?.lowest_seq(*place) >= seq {
                        continue;
                    }
                    if holding.workflows.len() >= limit {
                        holding.next = Some(*place);
                        return Ok(ControlFlow::Break(()));
                    }
                    holding.workflows.push(place.1);
                }
                Ok(ControlFlow::Continue(()))
            })
        })?;
        Ok(holding)
    }

    /// Takes out up to `limit` workflows that ended before `before`, the earliest first, and returns how many
    /// there were.
    ///
    /// # Errors
    /// When the store is frozen, or has just been.
    pub fn expire(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.take_out(limit, &|place, head| {
            // Whatever was created later has ended later.
            if place.0 >= before {
                return Choice::Stop;
            }
            // An imported workflow is kept from its import on, which is what its time counts from.
            let ended = head.summary(place).ended_at < Some(before) && head.timed_from(place) < before;
            if ended { Choice::Take } else { Choice::Leave }
        })
    }

    /// Takes out the `limit` workflows that were created first, and returns how many there were.
    ///
    /// # Errors
    /// When the store is frozen, or has just been.
    pub fn expire_first(&self, limit: usize) -> Result<usize, StoreError> {
        self.take_out(limit, &|_, _| Choice::Take)
    }

    /// Takes out up to `limit` workflows that refer to records before `seq`, and returns how many there were.
    ///
    /// # Errors
    /// When the store is frozen, or has just been.
    pub fn expire_before(&self, seq: Seq, limit: usize) -> Result<usize, StoreError> {
        self.take_out(limit, &|place, head| {
            if head.lowest_seq(place) < seq { Choice::Take } else { Choice::Leave }
        })
    }

    fn take_out(&self, limit: usize, choose: &Choose<'_>) -> Result<usize, StoreError> {
        let mut removed = 0;
        let mut from = FIRST_PLACE;
        while removed < limit {
            let wanted = GROUP_MAX.min(limit - removed);
            let Some(expired) = self.read(|kv| chosen(kv, from, wanted, choose))? else { break };
            from = expired.last_key_value().map_or(from, |(place, _)| *place);
            removed += expired.len();
            self.remove(&expired)?;
        }
        Ok(removed)
    }

    fn remove(&self, heads: &Heads) -> Result<(), StoreError> {
        // The log may have lost them to damage; entries that lead to nothing do no harm.
        let mut own = Vec::new();
        for (place, encoded) in heads {
            if Head::decode(encoded)?.own_ids > 0
                && let Ok(Some(workflow)) = self.load(place.1)
            {
                own.extend(own_tasks(&workflow));
            }
        }
        self.write(|writer| {
            let mut batch = WriteBatch::default();
            let changes: Changes = heads.keys().map(|place| (*place, None)).collect();
            let before = pages::change(writer.kv, changes, &mut batch)?;
            for (place, encoded) in &before {
                writer.totals.subtract(*place, encoded)?;
                let head = Head::decode(encoded)?;
                move_status(writer.totals, &mut batch, *place, Some(head.status()), None);
                move_failures(writer.totals, &mut batch, *place, Failures::of(Some(&head)), Failures::None);
                if place.1.generated_at().is_none() {
                    writer.totals.ids -= 1;
                    batch.remove(keys::id(place.1));
                }
            }
            writer.together(batch)?;
            for (place, encoded) in &before {
                let head = Head::decode(encoded)?;
                remove_chunks(writer, *place, &head, None)?;
                remove_key(writer, place.1, &head)?;
            }
            for (uuid, task) in own {
                let key = keys::own_task(uuid);
                if writer.kv.get(&key)?.as_deref() == Some(&super::archive::encode_task(task)) {
                    writer.totals.own_tasks -= 1;
                    writer.remove(key)?;
                }
            }
            Ok(())
        })
    }
}

/// What is to become of one workflow of a walk in the order of creation.
enum Choice {
    Take,
    Leave,
    /// Nothing behind it is wanted either.
    Stop,
}

type Choose<'a> = dyn Fn(Place, &Head<'_>) -> Choice + 'a;

/// The next workflows that are chosen, or nothing when there are none.
fn chosen(kv: &dyn Kv, from: Place, wanted: usize, choose: &Choose<'_>) -> Result<Option<Heads>, StoreError> {
    let mut found = Heads::new();
    pages::scan(kv, from, &mut |heads| {
        for (place, encoded) in heads {
            if found.len() >= wanted {
                return Ok(ControlFlow::Break(()));
            }
            match choose(*place, &Head::decode(encoded)?) {
                Choice::Take => drop(found.insert(*place, encoded.to_vec())),
                Choice::Leave => {}
                Choice::Stop => return Ok(ControlFlow::Break(())),
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((!found.is_empty()).then_some(found))
}

/// Removes the idempotency key of a workflow, unless a later one has used it again.
fn remove_key(writer: &mut Writer<'_>, id: WorkflowId, head: &Head<'_>) -> Result<(), StoreError> {
    let Some(key) = head.key().map(keys::idempotency) else { return Ok(()) };
    if let Some(value) = writer.kv.get(&key)?
        && UsedKey::decode(&value)?.workflow == id.0.to_be_bytes()
    {
        writer.totals.keys -= 1;
        writer.remove(key)?;
    }
    Ok(())
}
