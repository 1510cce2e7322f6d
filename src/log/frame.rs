//! The frame around a batch, the unit that becomes durable together.
//!
//! ```text
//! magic u32 | crc u32 | length u32 | count u32 | first seq u64 | salt u64 | records
//! ```
//!
//! All numbers are little endian. `length` is that of the records; `crc` is the CRC-32C of everything else in
//! the frame. The salt belongs to the segment: bytes that an earlier user of the same disk blocks left behind
//! carry another one, and nobody outside can place a frame inside a payload without knowing it.

use crate::core::ids::Seq;

pub const FRAME_BYTES: usize = 32;

/// The magic numbers are above every record length, so that whoever steps from record to record can tell where
/// the next batch starts. Their first byte in number order, F5, is in no UTF-8 text, hence in no payload.
const BATCH_MAGIC: u32 = 0xF5B7_471C;
const GIVEN_UP_MAGIC: u32 = 0xF5B7_471D;

/// Above every record that fits into a segment, below the magic numbers.
pub const RECORD_LENGTH_MAX: u32 = 0x0FFF_FFFF;

/// A frame that was found, without its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub kind: FrameKind,
    pub crc: u32,
    pub length: u32,
    pub count: u32,
    pub first: Seq,
    pub salt: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// Records; none of them in a seal.
    Batch,
    /// Written by a repair: the records from `first` on are lost, up to the seq that follows the frame.
    GivenUp,
}

impl FrameKind {
    const fn magic(self) -> u32 {
        match self {
            Self::Batch => BATCH_MAGIC,
            Self::GivenUp => GIVEN_UP_MAGIC,
        }
    }
}

impl Frame {
    /// Reads the fixed part. Whether the frame is whole is another question: see [`Frame::is_whole`].
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let kind = match u32_at(bytes, 0)? {
            BATCH_MAGIC => FrameKind::Batch,
            GIVEN_UP_MAGIC => FrameKind::GivenUp,
            _ => return None,
        };
        Some(Self {
            kind,
            crc: u32_at(bytes, 4)?,
            length: u32_at(bytes, 8)?,
            count: u32_at(bytes, 12)?,
            first: Seq(u64_at(bytes, 16)?),
            salt: u64_at(bytes, 24)?,
        })
    }

    /// Length of the whole frame in bytes.
    pub const fn total(&self) -> u64 {
        FRAME_BYTES as u64 + self.length as u64
    }

    /// The position after the last record of a batch.
    pub const fn end(&self) -> Seq {
        Seq(self.first.0.saturating_add(self.count as u64))
    }

    /// Whether `bytes`, the whole frame, are what was written.
    pub fn is_whole(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.total() && checksum(bytes) == Some(self.crc)
    }

    pub fn is_seal(&self) -> bool {
        self.kind == FrameKind::Batch && self.count == 0
    }
}

/// Fills the fixed part of `bytes`, which are a whole frame with room for it.
pub fn finish(bytes: &mut [u8], kind: FrameKind, count: u32, first: Seq, salt: u64) {
    let length = u32::try_from(bytes.len() - FRAME_BYTES).expect("the size of a batch is limited");
    let fixed = [
        &kind.magic().to_le_bytes()[..],
        &[0; 4],
        &length.to_le_bytes(),
        &count.to_le_bytes(),
        &first.0.to_le_bytes(),
        &salt.to_le_bytes(),
    ]
    .concat();
    put(bytes, 0, &fixed);
    let crc = checksum(bytes).expect("the frame has its fixed part");
    put(bytes, 4, &crc.to_le_bytes());
}

/// A note that the records from `from` up to `to` are lost.
pub fn given_up(from: Seq, to: Seq, salt: u64) -> Vec<u8> {
    let mut bytes = vec![0; FRAME_BYTES];
    bytes.extend_from_slice(&to.0.to_le_bytes());
    finish(&mut bytes, FrameKind::GivenUp, 0, from, salt);
    bytes
}

/// An empty batch.
pub fn seal(first: Seq, salt: u64) -> [u8; FRAME_BYTES] {
    let mut bytes = [0; FRAME_BYTES];
    finish(&mut bytes, FrameKind::Batch, 0, first, salt);
    bytes
}

fn checksum(frame: &[u8]) -> Option<u32> {
    let magic = frame.get(..4)?;
    let rest = frame.get(8..)?;
    Some(crc32c::crc32c_append(crc32c::crc32c(magic), rest))
}

/// Overwrites a few bytes of a buffer that is known to reach that far.
pub fn put(buffer: &mut [u8], offset: usize, bytes: &[u8]) {
    buffer
        .get_mut(offset..offset + bytes.len())
        .expect("the buffer has room for its fixed fields")
        .copy_from_slice(bytes);
}

pub fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

pub fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}
