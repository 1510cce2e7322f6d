//! How a log is opened, and what opening found.

use std::fmt;

use super::LogError;
use crate::core::ids::Seq;

pub const SEGMENT_SIZE_MIN: u64 = 1 << 20;
pub const SEGMENT_SIZE_MAX: u64 = 256 << 20;
const SEGMENT_SIZE_DEFAULT: u64 = 64 << 20;

/// How much of the log is checked while it is opened, the newest segments first and at least the last one. A
/// checkpoint is written every 64 MiB of log, so this covers all that is replayed; it takes a tenth of a second.
/// Whatever is older is checked when it is read.
const CHECKED_AT_OPEN: u64 = 256 << 20;

#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    pub(super) segment_size: u64,
    pub(super) checked_at_open: u64,
    pub(super) preparation: Preparation,
}

/// Who fills the next segment with zeroes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preparation {
    /// A thread of its own.
    Helper,
    /// The writer, after each append: everything happens in one order, which the simulation can repeat.
    Inline,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_size: SEGMENT_SIZE_DEFAULT,
            checked_at_open: CHECKED_AT_OPEN,
            preparation: Preparation::Helper,
        }
    }
}

impl LogOptions {
    /// Segments of another size, from 1 MiB to 256 MiB. It holds for new segments; old ones stay as they are.
    pub fn with_segment_size(bytes: u64) -> Result<Self, LogError> {
        let (min, max) = (SEGMENT_SIZE_MIN, SEGMENT_SIZE_MAX);
        if !(min..=max).contains(&bytes) {
            return Err(LogError::SegmentSize { bytes, min, max });
        }
        Ok(Self { segment_size: bytes, ..Self::default() })
    }

    /// For the simulation: any size from 16 KiB up, so that a short history has many segments.
    pub fn simulated(segment_size: u64) -> Self {
        Self { segment_size: segment_size.max(16 << 10), preparation: Preparation::Inline, ..Self::default() }
    }
}

/// What was found when a log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    pub first_seq: Seq,
    pub next_seq: Seq,
    pub segments: usize,
    /// Bytes of segments that were checked from end to end, and bytes whose check waits until they are read.
    pub checked_bytes: u64,
    pub unchecked_bytes: u64,
    /// Whether the log ended with a seal, so that nothing was being written when it was left.
    pub sealed: bool,
    pub cut: Option<Cut>,
}

/// A tail that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    pub file: String,
    pub offset: u64,
    /// How many bytes were cleared.
    pub bytes: u64,
    pub reason: CutReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutReason {
    /// The last batch was not written to its end, so it was never acknowledged.
    Torn,
    /// The file is shorter than it was made: somebody cut or copied it. Acknowledged records may be missing.
    Shortened { from: u64, to: u64 },
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, bytes, reason } = self;
        match reason {
            CutReason::Torn => write!(
                f,
                "segment file {file} ends in a torn batch at byte {offset}; cleared {bytes} bytes that were never acknowledged"
            ),
            CutReason::Shortened { from, to } => write!(
                f,
                "segment file {file} was made with {from} bytes and has {to} now, so something other than this program cut \
                 it; records after byte {offset} are missing if there were any"
            ),
        }
    }
}
