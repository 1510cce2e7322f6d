//! Going on after damage, when somebody decided to live without the records that are lost.
//!
//! Every file that changes is replaced as a whole and atomically, and the original gets a second name first. So
//! a repair that is cut off at any point is done again from its start and loses nothing more.

use std::path::Path;
use std::sync::Arc;

use super::disk::{Access, Directory, Disk, DiskFile, failed};
use super::error::Lost;
use super::examine::{examine, step_over};
use super::frame;
use super::recover::{Found, survey};
use super::segment::{HEADER_BYTES, SegmentHeader, file_name};
use super::walk::{Step, Walker, rest};
use super::{FIRST_SEQ, LogError};
use crate::core::ids::Seq;

/// A replacement while it is being written.
const REPLACEMENT_NAME: &str = "next.repaired";

/// Says that whoever asks for the repair knows that records are lost for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptLoss;

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepairReport {
    pub lost: Vec<Lost>,
    /// Segment files that were replaced or added.
    pub written: Vec<String>,
    /// Where the originals are now.
    pub kept: Vec<String>,
}

/// Makes the log in `dir` one that opens: what is damaged is noted as given up, everything else stays as it is.
/// A log without damage is not touched. Nobody else may have the log open.
pub fn repair(dir: &Path, accept: AcceptLoss) -> Result<RepairReport, LogError> {
    repair_on(&Directory::existing(dir), accept)
}

pub(super) fn repair_on(disk: &dyn Disk, _accept: AcceptLoss) -> Result<RepairReport, LogError> {
    let found = survey(disk)?;
    let mut repair = Repair { disk, report: RepairReport::default(), previous: None, next: FIRST_SEQ };
    for (at, segment) in found.iter().enumerate() {
        repair.segment(segment, found.get(at + 1))?;
    }
    Ok(repair.report)
}

struct Repair<'a> {
    disk: &'a dyn Disk,
    report: RepairReport,
    /// The number of the segment before, and the record that comes next.
    previous: Option<u64>,
    next: Seq,
}

/// A whole frame that can be kept.
struct Piece {
    offset: u64,
    bytes: u64,
    first: Seq,
    end: Seq,
}

impl Repair<'_> {
    fn segment(&mut self, segment: &Found, follower: Option<&Found>) -> Result<(), LogError> {
        let follower = follower.and_then(|follower| follower.header.ok());
        let follower = follower.filter(|follower| follower.previous == segment.number);
        if let Ok(header) = segment.header {
            if self.previous.is_none() {
                self.next = header.first;
            }
            self.fill_hole(&header)?;
            let follows = self.previous.is_none_or(|previous| previous == header.previous);
            if follows && self.next == header.first {
                let seen =
                    examine(self.disk, &segment.file, &header, follower.map(|follower| follower.first))?;
                // Something torn counts as damage unless it is the end of the log.
                if seen.damage.is_none() {
                    self.previous = Some(segment.number);
                    self.next = seen.index.end;
                    return Ok(());
                }
            }
        }
        self.replace(segment, follower)
    }

    /// Stands in for missing files before `header`, if there are any.
    fn fill_hole(&mut self, header: &SegmentHeader) -> Result<(), LogError> {
        let Some(previous) = self.previous.filter(|previous| *previous < header.previous) else {
            return Ok(());
        };
        if self.next > header.first {
            return Ok(());
        }
        let name = file_name(header.previous);
        let mut bytes = vec![0; HEADER_BYTES];
        let salt = self.disk.salt();
        bytes.extend_from_slice(&self.give_up(Some(header.first), salt));
        let stand_in = SegmentHeader {
            number: header.previous,
            previous,
            first: self.next,
            salt,
            capacity: bytes.len() as u64,
        };
        frame::put(&mut bytes, 0, &stand_in.encode());
        self.write(&name, |file| file.write_all_at(&bytes, 0))?;
        self.next = header.first;
        self.previous = Some(header.previous);
        Ok(())
    }

    /// Writes the segment anew from what is whole in it.
    fn replace(&mut self, segment: &Found, follower: Option<SegmentHeader>) -> Result<(), LogError> {
        let name = &segment.name;
        let (salt, pieces) = self.salvage(segment)?;
        let salt = salt.unwrap_or_else(|| self.disk.salt());
        if self.previous.is_none() && segment.header.is_err() {
            self.next = pieces.first().map_or(FIRST_SEQ, |piece| piece.first);
        }
        let mut header = SegmentHeader {
            number: segment.number,
            previous: self.previous.unwrap_or(0),
            first: self.next,
            salt,
            capacity: HEADER_BYTES as u64,
        };
        let mut parts: Vec<Part> = Vec::new();
        for piece in pieces {
            if piece.first < self.next {
                continue;
            }
            if piece.first > self.next {
                parts.push(Part::Note(self.give_up(Some(piece.first), salt)));
            }
            self.next = piece.end;
            parts.push(Part::Kept(piece));
        }
        match follower {
            Some(follower) if follower.first > self.next => {
                parts.push(Part::Note(self.give_up(Some(follower.first), salt)));
                self.next = follower.first;
            }
            None if parts.is_empty() => drop(self.give_up(None, salt)),
            _ => {}
        }
        header.capacity += parts.iter().map(Part::bytes).sum::<u64>();
        let original = Arc::clone(&segment.file);
        let kept = self.disk.keep_aside(name).map_err(failed(self.disk, "keeping aside", name))?;
        self.report.kept.push(self.disk.describe(&kept));
        self.write(name, |file| {
            file.write_all_at(&header.encode(), 0)?;
            let mut at = HEADER_BYTES as u64;
            for part in &parts {
                match part {
                    Part::Note(note) => file.write_all_at(note, at)?,
                    Part::Kept(piece) => {
                        let mut bytes = vec![0; usize::try_from(piece.bytes).map_err(std::io::Error::other)?];
                        original.read_exact_at(&mut bytes, piece.offset)?;
                        file.write_all_at(&bytes, at)?;
                    }
                }
                at += part.bytes();
            }
            Ok(())
        })?;
        self.previous = Some(segment.number);
        Ok(())
    }

    /// Notes a loss from the next record on, for the report and for the log.
    fn give_up(&mut self, to: Option<Seq>, salt: u64) -> Vec<u8> {
        let from = self.next;
        self.report.lost.push(Lost { from, to });
        frame::given_up(from, to.unwrap_or(from), salt)
    }

    fn write(
        &mut self,
        name: &str,
        content: impl FnOnce(&dyn DiskFile) -> std::io::Result<()>,
    ) -> Result<(), LogError> {
        let write = || {
            let file = self.disk.open(REPLACEMENT_NAME, Access::Create)?;
            file.set_size(0)?;
            content(file.as_ref())?;
            file.sync_data()?;
            self.disk.rename(REPLACEMENT_NAME, name)?;
            self.disk.sync_directory()
        };
        write().map_err(failed(self.disk, "writing the replacement of", name))?;
        self.report.written.push(self.disk.describe(name));
        Ok(())
    }

    /// All whole frames of a segment, whatever lies between them, and their salt.
    fn salvage(&self, segment: &Found) -> Result<(Option<u64>, Vec<Piece>), LogError> {
        let read = || {
            let (file, limit) = (&segment.file, segment.size);
            let mut salt = segment.header.ok().map(|header| header.salt);
            let mut pieces = Vec::new();
            let mut at = HEADER_BYTES as u64;
            while let Some((offset, frame)) = rest(file, at, limit, salt)?.valid {
                salt = Some(frame.salt);
                let mut walker = Walker::at(Arc::clone(file), limit, frame.salt, frame.first, offset);
                let piece = match walker.step()? {
                    Step::Batch { frame, records, .. } if step_over(&frame, records, |_, _| {}).is_some() => {
                        Some((frame.first, frame.end()))
                    }
                    Step::GivenUp { from, to } => Some((from, to)),
                    Step::Batch { .. } | Step::End(_) => None,
                };
                let bytes = frame.total();
                pieces.extend(piece.map(|(first, end)| Piece { offset, bytes, first, end }));
                at = offset + bytes;
            }
            Ok((salt, pieces))
        };
        read().map_err(failed(self.disk, "reading", &segment.name))
    }
}

enum Part {
    Note(Vec<u8>),
    Kept(Piece),
}

impl Part {
    fn bytes(&self) -> u64 {
        match self {
            Self::Note(note) => note.len() as u64,
            Self::Kept(piece) => piece.bytes,
        }
    }
}
