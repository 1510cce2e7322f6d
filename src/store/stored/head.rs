//! One workflow: what lists and searches need, and its tasks behind it.

use serde::{Deserialize, Serialize};

use super::base::Base;
use super::task::StoredTasks;
use crate::core::ids::{Fingerprint, Seq, Timestamp, canonical_uuid};
use crate::core::listing::{Label, Place, Summary};
use crate::core::payload::Stored;
use crate::core::state::{StatusKind, Workflow, WorkflowStatus};
use crate::store::bytes::{self, Undecodable};
use crate::store::keys;
use crate::store::kv::VALUE_BYTES_MAX;

/// Tasks up to this size stay in the page; larger ones get chunks of their own.
const INLINE_TASKS_MAX: usize = 700;
/// Longer names and labels are cut in lists. The specification has them whole.
const SHOWN_TEXT_MAX: usize = 1_024;

/// Its place, in the page that holds it, is not repeated here. Times are distances from it or from the creation,
/// positions are distances from `spec_seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head<'a> {
    pub label: Option<&'a str>,
    pub name: &'a str,
    pub status: u8,
    pub body: [u8; 16],
    pub key: Option<[u8; 16]>,
    pub spec_seq: u64,
    pub ended_seq: Option<i64>,
    /// The earliest record that it refers to.
    pub lowest_seq: i64,
    /// From the time of the place.
    pub created_at: i64,
    pub timed_from: i64,
    pub started_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub second_round: bool,
    /// Completed, failed, cancelled and skipped tasks.
    pub tally: [u32; 4],
    /// Tasks with a UUID of their own.
    pub own_ids: u32,
    /// What it is found by, ascending, 8 bytes each.
    pub labels: &'a [u8],
    pub tasks: Tasks<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tasks<'a> {
    Inline(&'a [u8]),
    Chunked { chunks: u32, bytes: u64, crc: u32 },
}

/// A workflow ready to be written.
#[derive(Debug)]
pub struct Packed {
    /// The encoded head, with the tasks where they are few.
    pub head: Vec<u8>,
    /// The encoded tasks where they are many.
    pub chunks: Vec<Vec<u8>>,
}

/// Packs a workflow, with its tasks in chunks of their own where they are large.
pub fn pack(workflow: &Workflow) -> Packed {
    let (base, labels) = (base_of(workflow), labels_of(workflow));
    let tasks = bytes::encode(&StoredTasks::of(workflow, base));
    if tasks.len() <= INLINE_TASKS_MAX {
        let head = bytes::encode(&head(workflow, base, &labels, Tasks::Inline(&tasks)));
        return Packed { head, chunks: Vec::new() };
    }
    let chunks: Vec<Vec<u8>> = tasks.chunks(VALUE_BYTES_MAX).map(<[u8]>::to_vec).collect();
    let stored = Tasks::Chunked {
        chunks: u32::try_from(chunks.len()).expect("a workflow takes less than 16 TiB"),
        bytes: tasks.len() as u64,
        crc: crc32c::crc32c(&tasks),
    };
    Packed { head: bytes::encode(&head(workflow, base, &labels, stored)), chunks }
}

/// Packs a workflow into one piece, whatever its size.
pub fn pack_whole(workflow: &Workflow) -> Vec<u8> {
    let base = base_of(workflow);
    let tasks = bytes::encode(&StoredTasks::of(workflow, base));
    bytes::encode(&head(workflow, base, &[], Tasks::Inline(&tasks)))
}

fn labels_of(workflow: &Workflow) -> Vec<u8> {
    Label::all_of(&workflow.spec).into_iter().flat_map(|label| label.0.to_be_bytes()).collect()
}

fn base_of(workflow: &Workflow) -> Base {
    Base { time: workflow.created_at, seq: workflow.spec_seq }
}

fn head<'a>(workflow: &'a Workflow, base: Base, labels: &'a [u8], tasks: Tasks<'a>) -> Head<'a> {
    let place = Base { time: workflow.listed_at().0, ..base };
    let ended = [StatusKind::Completed, StatusKind::Failed, StatusKind::Cancelled, StatusKind::Skipped];
    let own_ids = workflow.spec.tasks.iter().filter(|task| task.own_id.as_deref().is_some_and(is_uuid));
    Head {
        labels,
        label: workflow.spec.label.as_deref().map(shown),
        name: shown(&workflow.spec.name),
        status: keys::status_code(workflow.status),
        body: workflow.body.0.to_be_bytes(),
        key: workflow.key.map(|key| key.0.to_be_bytes()),
        spec_seq: workflow.spec_seq.0,
        ended_seq: workflow.ended_seq.map(|seq| base.to_seq(seq)),
        lowest_seq: base.to_seq(lowest_seq(workflow)),
        created_at: place.to_time(workflow.created_at),
        timed_from: base.to_time(workflow.timed_from),
        started_at: workflow.started_at.map(|time| base.to_time(time)),
        ended_at: workflow.ended_at.map(|time| base.to_time(time)),
        second_round: workflow.second_round,
        tally: ended.map(|kind| workflow.counts.of(kind)),
        own_ids: u32::try_from(own_ids.count()).expect("a workflow has at most 200,000 tasks"),
        tasks,
    }
}

fn is_uuid(id: &str) -> bool {
    canonical_uuid(id).is_some()
}

/// As much of a text as lists show.
fn shown(text: &str) -> &str {
    let end = (0..=SHOWN_TEXT_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// The earliest record that the workflow refers to.
fn lowest_seq(workflow: &Workflow) -> Seq {
    let logged = |stored: &Stored| match stored {
        Stored::Logged { seq, .. } => Some(*seq),
        Stored::Inline(_) | Stored::Own(_) => None,
    };
    let submitted = workflow.spec.payloads().filter_map(logged);
    let kept =
        workflow.tasks.iter().flat_map(|task| task.payloads().filter_map(logged).chain(task.ended_seq));
    submitted.chain(kept).min().map_or(workflow.spec_seq, |lowest| lowest.min(workflow.spec_seq))
}

impl<'a> Head<'a> {
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Undecodable> {
        let head: Self = bytes::decode("a workflow", bytes)?;
        if keys::status_from(head.status).is_none() {
            return Err(Undecodable::new("a workflow", format_args!("{} is not a status", head.status)));
        }
        Ok(head)
    }

    /// # Panics
    /// Never for a decoded head.
    pub fn status(&self) -> WorkflowStatus {
        keys::status_from(self.status).expect("decoding checked the status")
    }

    pub const fn base(&self, place: Place) -> Base {
        let listed = Base { time: place.0, seq: Seq(self.spec_seq) };
        Base { time: listed.time(self.created_at), ..listed }
    }

    pub const fn body(&self) -> Fingerprint {
        Fingerprint(u128::from_be_bytes(self.body))
    }

    pub fn key(&self) -> Option<Fingerprint> {
        self.key.map(|bytes| Fingerprint(u128::from_be_bytes(bytes)))
    }

    /// The earliest record that the workflow refers to.
    pub const fn lowest_seq(&self, place: Place) -> Seq {
        self.base(place).seq(self.lowest_seq)
    }

    pub const fn timed_from(&self, place: Place) -> Timestamp {
        self.base(place).time(self.timed_from)
    }

    pub const fn has_failures(&self) -> bool {
        let [_, failed, _, _] = self.tally;
        failed > 0
    }

    pub fn has_label(&self, wanted: Label) -> bool {
        self.labels.chunks(8).any(|label| label == wanted.0.to_be_bytes())
    }

    pub fn summary(&self, place: Place) -> Summary {
        let base = self.base(place);
        let [completed, failed, cancelled, skipped] = self.tally;
        Summary {
            place,
            label: self.label.map_or_else(|| place.1.to_string().into(), Into::into),
            name: self.name.into(),
            status: self.status(),
            total: completed + failed + cancelled + skipped,
            completed,
            failed,
            created_at: base.time,
            started_at: self.started_at.map(|distance| base.time(distance)),
            ended_at: self.ended_at.map(|distance| base.time(distance)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_between_characters() {
        let name = "ä".repeat(SHOWN_TEXT_MAX);
        assert_eq!(shown(&name).len(), SHOWN_TEXT_MAX);
        assert_eq!(shown(&format!("x{name}")).len(), SHOWN_TEXT_MAX - 1);
        assert_eq!(shown("short"), "short");
    }
}
