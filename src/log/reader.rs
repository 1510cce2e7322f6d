//! Reading what is durable: all records in order, or one payload.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::catalog::{Catalog, MARK_EVERY, Place};
use super::disk::{Disk, failed};
use super::error::{Damage, Lost};
use super::frame::{FRAME_BYTES, Frame, FrameKind, u64_at};
use super::record::{PART_ENTRY_BYTES, PartEntry, RECORD_BYTES, RecordHead, RecordView, part_checksum};
use super::segment::{SegmentHeader, file_name};
use super::walk::{Step, Walker};
use super::window::Window;
use super::{LogError, LogRead};
use crate::core::ids::Seq;

/// A look-up reads this much at once: the distance of two marks, and the head of the record after it.
const LOOK_UP_CHUNK: usize = MARK_EVERY + RECORD_BYTES;

impl LogRead for Catalog {
    fn first_seq(&self) -> Seq {
        Self::first_seq(self)
    }

    fn durable_end(&self) -> Seq {
        Self::durable_end(self)
    }

    fn scan(
        &self,
        from: Seq,
        visit: &mut dyn FnMut(RecordView<'_>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let end = self.durable_end();
        let mut seq = from;
        while seq < end {
            let place = self.place(seq)?;
            if self.scan_segment(&place, seq, end, visit)?.is_break() {
                break;
            }
            seq = place.end;
        }
        Ok(())
    }

    fn part(&self, seq: Seq, part: u32) -> Result<Arc<str>, LogError> {
        let durable_end = self.durable_end();
        if seq >= durable_end {
            return Err(LogError::NotDurable { seq, durable_end });
        }
        let place = self.place(seq)?;
        let window = Window::new(self.file(&place.header)?, place.end_offset, LOOK_UP_CHUNK);
        LookUp { catalog: self, place, window }.part(seq, part)
    }
}

impl Catalog {
    /// Shows the records of one segment from `from` on, up to the end of the segment or of the log.
    fn scan_segment(
        &self,
        place: &Place,
        from: Seq,
        end: Seq,
        visit: &mut dyn FnMut(RecordView<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, LogError> {
        let (header, mark) = (place.header, place.mark);
        let name = file_name(header.number);
        let end = end.min(place.end);
        let file = self.file(&header)?;
        let mut walker = Walker::at(file, place.end_offset, header.salt, mark.batch_first, mark.batch);
        while walker.next < end {
            let (offset, next) = (walker.offset, walker.next);
            match walker.step().map_err(failed(self.disk.as_ref(), "reading", &name))? {
                Step::Batch { frame, mut records, .. } => {
                    for number in 0..u64::from(frame.count) {
                        let seq = Seq(next.0 + number);
                        let Some((record, rest)) = RecordView::split(records, seq) else {
                            let what = "a record inside a whole batch is wrong";
                            return Err(self.damaged(place, offset, what, seq));
                        };
                        if seq >= from && visit(record).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                        records = rest;
                    }
                }
                Step::GivenUp { .. } => {}
                Step::End(what) => return Err(self.damaged(place, offset, what, next)),
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What was whole when the segment was opened or written is not any more.
    fn damaged(&self, place: &Place, offset: u64, what: &'static str, from: Seq) -> LogError {
        let file = self.disk.describe(&file_name(place.header.number));
        LogError::Damaged(Damage { file, offset, what, lost: Lost { from, to: Some(place.end) } })
    }
}

/// Finding one payload in one segment.
#[derive(Debug)]
struct LookUp<'a> {
    catalog: &'a Catalog,
    place: Place,
    window: Window,
}

impl LookUp<'_> {
    fn part(mut self, seq: Seq, part: u32) -> Result<Arc<str>, LogError> {
        let (at, head) = self.record(seq)?;
        if part >= head.parts {
            return Err(LogError::NoSuchPart { seq, part, parts: head.parts });
        }
        self.window.read_exactly();
        let entry_at = at + head.table_at() + u64::from(part) * PART_ENTRY_BYTES as u64;
        let (start, entry_at, wanted) =
            if part == 0 { (Some(0), entry_at, 1) } else { (None, entry_at - PART_ENTRY_BYTES as u64, 2) };
        let entries = self.look(entry_at, wanted * PART_ENTRY_BYTES)?;
        let first = PartEntry::parse(entries);
        let last = PartEntry::parse(entries.get((wanted - 1) * PART_ENTRY_BYTES..).unwrap_or_default());
        let start = start.or(first.map(|entry| entry.end));
        let (Some(start), Some(entry)) = (start, last) else {
            return Err(self.damaged(at, seq));
        };
        let bytes = entry.end.checked_sub(start).filter(|_| entry.end <= head.length);
        let Some(bytes) = bytes else { return Err(self.damaged(at, seq)) };
        let payload = self.look(at + head.parts_at() + u64::from(start), bytes as usize)?;
        let whole = part_checksum(seq, part, payload) == entry.crc;
        match std::str::from_utf8(payload) {
            Ok(text) if whole => Ok(Arc::from(text)),
            _ => Err(self.damaged(at, seq)),
        }
    }

    /// Steps from the mark to the record.
    fn record(&mut self, seq: Seq) -> Result<(u64, RecordHead), LogError> {
        let mut next = self.place.mark.seq;
        let mut at = self.place.mark.record;
        loop {
            let fixed = self.look(at, RECORD_BYTES)?;
            if let Some(head) = RecordHead::parse(fixed, next) {
                if next == seq {
                    return Ok((at, head));
                }
                next = next.next();
                at += head.total();
                continue;
            }
            let fixed = self.look(at, FRAME_BYTES)?;
            let frame = Frame::parse(fixed).filter(|frame| frame.first == next);
            match frame.map(|frame| (frame.kind, frame.total())) {
                Some((FrameKind::Batch, _)) => at += FRAME_BYTES as u64,
                Some((FrameKind::GivenUp, total)) => {
                    let to = self.look(at + FRAME_BYTES as u64, 8)?;
                    next = u64_at(to, 0).map_or(next, Seq);
                    at += total;
                    if next > seq {
                        return Err(LogError::GivenUp { seq });
                    }
                }
                None => return Err(self.damaged(at, next)),
            }
        }
    }

    fn look(&mut self, offset: u64, bytes: usize) -> Result<&[u8], LogError> {
        let (disk, header) = (&self.catalog.disk, &self.place.header);
        match self.window.look(offset, bytes) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(damaged(disk.as_ref(), header, offset, self.place.mark.seq)),
            Err(error) => Err(failed(disk.as_ref(), "reading", &file_name(header.number))(error)),
        }
    }

    fn damaged(&self, offset: u64, from: Seq) -> LogError {
        damaged(self.catalog.disk.as_ref(), &self.place.header, offset, from)
    }
}

fn damaged(disk: &dyn Disk, header: &SegmentHeader, offset: u64, from: Seq) -> LogError {
    let file = disk.describe(&file_name(header.number));
    let lost = Lost { from, to: Some(from.next()) };
    LogError::Damaged(Damage { file, offset, what: "a record is not what was written", lost })
}
