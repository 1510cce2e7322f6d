//! Stepping from batch to batch through one segment. Recovery, readers, `verify` and `repair` all see a segment
//! through this, so there is one opinion about what is whole.

use std::io;
use std::sync::Arc;

use super::disk::DiskFile;
use super::frame::{FRAME_BYTES, Frame, FrameKind, u64_at};
use super::segment::HEADER_BYTES;
use super::window::{SCAN_CHUNK, Window};
use crate::core::ids::Seq;

#[derive(Debug)]
pub struct Walker {
    window: Window,
    salt: u64,
    /// Where the next frame is expected.
    pub offset: u64,
    /// Which record it is expected to start with.
    pub next: Seq,
}

/// What is at the place where a frame is expected.
#[derive(Debug)]
pub enum Step<'a> {
    Batch {
        frame: Frame,
        offset: u64,
        records: &'a [u8],
    },
    /// A repair gave up the records from here to `to`.
    GivenUp {
        from: Seq,
        to: Seq,
    },
    /// Nothing valid: zeroes, the end of the file, or something else.
    End(&'static str),
}

impl Walker {
    /// Starts at the first batch of a segment. Nothing from `limit` on is looked at.
    pub fn new(file: Arc<dyn DiskFile>, limit: u64, salt: u64, first: Seq) -> Self {
        Self::at(file, limit, salt, first, HEADER_BYTES as u64)
    }

    /// Starts at a batch in the middle.
    pub fn at(file: Arc<dyn DiskFile>, limit: u64, salt: u64, next: Seq, offset: u64) -> Self {
        Self { window: Window::new(file, limit, SCAN_CHUNK), salt, offset, next }
    }

    pub fn step(&mut self) -> io::Result<Step<'_>> {
        let offset = self.offset;
        let Some(fixed) = self.window.look(offset, FRAME_BYTES)? else {
            return Ok(Step::End("the file ends here"));
        };
        let Some(frame) = Frame::parse(fixed) else { return Ok(Step::End("no batch starts here")) };
        let Ok(total) = usize::try_from(frame.total()) else { return Ok(Step::End("a batch is too long")) };
        let Some(bytes) = self.window.look(offset, total)? else {
            return Ok(Step::End("a batch reaches beyond the file"));
        };
        if frame.salt != self.salt {
            return Ok(Step::End("a batch of another segment is here"));
        }
        if !frame.is_whole(bytes) {
            return Ok(Step::End("the checksum of a batch is wrong"));
        }
        if frame.first != self.next {
            return Ok(Step::End("a batch starts at another record than expected"));
        }
        let records = bytes.get(FRAME_BYTES..).unwrap_or_default();
        let step = match frame.kind {
            FrameKind::Batch => {
                self.next = frame.end();
                Step::Batch { frame, offset, records }
            }
            FrameKind::GivenUp => match u64_at(records, 0).map(Seq).filter(|to| *to >= frame.first) {
                Some(to) => {
                    self.next = to;
                    Step::GivenUp { from: frame.first, to }
                }
                None => return Ok(Step::End("a note of lost records is wrong")),
            },
        };
        self.offset += frame.total();
        Ok(step)
    }
}

/// What follows the last good batch of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rest {
    /// Where the zeroes begin, when something else comes first.
    pub zeroes_from: Option<u64>,
    /// A later frame that is whole and continues the same segment.
    pub valid: Option<(u64, Frame)>,
}

/// Looks through everything from `from` to `limit`, up to the first valid frame. With no `salt` (the header is
/// gone) any frame with a right checksum counts.
pub fn rest(file: &Arc<dyn DiskFile>, from: u64, limit: u64, salt: Option<u64>) -> io::Result<Rest> {
    let mut rest = Rest::default();
    let mut blocks = Window::new(Arc::clone(file), limit, SCAN_CHUNK);
    let mut frames = Window::new(Arc::clone(file), limit, 0);
    let mut at = from;
    while at < limit {
        let here = ZEROES.len().min(usize::try_from(limit - at).unwrap_or(usize::MAX));
        // A frame may start in this block and end in a later one: look a little further for its fixed part.
        let seen = (here + FRAME_BYTES).min(usize::try_from(limit - at).unwrap_or(usize::MAX));
        let block = blocks.look(at, seen)?.unwrap_or_default();
        let zero = block.get(..here) == ZEROES.get(..here);
        if !zero {
            let used = block.iter().take(here).rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            rest.zeroes_from = Some(at + used as u64);
            for start in 0..here {
                let Some(frame) = block.get(start..).and_then(Frame::parse) else { continue };
                if salt.is_some_and(|salt| salt != frame.salt) {
                    continue;
                }
                let Ok(total) = usize::try_from(frame.total()) else { continue };
                let offset = at + start as u64;
                if frames.look(offset, total)?.is_some_and(|bytes| frame.is_whole(bytes)) {
                    rest.valid = Some((offset, frame));
                    return Ok(rest);
                }
            }
        }
        at += here as u64;
    }
    Ok(rest)
}

const ZEROES: [u8; 4096] = [0; 4096];
