//! Turns on their way to the disk: cut into batches that the log takes, and kept while it has no room.

use std::collections::VecDeque;
use std::iter;

use tracing::warn;

use super::feed::Published;
use super::turn::{Output, Turn};
use crate::core::event::{Event, Record};
use crate::core::ids::Seq;
use crate::log::{Batch, Log, LogError, Space};
use crate::store::record::{HEAD_BYTES, encode, size_hint};

/// A batch is written when it has grown to this, so that no single sync takes long.
const BATCH_BYTES: u64 = 4 << 20;

/// What one append has made durable.
#[derive(Debug)]
pub struct Durable {
    pub records: Published,
    /// Outputs of the turns that are durable as a whole.
    pub outputs: Vec<Output>,
    /// The position after the last durable record.
    pub end: Seq,
    /// Bytes appended; none when the turns had no records.
    pub bytes: u64,
}

/// How far a write came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    All,
    /// The disk is full, or no file can be opened, and the rest is kept: nothing of it is on the disk, and nothing of it was handed over.
    NoSpace,
}

/// What is not durable yet.
#[derive(Debug)]
pub struct Writing {
    batch: Batch,
    /// Those in the batch.
    records: Vec<Record>,
    /// Those of turns that end in the batch.
    outputs: Vec<Output>,
    turns: VecDeque<Turn>,
}

/// How much goes into one batch.
#[derive(Debug, Clone, Copy)]
struct Room {
    limit: u64,
    /// Ordinary records are not measured before the batch has grown to this: any record fits beside it.
    unmeasured: u64,
}

impl Room {
    fn of(log: &dyn Log) -> Self {
        let limits = log.limits();
        let limit = match log.space() {
            Space::Writable => BATCH_BYTES.min(limits.batch),
            Space::ReserveOnly { largest, .. } => BATCH_BYTES.min(limits.batch).min(largest),
        };
        let unmeasured = limits.batch.saturating_sub(limits.record + HEAD_BYTES);
        Self { limit, unmeasured: unmeasured.min(limit / 2) }
    }

    fn has_room_for(self, record: &Record, batch: &Batch) -> bool {
        let measured = batch.len_bytes() > self.unmeasured || !record.event.own_texts().is_empty();
        !measured || batch.len_bytes() + size_hint(&record.event) <= self.limit
    }
}

impl Writing {
    pub fn new(next: Seq) -> Self {
        Self { batch: Batch::new(next), records: Vec::new(), outputs: Vec::new(), turns: VecDeque::new() }
    }

    pub fn add(&mut self, turns: Vec<Turn>) {
        self.turns.extend(turns);
    }

    /// Everything that is not durable, in order.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().chain(self.turns.iter().flat_map(|turn| &turn.records))
    }

    /// Writes all turns in as few batches as their size allows, and hands over what each of them made durable.
    ///
    /// # Errors
    /// The first failure of the log that leaves it open what the disk holds. What was not handed over must never
    /// leave the process.
    pub fn write(
        &mut self,
        log: &mut dyn Log,
        durable: &mut dyn FnMut(Durable),
    ) -> Result<Written, LogError> {
        let mut room = Room::of(log);
        while let Some(mut turn) = self.turns.pop_front() {
            let mut records = std::mem::take(&mut turn.records).into_iter();
            while let Some(mut record) = records.next() {
                if !self.batch.is_empty() && !room.has_room_for(&record, &self.batch) {
                    if self.flush(log, durable)? == Written::NoSpace {
                        turn.records = iter::once(record).chain(records).collect();
                        self.turns.push_front(turn);
                        return Ok(Written::NoSpace);
                    }
                    room = Room::of(log);
                }
                encode(&record, &mut self.batch);
                // A follower that does not read would hold whole results; whoever needs one reads it from the log.
                record.event.drop_texts();
                self.records.push(record);
            }
            self.outputs.extend(turn.outputs);
        }
        self.flush(log, durable)
    }

    fn flush(&mut self, log: &mut dyn Log, durable: &mut dyn FnMut(Durable)) -> Result<Written, LogError> {
        let bytes = if self.batch.is_empty() { 0 } else { self.batch.len_bytes() };
        match log.append(&mut self.batch) {
            Ok(()) => {}
            Err(LogError::NoSpace { .. } | LogError::NoDescriptors { .. }) => return Ok(Written::NoSpace),
            Err(failure) => return Err(failure),
        }
        let (first, end) = (self.batch.first(), log.next_seq());
        self.batch.reset(end);
        let records = std::mem::take(&mut self.records);
        release_log(log, &records)?;
        let outputs = std::mem::take(&mut self.outputs);
        durable(Durable { records: Published { first, records }, outputs, end, bytes });
        Ok(Written::All)
    }
}

/// Deletes the segments that a durable record says nobody needs any more.
fn release_log(log: &mut dyn Log, records: &[Record]) -> Result<(), LogError> {
    let released = |record: &Record| {
        if let Event::Released { up_to } = record.event { Some(up_to) } else { None }
    };
    let Some(up_to) = records.iter().filter_map(released).max() else { return Ok(()) };
    match log.release(up_to) {
        Err(failure) if !failure.is_fatal() => {
            warn!(%failure, "old segments stay until the next release");
            Ok(())
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Note;
    use crate::core::ids::{AttemptNo, TaskId, Timestamp, WorkflowId};
    use crate::core::payload::{INLINE_PAYLOAD_MAX, Payload, Stored};
    use crate::log::LogOptions;
    use crate::log::sim::SimDisk;

    /// A turn with records of about these sizes, which have no texts of their own.
    fn turn(sizes: &[usize]) -> Turn {
        let retried = |bytes: &usize| {
            let (tasks, note) = (vec![1; *bytes], Note::default());
            let event = Event::TasksRetried { workflow: WorkflowId(1), tasks, note };
            Record { at: Timestamp(1), event }
        };
        Turn { first: Seq(1), records: sizes.iter().map(retried).collect(), outputs: Vec::new() }
    }

    #[test]
    fn records_of_any_size_that_one_may_have_are_cut_into_batches_that_the_log_takes() {
        for segment in [64 << 10, 1 << 20, 8 << 20, 16 << 20] {
            let (mut log, _) = SimDisk::new(1).open_log(LogOptions::simulated(segment)).unwrap();
            let largest = usize::try_from(log.limits().record).unwrap() - 64;
            let mut writing = Writing::new(log.next_seq());
            for before in [1, largest / 4, largest / 3, largest / 2, largest] {
                writing.add(vec![turn(&[before, largest]), turn(&[1, before])]);
                let mut written = 0;
                let done = writing.write(&mut log, &mut |durable| written += durable.records.records.len());
                assert_eq!(done.unwrap(), Written::All, "{before} bytes before {largest}");
                assert_eq!(written, 4);
            }
        }
    }

    #[test]
    fn what_a_full_disk_has_no_room_for_is_kept_and_written_once_there_is_space() {
        let disk = SimDisk::new(1);
        let (mut log, _) = disk.open_log(LogOptions::simulated(64 << 10)).unwrap();
        disk.set_space(Some(100 << 10));
        let mut writing = Writing::new(log.next_seq());
        let mut durable = Vec::new();
        let sizes: Vec<usize> = (0..400).map(|number| 1_000 + number).collect();
        for sizes in sizes.chunks(7) {
            writing.add(vec![turn(sizes)]);
        }
        let mut keep = |part: Durable| durable.extend(part.records.records);
        assert_eq!(writing.write(&mut log, &mut keep).unwrap(), Written::NoSpace);
        assert_eq!(
            writing.write(&mut log, &mut keep).unwrap(),
            Written::NoSpace,
            "and it can be asked again"
        );
        let kept = writing.records().count();
        disk.set_space(None);
        assert_eq!(writing.write(&mut log, &mut keep).unwrap(), Written::All);
        assert!(kept > 0 && kept < sizes.len(), "{kept}");
        assert_eq!(durable, turn(&sizes).records, "everything once, in order");
        assert_eq!(writing.records().count(), 0);
    }

    #[test]
    fn large_payloads_go_to_the_log_and_not_to_followers() {
        let (mut log, _) = SimDisk::new(1).open_log(LogOptions::simulated(64 << 10)).unwrap();
        let text = "x".repeat(INLINE_PAYLOAD_MAX + 1);
        let result = Stored::fresh(Payload::new(text.clone()), &mut 0);
        let task = TaskId::new(WorkflowId(1), 0);
        let event = Event::TaskCompleted { task, attempt: AttemptNo(1), result, usage: None };
        let records = vec![Record { at: Timestamp(1), event }];
        let mut writing = Writing::new(log.next_seq());
        writing.add(vec![Turn { first: Seq(1), records, outputs: Vec::new() }]);
        let mut told = Vec::new();
        let done = writing.write(&mut log, &mut |durable| told.extend(durable.records.records));
        assert_eq!(done.unwrap(), Written::All);
        assert!(told.iter().all(|record| record.event.own_texts().is_empty()), "{told:?}");
        assert_eq!(&*log.reader().part(Seq(1), 0).unwrap(), text);
    }
}
