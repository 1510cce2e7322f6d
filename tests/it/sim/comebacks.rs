//! Services of the base protocol that are killed and come back under their node id, while the server is killed as well.

use gleitzeit::core::errors;
use gleitzeit::core::event::{Event, LostReason};

use super::rng::Rng;
use super::world::{Size, Trace, World};
use super::{Told, judge, tell};

/// Far above what any task takes, and far below how long a history is: whoever waits for it hangs.
pub const RUN_TIMEOUT_MS: u64 = 400_000;

fn size(seed: u64) -> Size {
    let mut rng = Rng::new(seed ^ 0xC0C0);
    Size {
        workflows: rng.range(3, 6),
        tasks_max: rng.range(3, 8),
        workers: rng.range(3, 6),
        duration_ms: 1_000_000,
        trouble_ms: 1,
    }
}

/// What became of attempts that a killed service had.
#[derive(Debug, Default)]
struct Fates {
    given_up: usize,
    waited_for_their_timeout: usize,
}

fn live(seed: u64, confirm_ms: Option<u64>) -> (Told, Fates) {
    let mut world = World::new(seed, size(seed), None, Trace::default());
    world.killings_ms = Some(200_000);
    world.limits.confirm_ms = confirm_ms.unwrap_or(world.limits.confirm_ms);
    let mut fates = Fates::default();
    let told = tell(seed, &mut world);
    for record in &world.checker.history {
        let event = &record.event;
        if let Event::AttemptLost { reason, .. } = event {
            fates.given_up += usize::from([LostReason::Forgotten, LostReason::Unconfirmed].contains(reason));
        }
        // Those that are handed on may wait for a receiver that never answers.
        if let Event::TaskFailed { failure, .. } = event {
            let hung = failure.code == errors::TASK_TIMEOUT && failure.message.contains(" on worker-");
            fates.waited_for_their_timeout += usize::from(hung);
        }
    }
    (told, fates)
}

#[test]
fn a_service_that_was_killed_and_came_back_hangs_no_task() {
    const SEEDS: u64 = 6;
    let (told, fates): (Vec<Told>, Vec<Fates>) = (0..SEEDS).map(|seed| live(seed, None)).unzip();
    judge(&told);
    assert!(fates.iter().map(|fates| fates.given_up).sum::<usize>() > 0, "{fates:?}");
    assert!(fates.iter().all(|fates| fates.waited_for_their_timeout == 0), "{fates:?}");
    // The same lives with all the patience in the world: some tasks hang.
    let patient = (0..SEEDS).map(|seed| live(seed, Some(100 * RUN_TIMEOUT_MS)).1);
    assert!(patient.map(|fates| fates.waited_for_their_timeout).sum::<usize>() > 0, "nobody hung");
}
