//! Reading one segment from end to end, and saying what is whole, what is torn and what is damaged.
//!
//! The writer never has more than one unsynced batch on the disk. So when something valid follows a bad batch,
//! in this segment or in a later one, the bad batch was whole once and acknowledged: that is damage. When
//! nothing follows, it is taken for the batch that was being written when the power went: it is torn.

use std::sync::Arc;

use super::LogError;
use super::catalog::{Index, Mark};
use super::disk::{Disk, DiskFile, failed};
use super::error::{Damage, Lost};
use super::frame::{FRAME_BYTES, Frame};
use super::record::RecordHead;
use super::segment::{SegmentHeader, file_name};
use super::walk::{Step, Walker, rest};
use crate::core::ids::Seq;

#[derive(Debug, Default)]
pub struct Examined {
    /// What can be read, up to the end or up to the damage.
    pub index: Index,
    pub batches: u64,
    pub records: u64,
    pub given_up: Vec<Lost>,
    /// Offset and length of the last whole frame.
    pub last_frame: Option<(u64, u64)>,
    /// Whether that frame is a seal.
    pub sealed: bool,
    /// Where the zeroes begin, when a torn batch lies before them. Only in the last segment.
    pub torn_until: Option<u64>,
    /// How many bytes the file should have, when it has fewer.
    pub shortened_from: Option<u64>,
    pub damage: Option<Damage>,
}

/// Examines a segment. `next` is the first record of the segment after it, if there is one.
pub fn examine(
    disk: &dyn Disk,
    file: &Arc<dyn DiskFile>,
    header: &SegmentHeader,
    next: Option<Seq>,
) -> Result<Examined, LogError> {
    let name = file_name(header.number);
    let size = file.size().map_err(failed(disk, "reading", &name))?;
    let limit = size.min(header.capacity);
    let mut walker = Walker::new(Arc::clone(file), limit, header.salt, header.first);
    let mut seen = Examined { index: Index::empty(header.first), ..Examined::default() };
    let stopped = loop {
        match walker.step().map_err(failed(disk, "reading", &name))? {
            Step::Batch { frame, offset, records } => {
                if seen.batch(&frame, offset, records).is_none() {
                    break "a record inside a whole batch is wrong";
                }
            }
            Step::GivenUp { from, to } => {
                seen.given_up.push(Lost { from, to: Some(to) });
                seen.frame(walker.offset, walker.offset - seen.index.end_offset, to);
                seen.sealed = false;
            }
            Step::End(why) => break why,
        }
    };
    let (end, offset) = (seen.index.end, seen.index.end_offset);
    let damage = |what, to| {
        let lost = Lost { from: end, to };
        Damage { file: disk.describe(&name), offset, what, lost }
    };
    seen.shortened_from = (size < header.capacity).then_some(header.capacity);
    if next == Some(end) {
        return Ok(seen);
    }
    let rest = rest(file, offset, limit, Some(header.salt)).map_err(failed(disk, "reading", &name))?;
    let later = rest.valid.map(|(_, frame)| frame.first).filter(|first| *first >= end);
    seen.damage = match (next, rest.valid) {
        (Some(next), _) if next < end => {
            Some(damage("it holds records that the next segment holds as well", Some(end)))
        }
        (Some(next), _) => Some(damage(stopped, later.or(Some(next)))),
        (None, Some(_)) => Some(damage(stopped, later.or(Some(end)))),
        (None, None) => None,
    };
    seen.torn_until = rest.zeroes_from;
    Ok(seen)
}

impl Examined {
    /// Notes a whole batch and steps over its records. Returns nothing when they do not add up.
    fn batch(&mut self, frame: &Frame, offset: u64, records: &[u8]) -> Option<()> {
        let index = &mut self.index;
        step_over(frame, records, |seq, at| {
            index.note(Mark { seq, record: offset + at, batch: offset, batch_first: frame.first });
        })?;
        self.batches += 1;
        self.records += u64::from(frame.count);
        self.sealed = frame.is_seal();
        self.frame(offset + frame.total(), frame.total(), frame.end());
        Some(())
    }

    fn frame(&mut self, end_offset: u64, bytes: u64, end: Seq) {
        self.last_frame = Some((end_offset - bytes, bytes));
        self.index.end_offset = end_offset;
        self.index.end = end;
    }
}

/// Shows the seq and the place within the frame of every record. Returns nothing when they do not add up.
pub fn step_over(frame: &Frame, records: &[u8], mut visit: impl FnMut(Seq, u64)) -> Option<()> {
    let mut at = FRAME_BYTES as u64;
    let mut rest = records;
    for number in 0..u64::from(frame.count) {
        let seq = Seq(frame.first.0 + number);
        let head = RecordHead::parse(rest, seq)?;
        rest = rest.get(usize::try_from(head.total()).ok()?..)?;
        visit(seq, at);
        at += head.total();
    }
    rest.is_empty().then_some(())
}
