//! Repairing: what is lost is named, everything else survives, the originals are kept.

use super::{append, expected, read};
use crate::core::ids::Seq;
use crate::log::segment::file_number;
use crate::log::sim::{FaultPlan, Rng, SimDisk};
use crate::log::{AcceptLoss, Log, LogError, LogOptions, Lost, RepairReport};

fn options() -> LogOptions {
    LogOptions::simulated(32 << 10)
}

/// A sealed log of 1,000 records in batches of ten.
fn build(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    let (mut log, _) = disk.open_log(options()).unwrap();
    while log.next_seq() < Seq(1001) {
        append(&mut log, 10, 1).unwrap();
    }
    log.seal().unwrap();
    disk
}

fn segments(disk: &SimDisk) -> Vec<String> {
    disk.contents().into_keys().filter(|name| file_number(name).is_some()).collect()
}

/// Repairs, and checks that the log holds exactly what is not reported as lost, now and after more work.
fn repaired(disk: &SimDisk) -> RepairReport {
    let Err(LogError::Damaged(_)) = disk.open_log(options()) else { panic!("nothing to repair") };
    let before = disk.contents();
    let report = disk.repair(AcceptLoss).unwrap();
    let after = disk.contents();
    for kept in &report.kept {
        let name = kept.strip_prefix("damaged/").unwrap().strip_suffix(".1").unwrap();
        assert_eq!(after[kept], before[name], "the original is kept byte for byte");
    }
    assert_eq!(disk.verify().unwrap().damage, []);
    assert_eq!(disk.repair(AcceptLoss).unwrap(), RepairReport::default(), "a whole log is not touched");

    let (mut log, _) = disk.open_log(options()).unwrap();
    let end = log.next_seq().0;
    let is_lost =
        |seq: u64| report.lost.iter().any(|lost| seq >= lost.from.0 && lost.to.is_some_and(|to| seq < to.0));
    let first = log.reader().first_seq().0;
    let left: Vec<_> = expected(first, end).into_iter().filter(|(seq, _)| !is_lost(*seq)).collect();
    assert_eq!(read(log.reader().as_ref(), Seq(first)).unwrap(), left);
    for seq in (first..end).filter(|seq| seq % 4 == 3) {
        match log.reader().part(Seq(seq), 2) {
            Ok(_) => assert!(!is_lost(seq)),
            Err(LogError::GivenUp { .. }) => assert!(is_lost(seq)),
            Err(error) => panic!("record {seq}: {error}"),
        }
    }
    append(&mut log, 30, 1).unwrap();
    drop(log);
    let (log, _) = disk.killed().open_log(options()).unwrap();
    assert_eq!(read(log.reader().as_ref(), Seq(end)).unwrap(), expected(end, end + 30));
    report
}

#[test]
fn a_damaged_batch_in_the_middle_costs_that_batch() {
    let disk = build(1);
    let file = &segments(&disk)[1];
    disk.tamper(file, |bytes| bytes[9000] ^= 1);
    let report = repaired(&disk);
    let [Lost { from, to: Some(to) }] = report.lost[..] else { panic!("{report:?}") };
    assert_eq!((to.0 - from.0, report.kept.len(), report.written.len()), (10, 1, 1));
}

#[test]
fn a_missing_file_costs_its_records() {
    let disk = build(2);
    disk.lose(&segments(&disk)[1]);
    let report = repaired(&disk);
    assert!(matches!(report.lost[..], [Lost { to: Some(_), .. }]) && report.kept.is_empty());
    let disk = build(3);
    let files = segments(&disk);
    files[1..3].iter().for_each(|file| disk.lose(file));
    assert_eq!(repaired(&disk).lost.len(), 1);
}

#[test]
fn a_lost_header_costs_nothing() {
    for which in 0..3 {
        let disk = build(4);
        disk.tamper(&segments(&disk)[which], |bytes| bytes[..4096].fill(0));
        let report = repaired(&disk);
        assert_eq!((report.lost.len(), report.kept.len()), (0, 1), "segment {which}");
    }
}

#[test]
fn the_end_of_a_file_and_a_whole_last_file_can_be_lost() {
    let disk = build(5);
    disk.tamper(&segments(&disk)[1], |bytes| bytes.truncate(8000));
    assert!(matches!(repaired(&disk).lost[..], [Lost { to: Some(_), .. }]));
    let disk = build(6);
    let last = segments(&disk).pop().unwrap();
    disk.tamper(&last, |bytes| bytes.fill(0));
    assert!(matches!(repaired(&disk).lost[..], [Lost { to: None, .. }]));
    let disk = build(7);
    for file in segments(&disk) {
        disk.tamper(&file, |bytes| bytes[5000..7000].fill(0xA5));
    }
    // The last segment may be too short to be hit.
    assert!(repaired(&disk).lost.len() + 1 >= segments(&disk).len());
}

#[test]
fn any_damage_can_be_repaired() {
    let whole = build(8);
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let disk = whole.killed();
        for _ in 0..=rng.below(3) {
            let files = segments(&disk);
            let file = &files[usize::try_from(rng.below(files.len() as u64)).unwrap()];
            match rng.below(4) {
                0 if files.len() > 1 => disk.lose(file),
                1 => disk.tamper(file, |bytes| {
                    bytes.truncate(usize::try_from(rng.below(bytes.len() as u64)).unwrap());
                }),
                2 => disk.tamper(file, |bytes| {
                    let at = usize::try_from(rng.below(bytes.len() as u64)).unwrap();
                    bytes[at..].iter_mut().take(700).for_each(|byte| *byte = 0x55);
                }),
                _ => disk.tamper(file, |bytes| {
                    let at = usize::try_from(rng.below(bytes.len() as u64)).unwrap();
                    bytes[at..].iter_mut().take(4096).for_each(|byte| *byte = 0);
                }),
            }
        }
        match disk.killed().open_log(options()) {
            Err(LogError::Damaged(_)) => drop(repaired(&disk)),
            Err(error) => panic!("seed {seed}: {error}"),
            Ok((log, _)) => {
                let first = log.reader().first_seq();
                let seen = read(log.reader().as_ref(), first).unwrap();
                assert_eq!(seen, expected(first.0, log.next_seq().0), "seed {seed}");
            }
        }
    }
}

#[test]
fn a_repair_that_is_cut_off_can_be_done_again() {
    for at in 1.. {
        let disk = build(9);
        let files = segments(&disk);
        disk.tamper(&files[1], |bytes| bytes[9000] ^= 1);
        disk.lose(&files[2]);
        let disk = disk.killed();
        disk.plan(FaultPlan { die_at: Some(at), fail_at: None });
        let finished = disk.repair(AcceptLoss).is_ok();
        let disk = disk.power_cut();
        disk.repair(AcceptLoss).unwrap();
        assert_eq!(disk.verify().unwrap().damage, []);
        let (log, _) = disk.open_log(options()).unwrap();
        let seen = read(log.reader().as_ref(), Seq(1)).unwrap();
        assert!(
            log.next_seq() == Seq(1001) && seen.len() > 500,
            "operation {at}: {} records left",
            seen.len()
        );
        if finished {
            assert!(at > 6);
            break;
        }
    }
}
