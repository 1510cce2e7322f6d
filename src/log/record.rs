//! One record inside a batch: an encoded event and its payloads.
//!
//! ```text
//! length u32 | body length u32 | parts u32 | crc u32 | body | parts | part table
//! ```
//!
//! `length` counts what follows the four numbers; `crc` covers the record's seq and the three numbers before
//! it, so that whoever steps from record to record notices a wrong step at once. An entry of the part table is
//! the end of the part, counted from the first byte of the first part, and a CRC-32C over the record's seq,
//! the part's number and its bytes: one part can be read and checked without the others.

use std::str;

use super::frame::{RECORD_LENGTH_MAX, u32_at, u64_at};
use crate::core::ids::Seq;

pub const RECORD_BYTES: usize = 16;
pub const PART_ENTRY_BYTES: usize = 8;

/// The fixed part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHead {
    pub length: u32,
    pub body: u32,
    pub parts: u32,
}

impl RecordHead {
    pub fn encode(self, seq: Seq) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let numbers = [self.length, self.body, self.parts, self.checksum(seq)];
        for (slot, number) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
            *slot = number.to_le_bytes();
        }
        bytes
    }

    /// The head of record `seq`, or nothing when the bytes are not that.
    pub fn parse(bytes: &[u8], seq: Seq) -> Option<Self> {
        let head = Self { length: u32_at(bytes, 0)?, body: u32_at(bytes, 4)?, parts: u32_at(bytes, 8)? };
        let fits = head.length <= RECORD_LENGTH_MAX
            && u64::from(head.body) + head.table_bytes() <= u64::from(head.length);
        (fits && u32_at(bytes, 12)? == head.checksum(seq)).then_some(head)
    }

    /// Length of the whole record in bytes.
    pub const fn total(self) -> u64 {
        RECORD_BYTES as u64 + self.length as u64
    }

    /// Where the first part starts, counted from the start of the record.
    pub const fn parts_at(self) -> u64 {
        RECORD_BYTES as u64 + self.body as u64
    }

    /// Where the part table starts, counted from the start of the record.
    pub const fn table_at(self) -> u64 {
        self.total() - self.table_bytes()
    }

    const fn table_bytes(self) -> u64 {
        self.parts as u64 * PART_ENTRY_BYTES as u64
    }

    fn checksum(self, seq: Seq) -> u32 {
        let mut bytes = [0; 20];
        let (first, rest) = bytes.split_at_mut(8);
        first.copy_from_slice(&seq.0.to_le_bytes());
        for (slot, number) in rest.as_chunks_mut::<4>().0.iter_mut().zip([self.length, self.body, self.parts])
        {
            *slot = number.to_le_bytes();
        }
        crc32c::crc32c(&bytes)
    }
}

/// The checksum in the part table.
pub fn part_checksum(seq: Seq, part: u32, bytes: &[u8]) -> u32 {
    let place = u128::from(seq.0) << 32 | u128::from(part);
    crc32c::crc32c_append(crc32c::crc32c(&place.to_le_bytes()), bytes)
}

/// A record as a reader sees it.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    pub seq: Seq,
    pub body: &'a [u8],
    pub parts: Parts<'a>,
}

/// The payloads of one record.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    text: &'a str,
    table: &'a [u8],
}

impl<'a> Parts<'a> {
    pub fn len(&self) -> usize {
        self.table.len() / PART_ENTRY_BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub fn get(&self, part: u32) -> Option<&'a str> {
        let entry = PART_ENTRY_BYTES.checked_mul(usize::try_from(part).ok()?)?;
        let end = u32_at(self.table, entry)?;
        let start = if part == 0 { 0 } else { u32_at(self.table, entry - PART_ENTRY_BYTES)? };
        self.text.get(start as usize..end as usize)
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let parts = *self;
        (0..).map_while(move |part| parts.get(part))
    }
}

impl<'a> RecordView<'a> {
    /// Takes the record `seq` from the front of `bytes`, which belong to a batch whose checksum is right.
    /// Returns nothing when the bytes do not hold that record, which no writer of ours can cause.
    pub fn split(bytes: &'a [u8], seq: Seq) -> Option<(Self, &'a [u8])> {
        let head = RecordHead::parse(bytes, seq)?;
        let (record, rest) = bytes.split_at_checked(usize::try_from(head.total()).ok()?)?;
        let (_, content) = record.split_at_checked(RECORD_BYTES)?;
        let (body, content) = content.split_at_checked(head.body as usize)?;
        let table_bytes = usize::try_from(head.table_bytes()).ok()?;
        let (text, table) = content.split_at_checked(content.len().checked_sub(table_bytes)?)?;
        let parts = Parts { text: str::from_utf8(text).ok()?, table };
        parts.is_sound().then_some((Self { seq, body, parts }, rest))
    }
}

impl Parts<'_> {
    /// Whether the ends in the table cut the text into whole characters, in order and up to its end.
    fn is_sound(&self) -> bool {
        let mut start = 0;
        for entry in self.table.as_chunks::<PART_ENTRY_BYTES>().0 {
            let Some(end) = u32_at(entry, 0).map(|end| end as usize) else { return false };
            if end < start || !self.text.is_char_boundary(end) {
                return false;
            }
            start = end;
        }
        start == self.text.len()
    }
}

/// One entry of the part table, read on its own.
#[derive(Debug, Clone, Copy)]
pub struct PartEntry {
    pub end: u32,
    pub crc: u32,
}

impl PartEntry {
    pub fn encode(self) -> [u8; PART_ENTRY_BYTES] {
        (u64::from(self.end) | u64::from(self.crc) << 32).to_le_bytes()
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let word = u64_at(bytes, 0)?;
        Some(Self {
            end: u32::try_from(word & u64::from(u32::MAX)).ok()?,
            crc: u32::try_from(word >> 32).ok()?,
        })
    }
}
