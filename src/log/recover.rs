//! Opening a log: which segments there are, whether they form one chain, and where the log ends.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::LogError;
use super::catalog::Entry;
use super::disk::{Access, Disk, DiskFile, failed};
use super::error::{Damage, Lost};
use super::examine::{Examined, examine};
use super::frame::{self, FRAME_BYTES};
use super::options::{Cut, CutReason};
use super::segment::{HEADER_BYTES, HeaderFault, SegmentHeader, file_name, file_number};
use crate::core::ids::Seq;

/// A segment file as it lies in the directory.
#[derive(Debug)]
pub struct Found {
    pub number: u64,
    pub name: String,
    pub size: u64,
    pub file: Arc<dyn DiskFile>,
    pub header: Result<SegmentHeader, &'static str>,
}

/// All segment files in order. Only a format from the future is an error here.
pub fn survey(disk: &dyn Disk) -> Result<Vec<Found>, LogError> {
    let names = disk.list().map_err(failed(disk, "listing the directory of", ""))?;
    let numbers: BTreeMap<u64, String> =
        names.into_iter().filter_map(|name| Some((file_number(&name)?, name))).collect();
    numbers.into_iter().map(|(number, name)| found(disk, number, name)).collect()
}

fn found(disk: &dyn Disk, number: u64, name: String) -> Result<Found, LogError> {
    let file = disk.open(&name, Access::Read).map_err(failed(disk, "opening", &name))?;
    let size = file.size().map_err(failed(disk, "reading", &name))?;
    let mut page = vec![0; HEADER_BYTES.min(usize::try_from(size).unwrap_or(HEADER_BYTES))];
    file.read_exact_at(&mut page, 0).map_err(failed(disk, "reading", &name))?;
    let header = match SegmentHeader::parse(&page) {
        Ok(header) if header.number == number => Ok(header),
        Ok(_) => Err("its header belongs to a segment of another number"),
        Err(HeaderFault::Damaged(what)) => Err(what),
        Err(HeaderFault::Newer(format)) => {
            let (file, known) = (disk.describe(&name), super::segment::FORMAT);
            return Err(LogError::NewerFormat { file, format, known });
        }
    };
    Ok(Found { number, name, size, file, header })
}

/// One segment of the chain after the checks.
#[derive(Debug)]
pub struct Link {
    pub header: SegmentHeader,
    /// Nothing when the segment is older than what was to be checked.
    pub examined: Option<Examined>,
}

/// Checks the chain, and the content of as many of the newest segments as `budget` bytes allow. Hands every
/// damage to `on_damage`, which says whether to go on.
pub fn check(
    disk: &dyn Disk,
    found: &[Found],
    budget: u64,
    mut on_damage: impl FnMut(Damage) -> Result<(), LogError>,
) -> Result<Vec<Link>, LogError> {
    let checked_from = first_checked(found, budget);
    let mut links: Vec<Link> = Vec::with_capacity(found.len());
    for (at, segment) in found.iter().enumerate() {
        let next = found.get(at + 1).and_then(|next| next.header.ok());
        let header = match segment.header {
            Ok(header) => header,
            Err(what) => {
                let from = links.last().map_or(super::FIRST_SEQ, Link::end);
                let lost = Lost { from, to: next.map(|next| next.first) };
                on_damage(Damage { file: disk.describe(&segment.name), offset: 0, what, lost })?;
                continue;
            }
        };
        let before = at.checked_sub(1).and_then(|before| found.get(before));
        if let Some(before) = before
            && before.number != header.previous
        {
            let missing = disk.describe(&file_name(header.previous));
            let from = links.last().map_or(super::FIRST_SEQ, Link::end);
            let lost = Lost { from, to: Some(header.first) };
            on_damage(Damage { file: missing, offset: 0, what: "the file is missing", lost })?;
        }
        // A missing file is reported as that, once, and not as an early end of the segment before it.
        let follows = next.filter(|next| next.previous == header.number);
        let examined = if at < checked_from {
            None
        } else {
            let examined = examine(disk, &segment.file, &header, follows.map(|next| next.first))?;
            if let Some(damage) = examined.damage.clone() {
                on_damage(damage)?;
            }
            Some(examined)
        };
        links.push(Link { header, examined });
    }
    Ok(links)
}

impl Link {
    /// The position after the last record that can be read; for an unchecked segment the first one.
    pub fn end(&self) -> Seq {
        self.examined.as_ref().map_or(self.header.first, |examined| examined.index.end)
    }

    /// Whether the segment ends with a seal, or was never written to.
    pub fn is_sealed(&self) -> bool {
        self.examined.as_ref().is_some_and(|examined| examined.sealed || examined.last_frame.is_none())
    }

    pub fn into_entry(self) -> Entry {
        Entry { header: self.header, index: self.examined.map(|examined| examined.index) }
    }
}

fn first_checked(found: &[Found], budget: u64) -> usize {
    let mut left = budget;
    let newest = found.iter().rev().enumerate().take_while(|(age, segment)| {
        let fits = *age == 0 || segment.size <= left;
        left = left.saturating_sub(segment.size);
        fits
    });
    found.len() - newest.count()
}

/// The last segment, ready to be written.
#[derive(Debug)]
pub struct Tail {
    pub file: Arc<dyn DiskFile>,
    pub header: SegmentHeader,
    /// Bytes of the file that may be used.
    pub capacity: u64,
    pub offset: u64,
    pub sealed: bool,
    pub cut: Option<Cut>,
}

/// Makes the end of the log certain: clears what was torn so that it cannot come back, writes the last frame
/// again, and seals.
///
/// The last frame may be in the page cache only, because the process before was killed before its sync, or
/// because that sync failed and the kernel forgot the page. Writing the same bytes again and syncing settles
/// both, and a power cut in the middle leaves the same bytes.
pub fn settle(disk: &dyn Disk, link: &mut Link) -> Result<Tail, LogError> {
    let name = file_name(link.header.number);
    let header = link.header;
    let examined = link.examined.as_mut().expect("the last segment is always checked");
    let file = disk.open(&name, Access::Write).map_err(failed(disk, "opening", &name))?;
    let size = file.size().map_err(failed(disk, "reading", &name))?;
    let capacity = size.min(header.capacity);
    let cut = cut(disk, &name, examined, size);
    let settled =
        clear(file.as_ref(), examined).and_then(|()| confirm(file.as_ref(), examined, &header, capacity));
    settled.and_then(|()| disk.sync_directory()).map_err(failed(disk, "settling the end of", &name))?;
    let (offset, sealed) = (examined.index.end_offset, examined.sealed);
    Ok(Tail { file, header, capacity, offset, sealed, cut })
}

fn cut(disk: &dyn Disk, name: &str, examined: &Examined, size: u64) -> Option<Cut> {
    let offset = examined.index.end_offset;
    let bytes = examined.torn_until.map_or(0, |zeroes_from| zeroes_from - offset);
    let reason = match examined.shortened_from {
        Some(from) => CutReason::Shortened { from, to: size },
        None if bytes > 0 => CutReason::Torn,
        None => return None,
    };
    Some(Cut { file: disk.describe(name), offset, bytes, reason })
}

fn clear(file: &dyn DiskFile, examined: &Examined) -> io::Result<()> {
    let Some(zeroes_from) = examined.torn_until else { return Ok(()) };
    let zeroes = vec![0; CLEARED_AT_ONCE];
    let mut at = examined.index.end_offset;
    while at < zeroes_from {
        let bytes = usize::try_from(zeroes_from - at).unwrap_or(usize::MAX).min(CLEARED_AT_ONCE);
        file.write_all_at(zeroes.get(..bytes).unwrap_or_default(), at)?;
        at += bytes as u64;
    }
    file.sync_data()
}

fn confirm(
    file: &dyn DiskFile,
    examined: &mut Examined,
    header: &SegmentHeader,
    capacity: u64,
) -> io::Result<()> {
    let Some((offset, bytes)) = examined.last_frame else { return Ok(()) };
    let mut last = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
    file.read_exact_at(&mut last, offset)?;
    let room = capacity.saturating_sub(examined.index.end_offset);
    if !examined.sealed && room >= FRAME_BYTES as u64 {
        last.extend_from_slice(&frame::seal(examined.index.end, header.salt));
        examined.index.end_offset += FRAME_BYTES as u64;
        examined.sealed = true;
    }
    file.write_all_at(&last, offset)?;
    file.sync_data()
}

const CLEARED_AT_ONCE: usize = 1 << 20;
