//! Whether the store is whole: every value decodes, and the counters are those of what is there.

use std::ops::ControlFlow;

use super::bytes::Undecodable;
use super::error::StoreError;
use super::keys::Tag;
use super::kv::{Direction, Kv};
use super::pages;
use super::stored::{Head, Tasks};
use super::totals::Totals;
use super::views::{Store, read_tasks};
use crate::core::ids::{Timestamp, WorkflowId};
use crate::core::listing::Place;

/// Before all other places.
pub(super) const FIRST_PLACE: Place = (Timestamp(0), WorkflowId(0));

impl Store {
    /// Walks over everything that is archived.
    ///
    /// # Errors
    /// When anything is missing, or is not what was written.
    pub fn check_content(&self) -> Result<(), StoreError> {
        self.read(|kv| {
            let kept = Totals::read(kv)?;
            let mut found = Totals {
                statuses: count(kv, Tag::Status)?,
                failures: count(kv, Tag::Failures)?,
                ids: count(kv, Tag::Id)?,
                keys: count(kv, Tag::Idempotency)?,
                own_tasks: count(kv, Tag::OwnTask)?,
                // The last one may have expired.
                next_seq: kept.next_seq,
                ..Totals::default()
            };
            pages::scan(kv, FIRST_PLACE, &mut |heads| {
                for (place, encoded) in heads {
                    found.add(*place, encoded)?;
                    let head = Head::decode(encoded)?;
                    if let Tasks::Chunked { .. } = head.tasks {
                        read_tasks(kv, *place, &head)?;
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
            if found == kept {
                return Ok(());
            }
            let reason = format_args!("{found:?} are there, but {kept:?} were written");
            Err(Undecodable::new("what is archived", reason).into())
        })
    }
}

fn count(kv: &dyn Kv, tag: Tag) -> Result<u64, StoreError> {
    let (from, to) = tag.all();
    let mut count = 0;
    kv.range(&from, &to, Direction::Ascending, &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    Ok(count)
}
