//! Counters over everything that is archived, changed in the same batch as what they count.

use serde::{Deserialize, Serialize};

use super::bytes::{self, Undecodable};
use super::error::StoreError;
use super::keys::{self, META_TOTALS};
use super::kv::Kv;
use super::stored::Head;
use crate::core::listing::Place;
use crate::core::state::WorkflowStatus;

/// How much is archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub tasks_completed: u64,
    pub tasks_failed: u64,
    pub tasks_cancelled: u64,
    pub tasks_skipped: u64,
    /// Entries of the indexes.
    pub(super) statuses: u64,
    pub(super) failures: u64,
    pub(super) ids: u64,
    pub(super) keys: u64,
    pub(super) own_tasks: u64,
    /// The sum of the checksums of all heads: what was lost or came back from the past changes it.
    pub(super) sum: u64,
    /// The record after the last one that ended an archived workflow.
    pub(super) next_seq: u64,
}

impl Totals {
    pub const fn workflows(&self) -> u64 {
        self.completed + self.failed + self.cancelled
    }

    pub(super) fn read(kv: &dyn Kv) -> Result<Self, StoreError> {
        let stored = kv.get(META_TOTALS)?;
        Ok(stored.map(|value| bytes::decode("the totals", &value)).transpose()?.unwrap_or_default())
    }

    pub(super) fn add(&mut self, place: Place, encoded: &[u8]) -> Result<(), Undecodable> {
        let head = Head::decode(encoded)?;
        self.count(&head, |total, number| *total = total.wrapping_add(number));
        self.sum = self.sum.wrapping_add(checksum(place, encoded));
        Ok(())
    }

    pub(super) fn subtract(&mut self, place: Place, encoded: &[u8]) -> Result<(), Undecodable> {
        let head = Head::decode(encoded)?;
        self.count(&head, |total, number| *total = total.wrapping_sub(number));
        self.sum = self.sum.wrapping_sub(checksum(place, encoded));
        Ok(())
    }

    fn count(&mut self, head: &Head<'_>, change: impl Fn(&mut u64, u64)) {
        let [completed, failed, cancelled, skipped] = head.tally.map(u64::from);
        change(&mut self.tasks_completed, completed);
        change(&mut self.tasks_failed, failed);
        change(&mut self.tasks_cancelled, cancelled);
        change(&mut self.tasks_skipped, skipped);
        match head.status() {
            WorkflowStatus::Completed => change(&mut self.completed, 1),
            WorkflowStatus::Failed => change(&mut self.failed, 1),
            WorkflowStatus::Cancelled => change(&mut self.cancelled, 1),
            // Only ended workflows are archived.
            WorkflowStatus::Pending | WorkflowStatus::Running | WorkflowStatus::Paused => {}
        }
    }
}

fn checksum(place: Place, head: &[u8]) -> u64 {
    u64::from(crc32c::crc32c_append(crc32c::crc32c(&keys::page(place)), head))
}
