//! The append-only event log: the one truth of the engine.
//!
//! The log stores groups of records in segment files. It knows bytes and not events, it promises that what it
//! acknowledged is on the disk, and it never skips damage in silence. It does not lock its directory and it
//! does not know when a group should be written; both belong to its callers.

mod batch;
mod catalog;
mod cut;
mod disk;
mod error;
mod examine;
mod frame;
mod options;
mod prepare;
mod reader;
mod record;
mod recover;
mod repair;
mod scrub;
mod segment;
pub mod sim;
mod snapshot;
#[cfg(test)]
mod tests;
mod verify;
mod walk;
mod window;
mod writer;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

pub use batch::Batch;
pub use cut::cut;
pub use error::{Damage, LogError, Lost};
pub use options::{Cut, CutReason, LogOptions, OpenReport};
pub use record::{Parts, RecordView};
pub use repair::{AcceptLoss, RepairReport, repair};
pub use scrub::{NotWhole, Pace, Scrubbed};
pub use snapshot::{OldPart, SegmentImage, Snapshot, Snapshots};
pub use verify::{VerifyReport, verify};
pub use writer::SegmentLog;

use crate::core::ids::Seq;
use crate::figures::Histogram;

/// The first record of a new log, so that 0 can mean "before everything".
pub const FIRST_SEQ: Seq = Seq(1);

/// The writing side. It has one owner.
pub trait Log: Send + fmt::Debug {
    /// Appends one batch and returns when the disk has it: one write and one `fdatasync`.
    ///
    /// `batch.first()` must be [`Log::next_seq`], so that an owner who was left behind cannot write. After an
    /// error with [`LogError::is_fatal`] the log refuses every later append, because nobody can say what the
    /// disk holds; after any other error nothing was written. An empty batch is not written.
    fn append(&mut self, batch: &mut Batch) -> Result<(), LogError>;

    /// Writes an empty batch which proves at the next start that everything before it was whole. For moments
    /// of idleness and for the shutdown; does nothing when nothing was appended since the last seal.
    fn seal(&mut self) -> Result<(), LogError>;

    /// The position that the next record will have.
    fn next_seq(&self) -> Seq;

    /// Deletes the segments in which every record is below `up_to`.
    fn release(&mut self, up_to: Seq) -> Result<(), LogError>;

    /// A handle for any number of readers. It sees what is durable, and nothing else.
    fn reader(&self) -> Arc<dyn LogRead>;

    /// Whether there is room for new work. Cheap enough to ask before every batch.
    fn space(&self) -> Space;

    /// What fits into one record and into one batch.
    fn limits(&self) -> Limits;

    /// How long each sync has taken, in microseconds.
    fn sync_times(&self) -> Arc<Histogram>;
}

/// The reading side. Readers never wait for the disk on behalf of the writer.
pub trait LogRead: Send + Sync + fmt::Debug {
    /// The first record that is kept; [`LogRead::durable_end`] when the log is empty.
    fn first_seq(&self) -> Seq;

    /// The position after the last durable record.
    fn durable_end(&self) -> Seq;

    /// Shows the records from `from` on in order, until `visit` breaks or the durable end is reached. Every
    /// batch is checked before its first record is shown.
    fn scan(
        &self,
        from: Seq,
        visit: &mut dyn FnMut(RecordView<'_>) -> ControlFlow<()>,
    ) -> Result<(), LogError>;

    /// One payload of one record, without decoding the record.
    fn part(&self, seq: Seq, part: u32) -> Result<Arc<str>, LogError>;
}

/// What one append may carry, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The body and the payloads of one record, with 8 bytes for each payload.
    pub record: u64,
    /// [`Batch::len_bytes`] of one batch.
    pub batch: u64,
}

/// Whether the disk has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    Writable,
    /// The disk is full, or no file can be opened on it. `left` bytes are already on the disk as zeroes and can be written whatever happens:
    /// they are meant for reports of running work, and new work has to wait. The log tries again by itself.
    ReserveOnly {
        left: u64,
        /// The largest batch that there is room for.
        largest: u64,
        lack: Lack,
    },
}

/// What the log lacks to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    Space,
    /// The process may open no more files: its connections have them all.
    Descriptors,
}
