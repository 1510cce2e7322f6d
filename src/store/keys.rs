//! Where everything lies. All keys share one tree, so that one batch can change several kinds at once.
//!
//! | tag | key after the tag | value | how many | changes |
//! |---|---|---|---|---|
//! | `w` | place of the first workflow | a page of packed workflows, about 1 KiB | one for 7 small workflows | while it fills; when one is archived again or expires |
//! | `c` | place, `ended_seq`, number | up to 4 KiB of the tasks of a workflow that is too large for a page | by size | never; goes with its workflow |
//! | `s` | status, place | nothing | one for each failed or cancelled workflow | never |
//! | `f` | place | nothing | one for each workflow with failed tasks | never |
//! | `i` | workflow id | the time of its place | one for each workflow whose id does not tell it | never |
//! | `k` | idempotency key | workflow, body, when it expires | one for each key of the last day | when it is used again after it has expired |
//! | `t` | a task's own id, where it is a UUID | the task | one for each | never |
//! | `l` | generation, number | up to 4 KiB of a checkpoint | by size | never; an old generation goes as a whole |
//! | `m` | a word | see [`META_CHECKPOINT`] and [`META_TOTALS`] | two | with each checkpoint, with each batch |
//!
//! A *place* is [`Place`]: the time of creation in six bytes, then the id. Numbers are big endian, so that the
//! order of the keys is the order of the numbers.

use crate::core::ids::{Fingerprint, Seq, Timestamp, WorkflowId};
use crate::core::listing::Place;
use crate::core::state::WorkflowStatus;

/// Which generation of `l` is the checkpoint, and what it must hold.
pub const META_CHECKPOINT: &[u8] = b"mcheckpoint";
/// Counters and a sum over everything that is archived.
pub const META_TOTALS: &[u8] = b"mtotals";

/// The kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Page,
    Chunk,
    Status,
    Failures,
    Id,
    Idempotency,
    OwnTask,
    Live,
}

impl Tag {
    const fn byte(self) -> u8 {
        match self {
            Self::Page => b'w',
            Self::Chunk => b'c',
            Self::Status => b's',
            Self::Failures => b'f',
            Self::Id => b'i',
            Self::Idempotency => b'k',
            Self::OwnTask => b't',
            Self::Live => b'l',
        }
    }

    /// All keys of this kind: from here up to, but not including, there.
    pub fn all(self) -> (Vec<u8>, Vec<u8>) {
        (vec![self.byte()], vec![self.byte() + 1])
    }

    fn key(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut key = Vec::with_capacity(40);
        key.push(self.byte());
        for part in parts {
            key.extend_from_slice(part);
        }
        key
    }
}

pub fn page(place: Place) -> Vec<u8> {
    Tag::Page.key(&[&time_bytes(place.0), &place.1.0.to_be_bytes()])
}

/// The place in a page's key.
pub fn place_of_page(key: &[u8]) -> Option<Place> {
    place_from(key.get(1..)?)
}

pub fn chunk(place: Place, ended: Seq, number: u32) -> Vec<u8> {
    let (time, id) = (time_bytes(place.0), place.1.0.to_be_bytes());
    Tag::Chunk.key(&[&time, &id, &ended.0.to_be_bytes(), &number.to_be_bytes()])
}

/// Workflows of one status, from the earliest place up to, but not including, `before`.
pub fn statuses(status: WorkflowStatus, before: Option<Place>) -> (Vec<u8>, Vec<u8>) {
    let code = status_code(status);
    let from = Tag::Status.key(&[&[code]]);
    let to = before.map_or_else(|| Tag::Status.key(&[&[code + 1]]), |place| self::status(status, place));
    (from, to)
}

pub fn status(status: WorkflowStatus, place: Place) -> Vec<u8> {
    Tag::Status.key(&[&[status_code(status)], &time_bytes(place.0), &place.1.0.to_be_bytes()])
}

/// The place in a key of the index of statuses.
pub fn place_of_status(key: &[u8]) -> Option<Place> {
    place_from(key.get(2..)?)
}

/// Workflows with failed tasks, from the earliest place up to, but not including, `before`.
pub fn all_failures(before: Option<Place>) -> (Vec<u8>, Vec<u8>) {
    let (from, end) = Tag::Failures.all();
    (from, before.map_or(end, failures))
}

pub fn failures(place: Place) -> Vec<u8> {
    Tag::Failures.key(&[&time_bytes(place.0), &place.1.0.to_be_bytes()])
}

/// The place in a key of the index of failures.
pub fn place_of_failures(key: &[u8]) -> Option<Place> {
    place_from(key.get(1..)?)
}

pub fn id(id: WorkflowId) -> Vec<u8> {
    Tag::Id.key(&[&id.0.to_be_bytes()])
}

pub fn idempotency(key: Fingerprint) -> Vec<u8> {
    Tag::Idempotency.key(&[&key.0.to_be_bytes()])
}

pub fn own_task(uuid: u128) -> Vec<u8> {
    Tag::OwnTask.key(&[&uuid.to_be_bytes()])
}

pub fn live(generation: u64, number: u32) -> Vec<u8> {
    Tag::Live.key(&[&generation.to_be_bytes(), &number.to_be_bytes()])
}

/// Generation and number in a key of a checkpoint.
pub fn generation_of(key: &[u8]) -> Option<u64> {
    key.get(1..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Statuses as they are stored.
pub const fn status_code(status: WorkflowStatus) -> u8 {
    match status {
        WorkflowStatus::Pending => 0,
        WorkflowStatus::Running => 1,
        WorkflowStatus::Paused => 2,
        WorkflowStatus::Completed => 3,
        WorkflowStatus::Failed => 4,
        WorkflowStatus::Cancelled => 5,
    }
}

pub fn status_from(code: u8) -> Option<WorkflowStatus> {
    WorkflowStatus::ALL.into_iter().find(|status| status_code(*status) == code)
}

/// Six bytes of milliseconds last until the year 10889.
pub fn time_bytes(time: Timestamp) -> [u8; 6] {
    let [_, _, bytes @ ..] = time.0.to_be_bytes();
    bytes
}

pub fn time_from(bytes: &[u8]) -> Option<Timestamp> {
    let bytes: [u8; 6] = bytes.try_into().ok()?;
    Some(Timestamp(bytes.into_iter().fold(0, |time, byte| time << 8 | u64::from(byte))))
}

fn place_from(bytes: &[u8]) -> Option<Place> {
    let (time, id) = bytes.split_at_checked(6)?;
    Some((time_from(time)?, WorkflowId(u128::from_be_bytes(id.try_into().ok()?))))
}

/// The place right after this one.
pub const fn place_after(place: Place) -> Place {
    match place.1.0.checked_add(1) {
        Some(id) => (place.0, WorkflowId(id)),
        None => (place.0.plus(1), WorkflowId(0)),
    }
}

/// The key right after this one.
pub fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_order_by_time_and_come_back() {
        let early = (Timestamp(255), WorkflowId(u128::MAX));
        let late = (Timestamp(256), WorkflowId(0));
        assert!(page(early) < page(late));
        assert_eq!(place_of_page(&page(early)), Some(early));
        let key = status(WorkflowStatus::Failed, late);
        assert_eq!(place_of_status(&key), Some(late));
        let (from, to) = statuses(WorkflowStatus::Failed, None);
        assert!(from < key && key < to);
        assert_eq!(statuses(WorkflowStatus::Failed, Some(late)).1, key);
        assert_eq!(generation_of(&live(7, 9)), Some(7));
        let (from, to) = Tag::Live.all();
        assert!(from < live(0, 0) && live(u64::MAX, u32::MAX) < to);
    }

    #[test]
    fn statuses_keep_their_numbers() {
        let codes: Vec<u8> = WorkflowStatus::ALL.into_iter().map(status_code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5]);
        assert!(
            WorkflowStatus::ALL.into_iter().all(|status| status_from(status_code(status)) == Some(status))
        );
    }
}
