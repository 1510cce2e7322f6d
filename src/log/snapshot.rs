//! Pictures of the log as of one moment, for backups: the engine goes on, and nothing that a picture shows is deleted
//! while somebody looks at it.
//!
//! Every segment is read from end to end and checked before a byte of it is handed out, so damage is found while there
//! may be an older backup without it.

use std::io::{self, Read};
use std::sync::Arc;

use super::LogError;
use super::catalog::{Catalog, Entry};
use super::disk::{DiskFile, failed};
use super::examine::{Examined, examine};
use super::frame;
use super::segment::{HEADER_BYTES, SegmentHeader, file_name};
use crate::core::ids::Seq;

/// Takes pictures of a log that is in use.
#[derive(Debug, Clone)]
pub struct Snapshots(pub(super) Arc<Catalog>);

/// Whole segments, from the oldest one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldPart {
    /// The record after the last one of them.
    pub up_to: Seq,
    /// What they take on the disk.
    pub bytes: u64,
}

/// Everything that was durable when it was taken. While it lives no segment is deleted.
#[derive(Debug)]
pub struct Snapshot {
    catalog: Arc<Catalog>,
    entries: Vec<Entry>,
    end: Seq,
}

/// One segment, as long as its records and sealed: `Read` gives the bytes of a whole file.
#[derive(Debug)]
pub struct SegmentImage {
    name: String,
    file: Arc<dyn DiskFile>,
    head: Vec<u8>,
    seal: Vec<u8>,
    /// The end of the records in the original.
    body_end: u64,
    at: u64,
    pub records: u64,
}

impl Snapshots {
    pub fn take(&self) -> Snapshot {
        let (entries, end) = self.0.hold();
        Snapshot { catalog: Arc::clone(&self.0), entries, end }
    }

    /// What the segments take on the disk.
    pub fn file_bytes(&self) -> u64 {
        self.0.headers().iter().map(|header| header.capacity).sum()
    }

    /// The oldest part of the log: of so many parts, or nothing where that would be no whole segment.
    pub fn oldest_part(&self, parts: usize) -> Option<OldPart> {
        let headers = self.0.headers();
        // The newest segment is being written.
        let (old, rest) = headers.split_at(headers.len().saturating_sub(1) / parts);
        let bytes = old.iter().map(|header| header.capacity).sum();
        old.last().zip(rest.first()).map(|(_, next)| OldPart { up_to: next.first, bytes })
    }

    /// The first record that stays when the oldest segment goes.
    pub fn second_segment(&self) -> Option<Seq> {
        self.0.headers().get(1).map(|header| header.first)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.catalog.let_go();
    }
}

impl Snapshot {
    /// The position after the last record.
    pub const fn end(&self) -> Seq {
        self.end
    }

    /// The first record.
    pub fn first(&self) -> Seq {
        self.entries.first().map_or(self.end, |entry| entry.header.first)
    }

    /// Every segment in order, each checked when its turn comes.
    pub fn segments(&self) -> impl Iterator<Item = Result<SegmentImage, LogError>> {
        let next = |at: usize| self.entries.get(at + 1).map(|entry| entry.header.first);
        self.entries.iter().enumerate().map(move |(at, entry)| self.image(entry, next(at)))
    }

    fn image(&self, entry: &Entry, next: Option<Seq>) -> Result<SegmentImage, LogError> {
        let (disk, name) = (self.catalog.disk.as_ref(), file_name(entry.header.number));
        let file = self.catalog.file(&entry.header)?;
        // What follows in the newest segment has been written since, or is being written now.
        let written = match (next, &entry.index) {
            (None, Some(index)) => index.end_offset,
            (_, _) => file.size().map_err(failed(disk, "reading", &name))?.min(entry.header.capacity),
        };
        let bounded = SegmentHeader { capacity: written, ..entry.header };
        let seen = examine(disk, &file, &bounded, next)?;
        if let Some(damage) = seen.damage {
            return Err(LogError::Damaged(damage));
        }
        let seal = seal(&entry.header, &seen);
        let body_end = seen.index.end_offset;
        let head = SegmentHeader { capacity: body_end + seal.len() as u64, ..entry.header }.encode().to_vec();
        Ok(SegmentImage { name, file, head, seal, body_end, at: 0, records: seen.records })
    }
}

/// An empty batch behind records that do not end with one.
fn seal(header: &SegmentHeader, seen: &Examined) -> Vec<u8> {
    if seen.sealed { Vec::new() } else { frame::seal(seen.index.end, header.salt).to_vec() }
}

impl SegmentImage {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn len_bytes(&self) -> u64 {
        self.body_end + self.seal.len() as u64
    }
}

impl Read for SegmentImage {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = |bytes: &[u8], at: u64| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            bytes.get(at..).unwrap_or_default().to_vec()
        };
        let count = if self.at < HEADER_BYTES as u64 {
            rest(&self.head, self.at).as_slice().read(buffer)?
        } else if self.at < self.body_end {
            let left = usize::try_from(self.body_end - self.at).unwrap_or(usize::MAX);
            let wanted = left.min(buffer.len());
            self.file.read_exact_at(buffer.get_mut(..wanted).unwrap_or_default(), self.at)?;
            wanted
        } else {
            rest(&self.seal, self.at - self.body_end).as_slice().read(buffer)?
        };
        self.at += count as u64;
        Ok(count)
    }
}
