//! The simulation: one engine, its log and its workers in a world of virtual time that follows from one seed.
//!
//! The step, the rules, the codec, the log and the commit are the real ones. Simulated are time, the disk below
//! the log, the network, the store, workers and people. Faults: crashes between any two operations of the disk,
//! power cuts that lose or tear what was not synced, I/O errors, a full disk, a process that gets no time, a
//! machine that sleeps for a day, a wall clock that jumps. What is right is decided by `checker` and `model`,
//! which read the durable log and share no code with the engine's state; after the trouble comes a calm in which
//! everything has to end.
//!
//! `GLEITZEIT_SIM_SEEDS=<n>` runs that many seeds (200 unless told otherwise), `GLEITZEIT_SIM_SHORT=<n>` that many
//! short histories (200). `GLEITZEIT_SIM_SEED=<seed>` runs one and prints what happens; the same seed does the same
//! thing every time:
//!
//! ```text
//! GLEITZEIT_SIM_SEED=17 cargo test --test it sim::seeds -- --nocapture
//! ```

mod admins;
mod checker;
mod comebacks;
mod courier;
mod crew;
mod difference;
mod hooks;
mod imports;
mod keeper;
mod mischief;
mod model;
mod namesakes;
mod people;
mod planted;
mod process;
mod rng;
mod shelving;
pub mod specs;
pub mod store;
mod trouble;
mod worker;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use planted::Planted;
use rng::Rng;
use world::{Death, Size, Trace, World};

const SEEDS: u64 = 200;
const SHORT: u64 = 200;

/// What a run was like.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    seed: u64,
    records: usize,
    answers: u64,
    crashes: u32,
    steps: u64,
    released: u64,
    digest: u64,
    violation: Option<String>,
}

fn size(seed: u64) -> Size {
    let mut rng = Rng::new(seed ^ 0x5151);
    Size {
        workflows: rng.range(4, 24),
        tasks_max: rng.range(3, 30),
        workers: rng.range(3, 14),
        duration_ms: rng.range(60_000, 600_000),
        trouble_ms: rng.range(5_000, 90_000),
    }
}

fn run(seed: u64, planted: Option<Planted>, trace: Trace) -> Told {
    tell(seed, &mut World::new(seed, size(seed), planted, trace))
}

fn tell(seed: u64, world: &mut World) -> Told {
    let verdict = catch_unwind(AssertUnwindSafe(|| world.run())).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    });
    for (name, bytes) in world.disk.contents() {
        world.trace.say(world.now, format_args!("{name} {bytes:?}"));
    }
    Told {
        seed,
        records: world.checker.history.len(),
        answers: world.checker.answers,
        crashes: world.crashes,
        steps: world.steps,
        released: world.released,
        digest: world.trace.digest,
        violation: verdict.err().map(|what| format!("at {:.3} s: {what}", world.elapsed().as_secs_f64())),
    }
}

/// A few commands about one or two workflows, with hardly any time to go wrong in.
fn short_size(seed: u64) -> Size {
    let mut rng = Rng::new(seed ^ 0xA7A7);
    Size {
        workflows: rng.range(1, 3),
        tasks_max: rng.range(1, 5),
        workers: rng.range(2, 4),
        duration_ms: rng.range(2_000, 20_000),
        trouble_ms: rng.range(500, 5_000),
    }
}

/// Runs many seeds on all processors.
fn run_many(seeds: u64, run: impl Fn(u64) -> Told + Sync) -> Vec<Told> {
    let next = AtomicU64::new(0);
    let told = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, |found| found.get().min(8));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let one = run(seed);
                    told.lock().unwrap().push(one);
                }
            });
        }
    });
    let mut told = told.into_inner().unwrap();
    told.sort_by_key(|one| one.seed);
    told
}

#[expect(clippy::disallowed_methods, reason = "a test asks its environment how long it may take")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn seeds() {
    if let Some(seed) = number("GLEITZEIT_SIM_SEED") {
        let told = run(seed, None, Trace::printed());
        assert_eq!(told.violation, None, "seed {seed}");
        return;
    }
    let seeds = number("GLEITZEIT_SIM_SEEDS").unwrap_or(SEEDS);
    judge(&run_many(seeds, |seed| run(seed, None, Trace::default())));
}

/// What a history leaves out in length it has in number: orders of a few commands that a long one hardly ever begins with.
#[test]
fn short_histories() {
    let seeds = number("GLEITZEIT_SIM_SHORT").unwrap_or(SHORT);
    let short = |seed| tell(seed, &mut World::new(seed, short_size(seed), None, Trace::default()));
    judge(&run_many(seeds, short));
}

/// Shows what the runs were like; none of them may have found anything.
fn judge(told: &[Told]) {
    let sum = |figure: fn(&Told) -> u64| told.iter().map(figure).sum::<u64>();
    println!(
        "{} seeds, {} records, {} answers, {} crashes, {} steps, {} releases of old log",
        told.len(),
        sum(|one| one.records as u64),
        sum(|one| one.answers),
        sum(|one| u64::from(one.crashes)),
        sum(|one| one.steps),
        sum(|one| one.released),
    );
    let wrong: Vec<String> = told
        .iter()
        .filter_map(|one| Some(format!("GLEITZEIT_SIM_SEED={} {}", one.seed, one.violation.as_ref()?)))
        .collect();
    assert!(wrong.is_empty(), "{} of {} seeds are wrong:\n{}", wrong.len(), told.len(), wrong.join("\n"));
}

#[test]
fn a_seed_does_the_same_thing_twice() {
    for seed in [3, 4, 5] {
        let once = run(seed, None, Trace::default());
        assert!(once.records > 0 && once.digest != 0);
        assert_eq!(once, run(seed, None, Trace::default()));
        assert_ne!(once.digest, run(seed + 1_000, None, Trace::default()).digest);
    }
}

/// A story of at least 200 records, in which the machine dies once: in every operation of its disk, of a kill and
/// of a power cut.
#[test]
fn every_moment_to_die_is_survived() {
    const SEED: u64 = 11;
    let size = Size { workflows: 12, tasks_max: 10, workers: 6, duration_ms: 40_000, trouble_ms: 1 };
    let until = |death: Death| {
        let mut world = World::new(SEED, size, None, Trace::default());
        world.death = Some(death);
        tell(SEED, &mut world)
    };
    let undisturbed = until(Death { operation: u64::MAX, power_cut: false });
    assert!(undisturbed.records >= 200 && undisturbed.crashes == 0, "{undisturbed:?}");
    for power_cut in [false, true] {
        let mut operation = 1;
        loop {
            let told = until(Death { operation, power_cut });
            assert_eq!(told.violation, None, "died in operation {operation}, power cut: {power_cut}");
            if told.crashes == 0 {
                break;
            }
            operation += 1;
        }
        println!("{} moments to die, power cut: {power_cut}", operation - 1);
    }
}

#[test]
fn planted_bugs_are_found() {
    for planted in Planted::ALL {
        let mut violations = (0..400).filter_map(|seed| run(seed, Some(planted), Trace::default()).violation);
        let found = violations.find(|violation| violation.contains(planted.noticed_as()));
        assert!(found.is_some(), "nobody noticed {planted:?}");
    }
}
