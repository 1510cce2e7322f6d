//! Round trips on files.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::{append, batch, body, expected, parts, read, small};
use crate::core::ids::Seq;
use crate::log::frame::FRAME_BYTES;
use crate::log::segment::{HEADER_BYTES, file_number};
use crate::log::{Log, LogError, LogOptions, LogRead, SegmentLog, verify};

fn open(dir: &Path) -> SegmentLog {
    SegmentLog::open(dir, small()).unwrap().0
}

fn segments(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| file_number(name).is_some()).collect();
    names.sort();
    names
}

#[test]
fn a_new_log_is_empty_and_small() {
    let dir = tempfile::tempdir().unwrap();
    let (log, report) = SegmentLog::open(&dir.path().join("deep/log"), LogOptions::default()).unwrap();
    assert_eq!((log.next_seq(), report.first_seq, report.next_seq), (Seq(1), Seq(1), Seq(1)));
    assert!(report.sealed && report.cut.is_none());
    let reader = log.reader();
    assert_eq!((reader.first_seq(), reader.durable_end()), (Seq(1), Seq(1)));
    assert_eq!(read(reader.as_ref(), Seq(1)).unwrap(), []);
    let files = fs::read_dir(dir.path().join("deep/log")).unwrap();
    let bytes: u64 = files.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 2 << 20, "{bytes} bytes");
}

#[test]
fn everything_reads_back_across_segments_and_reopens() {
    let dir = tempfile::tempdir().unwrap();
    let mut end = Seq(1);
    for round in 0..4 {
        let (mut log, report) = SegmentLog::open(dir.path(), small()).unwrap();
        assert_eq!((report.next_seq, report.cut), (end, None));
        assert_eq!(report.sealed, round != 2, "round 1 leaves without a seal");
        for records in [1, 7, 100, 1, 300] {
            end = append(&mut log, records, 1).unwrap();
        }
        if round != 1 {
            log.seal().unwrap();
            log.seal().unwrap();
        }
        assert_eq!(read(log.reader().as_ref(), Seq(1)).unwrap(), expected(1, end.0));
    }
    assert!(segments(dir.path()).len() > 4);
    let log = open(dir.path());
    let reader = log.reader();
    for seq in 1..end.0 {
        for (part, text) in (0..).zip(parts(Seq(seq), 1)) {
            assert_eq!(*reader.part(Seq(seq), part).unwrap(), *text);
        }
        let missing = u32::try_from(seq % 4).unwrap();
        assert!(
            matches!(reader.part(Seq(seq), missing), Err(LogError::NoSuchPart { parts, .. }) if parts == missing)
        );
    }
    assert_eq!(read(reader.as_ref(), Seq(777)).unwrap(), expected(777, end.0));
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.records, report.damage.len(), report.torn_bytes), (end.0 - 1, 0, 0));
    assert!(report.sealed);
}

#[test]
fn a_scan_stops_when_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(&mut log, 10, 1).unwrap();
    let mut seen = 0;
    let visit = &mut |_: crate::log::RecordView<'_>| {
        seen += 1;
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    log.reader().scan(Seq(4), visit).unwrap();
    assert_eq!(seen, 3);
}

#[test]
fn one_payload_of_a_huge_record_is_read_alone() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions::with_segment_size(16 << 20).unwrap();
    let (mut log, _) = SegmentLog::open(dir.path(), options).unwrap();
    append(&mut log, 3, 1).unwrap();
    let texts: Vec<String> = (0..100_000).map(|part| format!("{{\"input\":{part}}}")).collect();
    let mut huge = batch(log.next_seq(), 0, 1);
    let seq = huge.push(|body| body.extend(vec![7; 1 << 20]), texts.iter().map(String::as_str));
    log.append(&mut huge).unwrap();
    let end = append(&mut log, 3, 1).unwrap();
    let reader = log.reader();
    for part in [0, 1, 50_000, 99_998, 99_999] {
        assert_eq!(*reader.part(seq, part).unwrap(), format!("{{\"input\":{part}}}"));
    }
    assert!(matches!(reader.part(seq, 100_000), Err(LogError::NoSuchPart { parts: 100_000, .. })));
    assert_eq!(*reader.part(Seq(7), 2).unwrap(), parts(Seq(7), 1)[2]);
    assert!(matches!(reader.part(end, 0), Err(LogError::NotDurable { .. })));
}

#[test]
fn what_is_too_large_or_out_of_order_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let limits = log.limits();
    let mut large = batch(Seq(1), 1, 1);
    large.push(|body| body.extend(vec![0; usize::try_from(limits.record + 1).unwrap()]), std::iter::empty());
    let error = log.append(&mut large).unwrap_err();
    assert!(matches!(error, LogError::TooLarge { unit: "record", .. }) && !error.is_fatal(), "{error}");
    let mut many = batch(Seq(1), 0, 1);
    while many.len_bytes() <= limits.batch {
        many.push(|body| body.extend([0; 1000]), std::iter::empty());
    }
    assert!(matches!(log.append(&mut many), Err(LogError::TooLarge { unit: "batch", .. })));
    let error = log.append(&mut batch(Seq(2), 1, 1)).unwrap_err();
    assert!(matches!(error, LogError::Fenced { given: Seq(2), expected: Seq(1) }) && !error.is_fatal());
    assert_eq!(log.next_seq(), Seq(1));

    let mut largest = batch(Seq(1), 0, 1);
    let half = usize::try_from(limits.record).unwrap();
    largest.push(|body| body.extend(vec![1; half]), std::iter::empty());
    log.append(&mut largest).unwrap();
    log.append(&mut batch(Seq(2), 0, 1)).unwrap();
    append(&mut log, 1, 1).unwrap();
    assert_eq!(open(dir.path()).next_seq(), Seq(3));
    for bytes in [0, (1 << 20) - 1, (256 << 20) + 1] {
        assert!(matches!(LogOptions::with_segment_size(bytes), Err(LogError::SegmentSize { .. })));
    }
}

#[test]
fn there_is_always_room_for_a_seal() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let mut first = batch(Seq(1), 1, 1);
    log.append(&mut first).unwrap();
    let capacity = fs::metadata(dir.path().join(&segments(dir.path())[0])).unwrap().len();
    let left = capacity - HEADER_BYTES as u64 - first.len_bytes();
    let filling = |bytes: u64| {
        let mut batch = batch(Seq(2), 2, 1);
        let half = usize::try_from((bytes - batch.len_bytes()) / 2 - 16).unwrap();
        batch.push(|body| body.extend(vec![0; half]), std::iter::empty());
        let rest = usize::try_from(bytes - batch.len_bytes() - 16).unwrap();
        batch.push(|body| body.extend(vec![0; rest]), std::iter::empty());
        assert_eq!(batch.len_bytes(), bytes);
        batch
    };
    let mut fits = filling(left - FRAME_BYTES as u64);
    let mut one_more = filling(left - FRAME_BYTES as u64 + 1);
    log.append(&mut fits).unwrap();
    log.seal().unwrap();
    assert_eq!(segments(dir.path()).len(), 1);
    drop(log);
    let (log, report) = SegmentLog::open(dir.path(), small()).unwrap();
    assert_eq!((log.next_seq(), report.sealed, report.cut), (Seq(6), true, None));

    let other_dir = tempfile::tempdir().unwrap();
    let mut log = open(other_dir.path());
    append(&mut log, 1, 1).unwrap();
    log.append(&mut one_more).unwrap();
    assert_eq!(segments(other_dir.path()).len(), 2);
}

#[test]
fn released_segments_are_gone_and_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    while log.next_seq() < Seq(2000) {
        append(&mut log, 50, 1).unwrap();
    }
    let before = segments(dir.path()).len();
    let reader = log.reader();
    log.release(Seq(1)).unwrap();
    assert_eq!(reader.first_seq(), Seq(1));
    log.release(Seq(1000)).unwrap();
    let first = reader.first_seq();
    assert!(first > Seq(500) && first <= Seq(1000), "{first:?}");
    assert!(segments(dir.path()).len() < before);
    assert!(
        matches!(read(reader.as_ref(), Seq(1)), Err(LogError::Released { seq: Seq(1), first_kept }) if first_kept == first)
    );
    assert!(matches!(reader.part(Seq(3), 0), Err(LogError::Released { .. })));
    let end = log.next_seq();
    assert_eq!(read(reader.as_ref(), first).unwrap(), expected(first.0, end.0));
    log.release(end).unwrap();
    assert_eq!(segments(dir.path()).len(), 1, "the last segment stays");
    append(&mut log, 5, 1).unwrap();
    drop(log);
    let log = open(dir.path());
    assert_eq!(log.next_seq().0, end.0 + 5);
    let first = log.reader().first_seq();
    assert_eq!(read(log.reader().as_ref(), first).unwrap(), expected(first.0, end.0 + 5));
}

#[test]
fn readers_see_only_whole_and_synced_batches_while_the_writer_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let reader = log.reader();
    let follower = thread::spawn(move || {
        let mut next = Seq(1);
        while next < Seq(3000) {
            let end = reader.durable_end();
            let seen = read(reader.as_ref(), next).unwrap();
            assert!(seen.len() as u64 >= end.0 - next.0);
            next = Seq(next.0 + seen.len() as u64);
            let last = Seq(next.0 - 1);
            assert_eq!(reader.part(last, 0).is_ok(), !parts(last, 1).is_empty());
        }
        next
    });
    while log.next_seq() < Seq(3000) {
        append(&mut log, 10, 1).unwrap();
    }
    assert_eq!(follower.join().unwrap(), log.next_seq());
}

#[test]
fn old_segments_are_checked_when_they_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    while log.next_seq() < Seq(2000) {
        append(&mut log, 50, 1).unwrap();
    }
    let end = log.next_seq();
    drop(log);
    let options = LogOptions { checked_at_open: 0, ..small() };
    let (log, report) = SegmentLog::open(dir.path(), options).unwrap();
    assert!(report.unchecked_bytes > 0);
    let reader: Arc<dyn LogRead> = log.reader();
    assert_eq!(*reader.part(Seq(7), 1).unwrap(), parts(Seq(7), 1)[1]);
    assert_eq!(read(reader.as_ref(), Seq(1)).unwrap(), expected(1, end.0));
    drop(log);

    let file = dir.path().join(&segments(dir.path())[1]);
    let mut bytes = fs::read(&file).unwrap();
    let needle = body(Seq(700), 1);
    let at = bytes.windows(needle.len()).position(|window| window == needle.as_bytes());
    bytes[at.expect("record 700 is in the second segment")] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (log, _) = SegmentLog::open(dir.path(), options).unwrap();
    assert!(
        matches!(read(log.reader().as_ref(), Seq(1)), Err(LogError::Damaged(damage)) if damage.lost.from < Seq(701))
    );
    assert!(matches!(SegmentLog::open(dir.path(), small()), Err(LogError::Damaged(_))));
}
