//! Crashes at every operation, and at many random ones: what was acknowledged is still there.

use std::collections::BTreeMap;

use super::{append, read};
use crate::core::ids::Seq;
use crate::log::sim::{FaultPlan, Rng, SimDisk};
use crate::log::{Log, LogError, LogOptions, SegmentLog};

const SEGMENT: u64 = 16 << 10;

fn options() -> LogOptions {
    LogOptions::simulated(SEGMENT)
}

/// What must be in the log: the author of every acknowledged record, and how far it was released.
#[derive(Debug, Default, Clone)]
struct Model {
    acknowledged: BTreeMap<u64, u32>,
    released: u64,
}

impl Model {
    /// Compares the log with what was acknowledged. What is there beyond that was being written, and counts as
    /// acknowledged from now on, because a reader has seen it.
    fn check(&mut self, log: &SegmentLog, context: &str) {
        let reader = log.reader();
        let first = reader.first_seq();
        assert!(first.0 <= self.released.max(1), "{context}: too much was released");
        let seen = read(reader.as_ref(), first).unwrap();
        assert_eq!(seen.len() as u64, log.next_seq().0 - first.0, "{context}");
        let seen: BTreeMap<u64, u32> = seen.into_iter().collect();
        for (seq, author) in self.acknowledged.range(first.0..) {
            assert_eq!(seen.get(seq), Some(author), "{context}: record {seq} was acknowledged");
        }
        self.acknowledged.extend(seen);
    }
}

/// Works with the log until it fails or `steps` are done.
fn work(
    log: &mut SegmentLog,
    model: &mut Model,
    rng: &mut Rng,
    author: u32,
    steps: u32,
) -> Result<(), LogError> {
    for _ in 0..steps {
        match rng.below(12) {
            0 => log.seal()?,
            1 => {
                let up_to = log.next_seq().0.saturating_sub(rng.below(60)).max(1);
                model.released = model.released.max(up_to);
                log.release(Seq(up_to))?;
            }
            dice => {
                let first = log.next_seq();
                let records = if dice < 6 { 1 } else { u32::try_from(rng.below(12)).unwrap() };
                let end = append(log, records, author)?;
                model.acknowledged.extend((first.0..end.0).map(|seq| (seq, author)));
            }
        }
    }
    Ok(())
}

/// One life: open, check, work until something fails.
fn live(disk: &SimDisk, model: &mut Model, rng: &mut Rng, author: u32, steps: u32, context: &str) {
    match disk.open_log(options()) {
        Ok(_) if disk.is_off() => {}
        Ok((mut log, _)) => {
            model.check(&log, context);
            let end = work(&mut log, model, rng, author, steps);
            if let Err(error) = end {
                assert!(matches!(error, LogError::Io { .. }), "{context}: {error}");
                // A release that failed leaves the log usable; after anything else it stays closed.
                if error.is_fatal() {
                    assert!(matches!(append(&mut log, 1, author), Err(LogError::Stopped)), "{context}");
                    assert!(matches!(log.seal(), Err(LogError::Stopped)), "{context}");
                }
            }
        }
        Err(error) => assert!(matches!(error, LogError::Io { .. }), "{context}: {error}"),
    }
}

/// Dies at operation `at` (or has it fail), comes back in one of two ways, and must have everything; then the
/// power is cut right after the start, which must change nothing, and once more after some work.
fn story(seed: u64, at: u64, fails: bool) -> bool {
    let context = format!("seed {seed}, operation {at}, fails {fails}");
    let mut rng = Rng::new(seed);
    let mut model = Model::default();
    let disk = SimDisk::new(seed);
    let faults = if fails {
        FaultPlan { fail_at: Some(at), ..FaultPlan::default() }
    } else {
        FaultPlan { die_at: Some(at), ..FaultPlan::default() }
    };
    disk.plan(faults);
    live(&disk, &mut model, &mut rng, 1, 40, &context);
    let reached = disk.operations() >= at;

    let disk = if rng.coin() { disk.killed() } else { disk.power_cut() };
    let (log, _) = disk.open_log(options()).unwrap_or_else(|error| panic!("{context}: {error}"));
    model.check(&log, &context);
    drop(log);
    let disk = disk.power_cut();
    live(&disk, &mut model, &mut rng, 2, 10, &format!("{context}, after the second cut"));
    let disk = disk.power_cut();
    live(&disk, &mut model, &mut rng, 3, 0, &format!("{context}, at the end"));
    let report = disk.verify().unwrap();
    assert_eq!(report.damage, [], "{context}");
    reached
}

#[test]
fn nothing_acknowledged_is_lost_whichever_operation_is_the_last() {
    for seed in 0..6 {
        let reached = (1..2000).take_while(|at| story(seed, *at, false)).count();
        assert!(reached > 60, "the story of seed {seed} has only {reached} operations");
    }
}

#[test]
fn nothing_acknowledged_is_lost_whichever_operation_fails() {
    for seed in 100..106 {
        let reached = (1..2000).take_while(|at| story(seed, *at, true)).count();
        assert!(reached > 60, "the story of seed {seed} has only {reached} operations");
    }
}

#[test]
fn many_lives_with_random_ends() {
    for seed in 1000..1100 {
        let mut rng = Rng::new(seed);
        let mut model = Model::default();
        let mut disk = SimDisk::new(seed);
        for life in 0..8 {
            let at = Some(1 + rng.below(120));
            disk.plan(match rng.below(3) {
                0 => FaultPlan { die_at: at, fail_at: None },
                1 => FaultPlan { die_at: None, fail_at: at },
                _ => FaultPlan::default(),
            });
            live(&disk, &mut model, &mut rng, life, 30, &format!("seed {seed}, life {life}"));
            disk = if rng.coin() { disk.killed() } else { disk.power_cut() };
        }
        disk.plan(FaultPlan::default());
        let (log, _) = disk.open_log(options()).unwrap();
        model.check(&log, &format!("seed {seed}, at the end"));
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = |seed| {
        let disk = SimDisk::new(seed);
        disk.plan(FaultPlan { die_at: Some(70), fail_at: None });
        live(&disk, &mut Model::default(), &mut Rng::new(seed), 1, 40, "determinism");
        disk.power_cut().contents()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}
