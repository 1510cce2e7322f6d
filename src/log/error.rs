//! What can go wrong with the log, in words for the person who has to do something about it.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::core::errors::{self, Code};
use crate::core::ids::Seq;

#[derive(Debug, Error)]
pub enum LogError {
    #[error("{doing} {file} failed: {error}")]
    Io {
        doing: &'static str,
        file: String,
        error: io::Error,
        /// True when the failure leaves it open what the disk holds.
        fatal: bool,
    },
    #[error("{0}; to go on without the lost records run `gleitzeit store repair --accept-loss`")]
    Damaged(Damage),
    #[error("record {seq} was released; the first kept record is {first_kept}", seq = seq.0, first_kept = first_kept.0)]
    Released { seq: Seq, first_kept: Seq },
    #[error("record {seq} was lost to damage and given up by `store repair`", seq = seq.0)]
    GivenUp { seq: Seq },
    #[error("record {seq} is not written yet; the log ends before {durable_end}", seq = seq.0, durable_end = durable_end.0)]
    NotDurable { seq: Seq, durable_end: Seq },
    #[error("record {seq} has {parts} payloads, so there is no payload number {part} (counted from 0)", seq = seq.0)]
    NoSuchPart { seq: Seq, part: u32, parts: u32 },
    #[error(
        "a {unit} of {bytes} bytes is above the limit of {limit} bytes; use smaller payloads or a larger --segment-size"
    )]
    TooLarge { unit: &'static str, bytes: u64, limit: u64 },
    #[error("a batch that starts at record {given} was refused, because the log goes on at record {expected}", given = given.0, expected = expected.0)]
    Fenced { given: Seq, expected: Seq },
    #[error("the disk is full and the reserve of the log is used up: {bytes} bytes cannot be written")]
    NoSpace { bytes: u64 },
    #[error(
        "no more files can be opened, so that the log cannot begin {file}: {bytes} bytes wait until connections end, or the \
         process may have more descriptors (LimitNOFILE)"
    )]
    NoDescriptors { file: String, bytes: u64 },
    #[error("the log stopped after a failed write; restart the process to recover")]
    Stopped,
    #[error(
        "segment file {file} has format {format}, but this binary knows formats up to {known}; use a newer binary"
    )]
    NewerFormat { file: String, format: u32, known: u32 },
    #[error("a segment size of {bytes} bytes is not between {min} and {max} bytes")]
    SegmentSize { bytes: u64, min: u64, max: u64 },
}

impl LogError {
    /// True when the log does not take appends any more and the process has to start again.
    pub const fn is_fatal(&self) -> bool {
        match self {
            Self::Io { fatal, .. } => *fatal,
            Self::Stopped => true,
            Self::Damaged(_)
            | Self::Released { .. }
            | Self::GivenUp { .. }
            | Self::NotDurable { .. }
            | Self::NoSuchPart { .. }
            | Self::TooLarge { .. }
            | Self::Fenced { .. }
            | Self::NoSpace { .. }
            | Self::NoDescriptors { .. }
            | Self::NewerFormat { .. }
            | Self::SegmentSize { .. } => false,
        }
    }
}

impl LogError {
    /// The code of the catalogue under which a person reads of it.
    pub const fn code(&self) -> Code {
        match self {
            Self::Damaged(_) => errors::DATA_CORRUPTION,
            Self::Released { .. } => errors::EVENTS_RELEASED,
            Self::NewerFormat { .. } => errors::FORMAT_TOO_NEW,
            Self::SegmentSize { .. } => errors::INVALID_ARGUMENT,
            Self::NoSpace { .. } => errors::DISK_SPACE_FULL,
            Self::NoDescriptors { .. } => errors::OVERLOADED,
            Self::TooLarge { .. } => errors::PAYLOAD_TOO_LARGE,
            Self::Io { .. }
            | Self::GivenUp { .. }
            | Self::NotDurable { .. }
            | Self::NoSuchPart { .. }
            | Self::Fenced { .. }
            | Self::Stopped => errors::STORAGE_FAILED,
        }
    }
}

/// Acknowledged bytes that are not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub file: String,
    pub offset: u64,
    pub what: &'static str,
    pub lost: Lost,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "segment file {} is damaged at byte {}: {}; {}",
            self.file, self.offset, self.what, self.lost
        )
    }
}

/// The records that damage takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    pub from: Seq,
    /// The first record after the gap, or nothing when no later record names it.
    pub to: Option<Seq>,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            Some(to) if to <= self.from => write!(f, "no record is lost"),
            Some(to) => write!(f, "records {} to {} are lost", self.from.0, to.0 - 1),
            None => write!(f, "all records from {} on are lost", self.from.0),
        }
    }
}
