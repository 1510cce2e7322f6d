//! Pictures of a log in use, and logs that go back to an earlier moment.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;

use super::{append, expected, read, small};
use crate::core::ids::Seq;
use crate::log::{FIRST_SEQ, Log, LogError, SegmentLog, Snapshot, cut, verify};

/// Segments of 64 KiB with batches of seven records, up to this position.
const END: u64 = 2_101;

fn build(dir: &Path) -> SegmentLog {
    let (mut log, _) = SegmentLog::open(dir, small()).unwrap();
    while log.next_seq() < Seq(END) {
        append(&mut log, 7, 1).unwrap();
    }
    log
}

fn copy(snapshot: &Snapshot, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for image in snapshot.segments() {
        let mut image = image.unwrap();
        let mut bytes = Vec::new();
        let announced = image.len_bytes();
        image.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, announced);
        fs::write(to.join(image.name()), bytes).unwrap();
    }
}

fn content(dir: &Path) -> Vec<(u64, u32)> {
    let (log, report) = SegmentLog::open(dir, small()).unwrap();
    assert!(report.sealed && report.cut.is_none(), "{report:?}");
    read(&*log.reader(), log.reader().first_seq()).unwrap()
}

#[test]
fn a_picture_is_a_whole_log_as_of_its_moment() {
    let base = tempfile::tempdir().unwrap();
    let mut log = build(&base.path().join("log"));
    let snapshot = log.snapshots().take();
    let end = log.next_seq();
    // What follows is not in it, also where it lies in the same file.
    while log.next_seq().0 < END + 700 {
        append(&mut log, 7, 1).unwrap();
    }
    assert_eq!((snapshot.first(), snapshot.end()), (FIRST_SEQ, end));
    let copied = base.path().join("copy");
    copy(&snapshot, &copied);
    assert_eq!(content(&copied), expected(1, end.0));

    // The copy goes on as any log does.
    let (mut log, _) = SegmentLog::open(&copied, small()).unwrap();
    append(&mut log, 3, 2).unwrap();
    log.seal().unwrap();
    drop(log);
    assert_eq!(content(&copied).len() as u64, end.0 - 1 + 3);
}

#[test]
fn nothing_is_deleted_while_somebody_looks() {
    let base = tempfile::tempdir().unwrap();
    let mut log = build(&base.path().join("log"));
    let (one, two) = (log.snapshots().take(), log.snapshots().take());
    let before = log.reader().first_seq();
    log.release(Seq(END / 2)).unwrap();
    drop(one);
    log.release(Seq(END / 2)).unwrap();
    assert_eq!(log.reader().first_seq(), before);
    copy(&two, &base.path().join("copy"));
    assert_eq!(content(&base.path().join("copy")), expected(1, log.next_seq().0));
    drop(two);
    // The next segment that is begun takes them along.
    while log.reader().first_seq() == before {
        assert!(log.next_seq().0 < END * 2, "the old segments stay for ever");
        append(&mut log, 7, 1).unwrap();
    }
    let released = log.snapshots().take();
    copy(&released, &base.path().join("rest"));
    assert_eq!(content(&base.path().join("rest")), expected(released.first().0, log.next_seq().0));
}

#[test]
fn damage_is_found_before_it_is_copied() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("log");
    let log = build(&dir);
    let name = dir.join("0000000001.seg");
    let mut bytes = fs::read(&name).unwrap();
    bytes[9_000] ^= 1;
    fs::write(&name, bytes).unwrap();
    let snapshot = log.snapshots().take();
    let first = snapshot.segments().next().unwrap();
    assert!(matches!(first, Err(LogError::Damaged(_))), "{first:?}");
}

#[test]
fn a_log_is_cut_between_any_two_records() {
    let base = tempfile::tempdir().unwrap();
    let whole = base.path().join("log");
    let mut log = build(&whole);
    log.seal().unwrap();
    let end = log.next_seq().0;
    drop(log);
    // Inside and between batches, at the borders of segments, and at both ends.
    let borders: Vec<u64> =
        segments_begin(&whole).into_iter().flat_map(|seq| [seq - 1, seq, seq + 1]).collect();
    let inside = [1, 2, 7, 8, 9, 500, 501, 502, 503, 504, 505, end - 1, end, end + 1, u64::MAX];
    let places: BTreeSet<u64> = borders.into_iter().chain(inside).collect();
    for at in places {
        let dir = base.path().join(format!("cut-{at}"));
        fs::create_dir(&dir).unwrap();
        for entry in fs::read_dir(&whole).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
        }
        assert_eq!(cut(&dir, Seq(at)).unwrap(), Seq(at.min(end)), "cut at {at}");
        assert_eq!(content(&dir), expected(1, at.min(end)), "cut at {at}");
        let report = verify(&dir).unwrap();
        assert!(report.damage.is_empty() && report.torn_bytes == 0, "{report:?}");
        let (mut log, _) = SegmentLog::open(&dir, small()).unwrap();
        append(&mut log, 2, 1).unwrap();
        log.seal().unwrap();
        drop(log);
        assert_eq!(content(&dir), expected(1, at.min(end) + 2), "after a cut at {at}");
    }
}

fn segments_begin(dir: &Path) -> Vec<u64> {
    let (log, _) = SegmentLog::open(dir, small()).unwrap();
    let snapshot = log.snapshots().take();
    let counts: Vec<u64> = snapshot.segments().map(|image| image.unwrap().records).collect();
    assert!(counts.len() > 2, "{counts:?}");
    let mut at = 1;
    let sums = counts.iter().map(|count| {
        at += count;
        at
    });
    sums.collect()
}
