//! Reading old segments again while the log is in use.

use std::fs;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{append, small};
use crate::core::ids::Seq;
use crate::log::{Log, NotWhole, Pace, SegmentLog, Snapshots};

fn build(dir: &std::path::Path) -> SegmentLog {
    let (mut log, _) = SegmentLog::open(dir, small()).unwrap();
    while log.snapshots().second_segment().is_none_or(|second| log.next_seq().0 < 4 * second.0) {
        append(&mut log, 7, 1).unwrap();
    }
    log
}

/// The numbers of the segments that are whole, and of those that are not.
fn round(files: &Snapshots, pace: &Arc<Pace>) -> (Vec<u64>, Vec<u64>) {
    let (mut after, mut whole, mut damaged) = (0, Vec::new(), Vec::new());
    loop {
        match files.scrub_next(after, pace) {
            Ok(Some(segment)) => {
                after = segment.number;
                whole.push(after);
            }
            Ok(None) => return (whole, damaged),
            Err(NotWhole::Damaged { number, error }) => {
                assert!(error.to_string().contains(".seg"), "{error}");
                after = number;
                damaged.push(number);
            }
            Err(NotWhole::Stopped) => panic!("nobody stopped it"),
        }
    }
}

#[test]
fn every_old_segment_is_read_and_damage_in_one_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = build(dir.path());
    let files = log.snapshots();
    let read = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&read);
    let pace: Arc<Pace> = Arc::new(move |bytes| {
        counted.fetch_add(bytes, Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    let (whole, damaged) = round(&files, &pace);
    assert!(whole.len() >= 3 && damaged.is_empty(), "{whole:?} {damaged:?}");
    assert!(read.load(Ordering::Relaxed) >= whole.len() as u64 * (48 << 10), "they are read from end to end");

    // One byte of a record, and one of a header.
    for (number, at) in [(whole[0], 4_096 + 40), (whole[1], 16)] {
        let path = dir.path().join(format!("{number:010}.seg"));
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let (still, damaged) = round(&files, &pace);
    assert_eq!((still.as_slice(), damaged.as_slice()), (&whole[2..], &whole[..2]));

    // What was released is not missed.
    let second = files.second_segment().unwrap();
    log.release(second).unwrap();
    assert_eq!(round(&files, &pace), (whole[2..].to_vec(), vec![whole[1]]));
    assert!(log.next_seq() > Seq(1));
}

#[test]
fn it_stops_in_the_middle_of_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let log = build(dir.path());
    let pace: Arc<Pace> = Arc::new(|_| ControlFlow::Break(()));
    assert!(matches!(log.snapshots().scrub_next(0, &pace), Err(NotWhole::Stopped)));
}
