//! A segment file: its name and its header. Batches follow the header without gaps; the rest is zeroes.
//!
//! ```text
//! magic 8 | format u32 | crc u32 | number u64 | previous u64 | first seq u64 | salt u64 | capacity u64 | zeroes
//! ```
//!
//! The header fills a page of its own, is on the disk before the file has its name, and is never written
//! again. So a header that cannot be read is damage, whatever happened to the power.

use super::frame::{put, u32_at, u64_at};
use crate::core::ids::Seq;

pub const HEADER_BYTES: usize = 4096;
/// The newest segment format this binary knows. Every format keeps the place of magic, format and crc, and the
/// crc covers the rest of the page.
pub const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"GLEITLOG";
const SUFFIX: &str = ".seg";

/// The name of the next segment while it is being filled with zeroes.
pub const PREPARED_NAME: &str = "next.prepared";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    pub number: u64,
    /// The number of the segment before, so that a missing file is noticed. 0 when there never was one.
    pub previous: u64,
    pub first: Seq,
    pub salt: u64,
    /// Length of the file. It was on the disk before the first batch, so a shorter file lost its end.
    pub capacity: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFault {
    Damaged(&'static str),
    Newer(u32),
}

impl SegmentHeader {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut page = [0; HEADER_BYTES];
        put(&mut page, 0, &MAGIC);
        put(&mut page, 8, &FORMAT.to_le_bytes());
        for (slot, number) in (0..).zip([self.number, self.previous, self.first.0, self.salt, self.capacity])
        {
            put(&mut page, 16 + slot * 8, &number.to_le_bytes());
        }
        let crc = checksum(&page).expect("the page is longer than its checksum");
        put(&mut page, 12, &crc.to_le_bytes());
        page
    }

    pub fn parse(page: &[u8]) -> Result<Self, HeaderFault> {
        Self::fields(page).unwrap_or(Err(HeaderFault::Damaged("the file ends within its header")))
    }

    fn fields(page: &[u8]) -> Option<Result<Self, HeaderFault>> {
        let page = page.get(..HEADER_BYTES)?;
        if !page.starts_with(&MAGIC) || u32_at(page, 12)? != checksum(page)? {
            return Some(Err(HeaderFault::Damaged("its header is not what was written")));
        }
        let format = u32_at(page, 8)?;
        if format > FORMAT {
            return Some(Err(HeaderFault::Newer(format)));
        }
        Some(Ok(Self {
            number: u64_at(page, 16)?,
            previous: u64_at(page, 24)?,
            first: Seq(u64_at(page, 32)?),
            salt: u64_at(page, 40)?,
            capacity: u64_at(page, 48)?,
        }))
    }
}

fn checksum(page: &[u8]) -> Option<u32> {
    Some(crc32c::crc32c_append(crc32c::crc32c(page.get(..12)?), page.get(16..)?))
}

pub fn file_name(number: u64) -> String {
    format!("{number:010}{SUFFIX}")
}

/// The number of a segment file; other files in the directory are none of ours.
pub fn file_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (file_name(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_notices_every_flipped_bit() {
        let header = SegmentHeader { number: 3, previous: 2, first: Seq(700), salt: 9, capacity: 1 << 20 };
        let page = header.encode();
        assert_eq!(SegmentHeader::parse(&page), Ok(header));
        for bit in 0..HEADER_BYTES * 8 {
            let mut bad = page;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(SegmentHeader::parse(&bad), Err(HeaderFault::Damaged(_))), "bit {bit}");
        }
        assert!(SegmentHeader::parse(&page[..HEADER_BYTES - 1]).is_err());
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let mut page = SegmentHeader { number: 1, previous: 0, first: Seq(1), salt: 1, capacity: 1 }.encode();
        put(&mut page, 8, &2_u32.to_le_bytes());
        let crc = checksum(&page).unwrap();
        put(&mut page, 12, &crc.to_le_bytes());
        assert_eq!(SegmentHeader::parse(&page), Err(HeaderFault::Newer(2)));
    }

    #[test]
    fn only_canonical_names_are_segments() {
        assert_eq!(file_number("0000000012.seg"), Some(12));
        assert_eq!(file_number("12345678901.seg"), Some(12_345_678_901));
        for name in ["12.seg", "0000000012", "+000000012.seg", PREPARED_NAME, "000000012x.seg"] {
            assert_eq!(file_number(name), None, "{name}");
        }
    }
}
