//! A disk that is full, and has room again.

use super::{append, expected, read, small};
use crate::core::ids::Seq;
use crate::log::segment::file_number;
use crate::log::sim::SimDisk;
use crate::log::{Log, LogError, LogOptions, Space};

#[test]
fn a_full_disk_leaves_a_reserve_and_comes_back_by_itself() {
    for seed in 0..4 {
        let disk = SimDisk::new(seed);
        let options = LogOptions::simulated(64 << 10);
        let (mut log, _) = disk.open_log(options).unwrap();
        assert_eq!(log.space(), Space::Writable);
        disk.set_space(Some(100 << 10));
        let mut end = Seq(1);
        while log.space() == Space::Writable {
            end = append(&mut log, 5, 1).unwrap();
            assert!(end < Seq(5000), "the disk never gets full");
        }
        let Space::ReserveOnly { left, .. } = log.space() else { panic!("the disk is full") };
        assert!(left >= 16 << 10, "a quarter of a segment is kept, but only {left} bytes are left");

        // Reports of running work still land, until the reserve is gone as well.
        let error = loop {
            match append(&mut log, 5, 1) {
                Ok(next) => end = next,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, LogError::NoSpace { .. }) && !error.is_fatal(), "{error}");
        assert_eq!(log.next_seq(), end);
        assert!(matches!(log.space(), Space::ReserveOnly { left, .. } if left < 4096));
        log.seal().unwrap();

        // The full disk does not get in the way of a restart, and nothing is lost by one.
        drop(log);
        let (mut log, report) = disk.killed().open_log(options).unwrap();
        assert_eq!((report.next_seq, report.cut), (end, None));
        let _refused = append(&mut log, 5, 1).unwrap_err();
        assert!(matches!(log.space(), Space::ReserveOnly { .. }));
    }
}

#[test]
fn space_that_was_made_is_noticed_without_an_append() {
    let disk = SimDisk::new(1);
    let (mut log, _) = disk.open_log(LogOptions::simulated(64 << 10)).unwrap();
    disk.set_space(Some(0));
    let mut end = Seq(1);
    while let Ok(next) = append(&mut log, 5, 1) {
        end = next;
    }
    assert!(matches!(log.space(), Space::ReserveOnly { .. }));
    disk.set_space(None);
    assert_eq!(log.space(), Space::Writable);
    assert_eq!(append(&mut log, 5, 1).unwrap().0, end.0 + 5);
    assert_eq!(read(log.reader().as_ref(), Seq(1)).unwrap(), expected(1, end.0 + 5));
}

#[test]
fn a_part_of_a_segment_is_used_when_there_is_no_room_for_all_of_it() {
    for seed in 0..4 {
        let disk = SimDisk::new(seed);
        let (mut log, _) = disk.open_log(LogOptions::simulated(1 << 20)).unwrap();
        disk.set_space(Some(600 << 10));
        let mut end = Seq(1);
        let segments = || disk.contents().into_iter().filter(|(name, _)| file_number(name).is_some());
        while segments().count() < 2 {
            end = append(&mut log, 100, 1).unwrap();
        }
        let sizes: Vec<_> = segments().map(|(_, bytes)| bytes.len()).collect();
        assert_eq!(sizes, [1 << 20, 512 << 10]);
        // Nothing of the next segment is asked for yet, but that there is room again is noticed all the same.
        assert!(matches!(log.space(), Space::ReserveOnly { .. }));
        disk.set_space(None);
        assert_eq!(log.space(), Space::Writable);
        drop(log);
        let (log, _) = disk.power_cut().open_log(LogOptions::simulated(1 << 20)).unwrap();
        assert_eq!(read(log.reader().as_ref(), Seq(1)).unwrap(), expected(1, end.0));
    }
}

#[test]
fn the_helper_thread_is_ahead_or_the_writer_helps_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = crate::log::SegmentLog::open(dir.path(), small()).unwrap();
    for _ in 0..200 {
        append(&mut log, 40, 1).unwrap();
    }
    assert_eq!(log.space(), Space::Writable);
    assert_eq!(read(log.reader().as_ref(), Seq(1)).unwrap(), expected(1, 8001));
}
