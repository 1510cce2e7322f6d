//! Building a batch in place, in one buffer that is used again and again.

use super::catalog::{MARK_EVERY, Mark};
use super::frame::{self, FRAME_BYTES, FrameKind};
use super::record::{PART_ENTRY_BYTES, PartEntry, RECORD_BYTES, RecordHead, part_checksum};
use crate::core::ids::Seq;

/// A buffer that grew beyond this for one large batch is given back, so that one submission of 30 MiB does not
/// raise the memory of an idle server for ever.
const KEPT_BUFFER_BYTES: usize = 2 << 20;

/// Records that become durable together.
#[derive(Debug)]
pub struct Batch {
    first: Seq,
    count: u32,
    largest: u64,
    /// Records that are far enough apart to be remembered: number within the batch, and offset in the frame.
    marks: Vec<(u32, u64)>,
    /// The whole frame; its fixed part is filled at the end.
    bytes: Vec<u8>,
    table: Vec<u8>,
}

impl Batch {
    pub fn new(first: Seq) -> Self {
        let bytes = vec![0; FRAME_BYTES];
        Self { first, count: 0, largest: 0, marks: Vec::new(), bytes, table: Vec::new() }
    }

    /// Empties the batch for its next use.
    pub fn reset(&mut self, first: Seq) {
        self.first = first;
        self.count = 0;
        self.largest = 0;
        self.marks.clear();
        self.bytes.truncate(FRAME_BYTES);
        self.bytes.shrink_to(KEPT_BUFFER_BYTES);
        self.table.clear();
        self.table.shrink_to(KEPT_BUFFER_BYTES);
    }

    pub const fn first(&self) -> Seq {
        self.first
    }

    pub const fn count(&self) -> u32 {
        self.count
    }

    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The position after the last record.
    pub fn end(&self) -> Seq {
        Seq(self.first.0 + u64::from(self.count))
    }

    /// Bytes that the batch takes in the log.
    pub const fn len_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Adds a record and returns its position. `body` appends the encoded event; each of `parts` is a payload
    /// that can later be read alone as `(seq, part)`, with `part` counted from 0.
    pub fn push<'a>(&mut self, body: impl FnOnce(&mut Vec<u8>), parts: impl Iterator<Item = &'a str>) -> Seq {
        let seq = self.end();
        let start = self.bytes.len();
        if self.marks.last().is_none_or(|(_, last)| start as u64 >= last + MARK_EVERY as u64) {
            self.marks.push((self.count, start as u64));
        }
        self.bytes.extend_from_slice(&[0; RECORD_BYTES]);
        body(&mut self.bytes);
        let parts_at = self.bytes.len();
        self.table.clear();
        for (part, text) in (0..).zip(parts) {
            self.bytes.extend_from_slice(text.as_bytes());
            let end = saturated(self.bytes.len() - parts_at);
            let crc = part_checksum(seq, part, text.as_bytes());
            self.table.extend_from_slice(&PartEntry { end, crc }.encode());
        }
        self.bytes.extend_from_slice(&self.table);

        let content = start + RECORD_BYTES;
        let head = RecordHead {
            length: saturated(self.bytes.len() - content),
            body: saturated(parts_at - content),
            parts: saturated(self.table.len() / PART_ENTRY_BYTES),
        };
        frame::put(&mut self.bytes, start, &head.encode(seq));
        self.largest = self.largest.max((self.bytes.len() - content) as u64);
        self.count += 1;
        seq
    }

    /// Size of the largest record, as [`super::Limits::record`] counts it.
    pub(super) const fn largest_record(&self) -> u64 {
        self.largest
    }

    /// Places inside the batch, once it starts at `offset` of a segment.
    pub(super) fn marks(&self, offset: u64) -> impl Iterator<Item = Mark> {
        let first = self.first;
        self.marks.iter().map(move |(number, record)| Mark {
            seq: Seq(first.0 + u64::from(*number)),
            record: offset + record,
            batch: offset,
            batch_first: first,
        })
    }

    /// The finished frame, as it goes to the disk.
    pub(super) fn finish(&mut self, salt: u64) -> &[u8] {
        frame::finish(&mut self.bytes, FrameKind::Batch, self.count, self.first, salt);
        &self.bytes
    }
}

/// Numbers that do not fit belong to a record far above every limit, which is refused before it is written.
fn saturated(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::frame::Frame;
    use crate::log::record::RecordView;

    #[test]
    fn a_batch_reads_back_as_it_was_pushed() {
        let mut batch = Batch::new(Seq(7));
        assert_eq!(batch.push(|body| body.extend_from_slice(b"one"), ["", "\"ä\"", "2"].into_iter()), Seq(7));
        assert_eq!(batch.push(|_| {}, std::iter::empty()), Seq(8));
        assert_eq!((batch.count(), batch.end()), (2, Seq(9)));
        let bytes = batch.finish(99).to_vec();

        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!(
            (frame.count, frame.first, frame.salt, frame.total()),
            (2, Seq(7), 99, bytes.len() as u64)
        );
        assert!(frame.is_whole(&bytes));
        let (one, rest) = RecordView::split(&bytes[FRAME_BYTES..], Seq(7)).unwrap();
        assert_eq!((one.body, one.parts.len()), (&b"one"[..], 3));
        assert_eq!(one.parts.iter().collect::<Vec<_>>(), ["", "\"ä\"", "2"]);
        assert_eq!((one.parts.get(1), one.parts.get(3)), (Some("\"ä\""), None));
        assert!(RecordView::split(rest, Seq(7)).is_none(), "the head of a record knows its seq");
        let (two, rest) = RecordView::split(rest, Seq(8)).unwrap();
        assert!(two.body.is_empty() && two.parts.is_empty() && rest.is_empty());
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_noticed() {
        let mut batch = Batch::new(Seq(1));
        batch.push(|body| body.extend_from_slice(b"body"), ["part"].into_iter());
        let bytes = batch.finish(5).to_vec();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!Frame::parse(&bad).is_some_and(|frame| frame.is_whole(&bad)), "bit {bit}");
        }
    }

    #[test]
    fn a_used_batch_starts_anew_and_gives_back_a_large_buffer() {
        let mut batch = Batch::new(Seq(1));
        batch.push(|body| body.resize(KEPT_BUFFER_BYTES * 2, 0), std::iter::empty());
        batch.reset(Seq(2));
        assert!(batch.is_empty() && batch.bytes.capacity() <= KEPT_BUFFER_BYTES);
        assert_eq!(
            (batch.first(), batch.len_bytes(), batch.largest_record()),
            (Seq(2), FRAME_BYTES as u64, 0)
        );
    }
}
