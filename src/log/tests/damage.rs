//! R4: truncated files, flipped bits, zeroed pages, stale bytes, missing files. All noticed, nothing silently
//! wrong, no panic.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::{append, expected, read, small};
use crate::core::ids::Seq;
use crate::log::segment::{self, HEADER_BYTES, SegmentHeader};
use crate::log::sim::{Rng, SimDisk};
use crate::log::{AcceptLoss, CutReason, Log, LogError, LogOptions, OpenReport, SegmentLog, frame, verify};

/// A log of some segments, each record a batch of its own at the end. Returns the path of its last segment and
/// the end of what is written there.
fn build(dir: &Path, records: u64, sealed: bool) -> (PathBuf, usize) {
    let (mut log, _) = SegmentLog::open(dir, small()).unwrap();
    while log.next_seq() < Seq(records) {
        append(&mut log, 20, 1).unwrap();
    }
    for _ in 0..4 {
        append(&mut log, 1, 1).unwrap();
    }
    if sealed {
        log.seal().unwrap();
    }
    drop(log);
    let last = segment_files(dir).pop().unwrap();
    let bytes = fs::read(&last).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    (last, used)
}

fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    files.sort();
    files
}

/// Opens a copy of the log in which one file has other content, and reads all of it.
fn open_with(dir: &Path, file: &Path, bytes: &[u8]) -> Result<(OpenReport, u64), LogError> {
    let copy = tempfile::tempdir().unwrap();
    for original in segment_files(dir) {
        if original != file {
            fs::copy(&original, copy.path().join(original.file_name().unwrap())).unwrap();
        }
    }
    fs::write(copy.path().join(file.file_name().unwrap()), bytes).unwrap();
    let checked = verify(copy.path());
    let (log, report) = SegmentLog::open(copy.path(), small())?;
    let end = log.next_seq().0;
    assert_eq!(read(log.reader().as_ref(), Seq(1)).unwrap(), expected(1, end), "silently wrong");
    assert_eq!(checked.unwrap().next_seq, Some(Seq(end)));
    drop(log);
    let (log, again) = SegmentLog::open(copy.path(), small()).unwrap();
    assert_eq!((log.next_seq().0, again.sealed || again.cut.is_some()), (end, true));
    Ok((report, end))
}

#[test]
fn a_file_cut_anywhere_in_its_last_records_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let (last, used) = build(dir.path(), 20, false);
    let whole = fs::read(&last).unwrap();
    let end = verify(dir.path()).unwrap().next_seq.unwrap().0;
    let mut ends = Vec::new();
    for cut in (used - 1000..=used).rev() {
        let (report, reached) = open_with(dir.path(), &last, &whole[..cut]).unwrap();
        let reason = report.cut.map(|cut| cut.reason);
        assert!(matches!(reason, Some(CutReason::Shortened { .. })), "cut at {cut}: {reason:?}");
        ends.push(reached);
    }
    assert_eq!(ends.first(), Some(&end));
    assert!(ends.is_sorted_by(|before, after| before >= after) && ends.last().unwrap() + 3 <= end);
}

#[test]
fn a_torn_last_batch_is_cut_and_cannot_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (last, used) = build(dir.path(), 20, false);
    let whole = fs::read(&last).unwrap();
    let end = verify(dir.path()).unwrap().next_seq.unwrap().0;
    for lost in 1..60 {
        let mut torn = whole.clone();
        torn[used - lost..used].fill(0);
        let (report, reached) = open_with(dir.path(), &last, &torn).unwrap();
        assert_eq!(reached, end - 1);
        let cut = report.cut.unwrap();
        assert_eq!((cut.reason, report.sealed), (CutReason::Torn, false));
        assert!(cut.offset < used as u64 && cut.bytes > 0, "{cut}");
    }
    // The tail is cleared on the disk: what was cut is zero, apart from the seal that is written there.
    let mut torn = whole;
    torn[used - 1] ^= 1;
    fs::write(&last, torn).unwrap();
    let (log, report) = SegmentLog::open(dir.path(), small()).unwrap();
    drop(log);
    let offset = usize::try_from(report.cut.unwrap().offset).unwrap();
    let bytes = fs::read(&last).unwrap();
    assert!(bytes[offset + frame::FRAME_BYTES..].iter().all(|byte| *byte == 0));
    assert!(frame::Frame::parse(&bytes[offset..]).unwrap().is_seal());
}

#[test]
fn a_seal_tells_damage_from_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let (last, used) = build(dir.path(), 20, true);
    let mut bytes = fs::read(&last).unwrap();
    let end = verify(dir.path()).unwrap().next_seq.unwrap();
    bytes[used - frame::FRAME_BYTES - 1] ^= 1;
    fs::write(&last, bytes).unwrap();
    let error = SegmentLog::open(dir.path(), small()).unwrap_err();
    let LogError::Damaged(damage) = &error else { panic!("{error}") };
    assert_eq!((damage.lost.from.0, damage.lost.to), (end.0 - 1, Some(end)));
    let text = error.to_string();
    assert!(text.contains(last.to_str().unwrap()) && text.contains("--accept-loss"), "{text}");
    assert!(text.contains(&format!("records {0} to {0} are lost", end.0 - 1)), "{text}");
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (last, used) = build(dir.path(), 1000, true);
    let files = segment_files(dir.path());
    let end = verify(dir.path()).unwrap().next_seq.unwrap().0;
    assert!(files.len() > 2);
    let mut rng = Rng::new(4);
    for _ in 0..2000 {
        let file = &files[usize::try_from(rng.below(files.len() as u64)).unwrap()];
        let mut bytes = fs::read(file).unwrap();
        let extent =
            if *file == last { used } else { bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1 };
        let at = usize::try_from(rng.below(extent as u64)).unwrap();
        bytes[at] ^= 1 << rng.below(8);
        fs::rename(file, dir.path().join("original")).unwrap();
        fs::write(file, &bytes).unwrap();
        match SegmentLog::open(dir.path(), small()) {
            Err(LogError::Damaged(damage)) => assert!(damage.lost.from.0 <= end, "{damage}"),
            Err(error) => panic!("byte {at} of {}: {error}", file.display()),
            Ok((_, report)) => {
                // Only the seal itself may go unnoticed as damage: it is then a torn tail, and no record is lost.
                assert!(*file == last && at >= used - frame::FRAME_BYTES, "byte {at} of {}", file.display());
                assert!(report.cut.is_some() && report.next_seq.0 == end);
            }
        }
        fs::rename(dir.path().join("original"), file).unwrap();
    }
}

#[test]
fn a_zeroed_page_anywhere_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (last, used) = build(dir.path(), 1000, true);
    for file in segment_files(dir.path()) {
        let whole = fs::read(&file).unwrap();
        let extent = if file == last { used } else { whole.iter().rposition(|byte| *byte != 0).unwrap() + 1 };
        for page in 0..extent.div_ceil(4096) {
            let mut bytes = whole.clone();
            bytes[page * 4096..].iter_mut().take(4096).for_each(|byte| *byte = 0);
            let tail = file == last && (page + 1) * 4096 >= used;
            match open_with(dir.path(), &file, &bytes) {
                Err(LogError::Damaged(_)) => {}
                Ok((report, _)) => assert!(
                    tail && (report.cut.is_some() || !report.sealed),
                    "page {page} of {}",
                    file.display()
                ),
                Err(error) => panic!("page {page} of {}: {error}", file.display()),
            }
        }
    }
}

#[test]
fn a_payload_that_changed_under_an_open_log_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = SegmentLog::open(dir.path(), small()).unwrap();
    append(&mut log, 40, 1).unwrap();
    let file = segment_files(dir.path()).pop().unwrap();
    let whole = fs::read(&file).unwrap();
    let needle = &super::parts(Seq(7), 1)[2];
    let at = whole.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
    let reader = log.reader();
    assert_eq!(*reader.part(Seq(7), 2).unwrap(), **needle);
    for damaged in [at, at + needle.len() - 1] {
        let mut bytes = whole.clone();
        bytes[damaged] ^= 4;
        fs::write(&file, bytes).unwrap();
        let error = reader.part(Seq(7), 2).unwrap_err();
        assert!(matches!(&error, LogError::Damaged(damage) if damage.lost.from == Seq(7)), "{error}");
        assert!(matches!(read(reader.as_ref(), Seq(1)), Err(LogError::Damaged(_))));
    }
}

#[test]
fn stale_bytes_of_another_segment_are_not_taken_for_batches() {
    let dir = tempfile::tempdir().unwrap();
    let (last, used) = build(dir.path(), 20, true);
    let end = verify(dir.path()).unwrap().next_seq.unwrap();
    let mut bytes = fs::read(&last).unwrap();
    // A whole, well-formed batch that continues the log, but carries the salt of an earlier user of the blocks.
    let stale = super::batch(end, 3, 9).finish(12345).to_vec();
    bytes[used..used + stale.len()].copy_from_slice(&stale);
    let (report, reached) = open_with(dir.path(), &last, &bytes).unwrap();
    assert_eq!(reached, end.0);
    assert_eq!(report.cut.map(|cut| (cut.reason, cut.bytes)), Some((CutReason::Torn, stale.len() as u64)));

    // The same with the right salt and the wrong position is damage: a batch is missing or was written twice.
    let header = SegmentHeader::parse(&bytes[..HEADER_BYTES]).unwrap();
    let repeated = super::batch(Seq(end.0 - 1), 3, 9).finish(header.salt).to_vec();
    bytes[used..used + repeated.len()].copy_from_slice(&repeated);
    assert!(matches!(open_with(dir.path(), &last, &bytes), Err(LogError::Damaged(_))));
    let skipping = super::batch(Seq(end.0 + 5), 3, 9).finish(header.salt).to_vec();
    bytes[used..used + skipping.len()].copy_from_slice(&skipping);
    let Err(LogError::Damaged(damage)) = open_with(dir.path(), &last, &bytes) else {
        panic!("a gap was accepted")
    };
    assert_eq!((damage.lost.from, damage.lost.to), (end, Some(Seq(end.0 + 5))));
}

#[test]
fn a_batch_with_a_right_checksum_and_wrong_insides_is_damage_at_worst() {
    let mut rng = Rng::new(11);
    for seed in 0..300 {
        let disk = SimDisk::new(seed);
        let (log, _) = disk.open_log(LogOptions::simulated(16 << 10)).unwrap();
        drop(log);
        let name = disk.contents().into_keys().find(|name| segment::file_number(name).is_some()).unwrap();
        disk.tamper(&name, |bytes| {
            let salt = SegmentHeader::parse(bytes).unwrap().salt;
            let mut inner = super::batch(Seq(1), 6, 1).finish(salt).to_vec();
            for _ in 0..=rng.below(3) {
                let at = frame::FRAME_BYTES as u64 + rng.below((inner.len() - frame::FRAME_BYTES) as u64);
                inner[usize::try_from(at).unwrap()] = rng.next_u64().to_le_bytes()[0];
            }
            let count = 6 + u32::try_from(rng.below(2)).unwrap();
            frame::finish(&mut inner, frame::FrameKind::Batch, count, Seq(1), salt);
            bytes[HEADER_BYTES..HEADER_BYTES + inner.len()].copy_from_slice(&inner);
        });
        let verified = disk.verify().unwrap();
        let Ok((log, _)) = disk.open_log(LogOptions::simulated(16 << 10)) else {
            assert!(!verified.damage.is_empty());
            disk.repair(AcceptLoss).unwrap();
            disk.open_log(LogOptions::simulated(16 << 10)).unwrap();
            continue;
        };
        let reader = log.reader();
        let read = reader.scan(Seq(1), &mut |_| ControlFlow::Continue(()));
        assert!(matches!(read, Ok(()) | Err(LogError::Damaged(_))));
        for (seq, part) in (1..8).flat_map(|seq| (0..4).map(move |part| (Seq(seq), part))) {
            if let Ok(text) = reader.part(seq, part) {
                assert_eq!(*text, super::parts(seq, 1)[part as usize]);
            }
        }
    }
}

#[test]
fn missing_swapped_and_foreign_files_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), 2000, true);
    let files = segment_files(dir.path());
    assert!(files.len() > 3);
    let aside = dir.path().join("aside");
    fs::rename(&files[1], &aside).unwrap();
    let Err(LogError::Damaged(damage)) = SegmentLog::open(dir.path(), small()) else {
        panic!("a hole was accepted")
    };
    assert!(damage.file.ends_with("0000000002.seg") && damage.what.contains("missing"), "{damage}");
    assert!(damage.lost.to.is_some_and(|to| to > damage.lost.from));

    fs::copy(&files[2], &files[1]).unwrap();
    assert!(
        matches!(SegmentLog::open(dir.path(), small()), Err(LogError::Damaged(_))),
        "a copy under another number"
    );
    fs::write(&files[1], b"").unwrap();
    assert!(matches!(SegmentLog::open(dir.path(), small()), Err(LogError::Damaged(_))), "an empty file");
    fs::rename(&aside, &files[1]).unwrap();

    fs::write(dir.path().join("notes.txt"), b"not ours").unwrap();
    fs::write(dir.path().join("7.seg"), b"not ours either").unwrap();
    SegmentLog::open(dir.path(), small()).unwrap();
}
