//! Taking the end off a log that nobody has open: for going back to an earlier moment with a copy of it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::batch::Batch;
use super::disk::{Access, Directory, Disk, failed};
use super::frame::{self, Frame};
use super::record::RecordView;
use super::recover::{Found, check, survey};
use super::segment::{HEADER_BYTES, SegmentHeader};
use super::walk::{Step, Walker};
use super::{FIRST_SEQ, LogError};
use crate::core::ids::Seq;

/// A replacement while it is being written.
const REPLACEMENT_NAME: &str = "next.cut";

/// Makes `end` the position after the last record of the log in `dir`, and returns the one that became it: less where the
/// log is shorter, or where an earlier repair gave up what lay around it. The log must be whole. One that is cut off itself
/// leaves a log with a later end.
pub fn cut(dir: &Path, end: Seq) -> Result<Seq, LogError> {
    cut_on(&Directory::existing(dir), end)
}

pub(super) fn cut_on(disk: &dyn Disk, end: Seq) -> Result<Seq, LogError> {
    let found = survey(disk)?;
    let links = check(disk, &found, u64::MAX, |damage| Err(LogError::Damaged(damage)))?;
    let Some(first) = links.first().map(|link| link.header.first) else { return Ok(FIRST_SEQ) };
    if end < first {
        return Err(LogError::Released { seq: end, first_kept: first });
    }
    // From the last one back, so that what is left is a log at every moment.
    let mut left = found;
    while let Some(segment) = left.pop() {
        let header = segment.header.expect("what is not damaged has a header");
        if header.first < end || left.is_empty() {
            return shorten(disk, &segment, &header, end);
        }
        disk.remove(&segment.name).and_then(|()| disk.sync_directory()).map_err(failed(
            disk,
            "deleting",
            &segment.name,
        ))?;
    }
    Ok(first)
}

/// Writes a segment anew up to `end`, with the batch around it taken apart.
fn shorten(disk: &dyn Disk, segment: &Found, header: &SegmentHeader, end: Seq) -> Result<Seq, LogError> {
    let read = || {
        let mut walker = Walker::new(Arc::clone(&segment.file), segment.size, header.salt, header.first);
        loop {
            let (offset, next) = (walker.offset, walker.next);
            match walker.step()? {
                Step::Batch { frame, .. } if frame.end() <= end => {}
                Step::Batch { frame, records, .. } => {
                    let part = part_of(&frame, records, end)?;
                    return Ok((offset, part.end(), part));
                }
                Step::GivenUp { to, .. } if to <= end => {}
                Step::GivenUp { .. } | Step::End(_) => return Ok((offset, next, Batch::new(next))),
            }
        }
    };
    let (offset, end, mut part) = read().map_err(failed(disk, "reading", &segment.name))?;
    let mut tail = if part.is_empty() { Vec::new() } else { part.finish(header.salt).to_vec() };
    tail.extend_from_slice(&frame::seal(end, header.salt));
    let head = SegmentHeader { capacity: offset + tail.len() as u64, ..*header };
    let write = || {
        let file = disk.open(REPLACEMENT_NAME, Access::Create)?;
        file.set_size(0)?;
        file.write_all_at(&head.encode(), 0)?;
        let mut at = HEADER_BYTES as u64;
        while at < offset {
            let mut bytes = vec![0; usize::try_from(offset - at).unwrap_or(usize::MAX).min(COPIED_AT_ONCE)];
            segment.file.read_exact_at(&mut bytes, at)?;
            file.write_all_at(&bytes, at)?;
            at += bytes.len() as u64;
        }
        file.write_all_at(&tail, offset)?;
        file.sync_data()?;
        disk.rename(REPLACEMENT_NAME, &segment.name)?;
        disk.sync_directory()
    };
    write().map_err(failed(disk, "shortening", &segment.name))?;
    Ok(end)
}

/// The first records of a batch, up to `end`.
fn part_of(frame: &Frame, mut records: &[u8], end: Seq) -> io::Result<Batch> {
    let mut part = Batch::new(frame.first);
    while part.end() < end {
        let (record, rest) = RecordView::split(records, part.end())
            .ok_or_else(|| io::Error::other("a record inside a whole batch is wrong"))?;
        part.push(|body| body.extend_from_slice(record.body), record.parts.iter());
        records = rest;
    }
    Ok(part)
}

const COPIED_AT_ONCE: usize = 1 << 20;
