//! Which ready task goes to which free worker next.
//!
//! A class with ready tasks and a worker with a free slot meet by a set intersection; nothing is searched. The
//! worker then picks among all classes that it serves: by priority with weights 8:4:2:1, inside a priority first what
//! came back from another worker, then by the workflows' turns.

use crate::core::event::Event;
use crate::core::ids::{TaskId, Timestamp, WorkerId};
use crate::core::presence::{Presence, Present};
use crate::core::spec::Priority;
use crate::core::state::{ClassId, State};

/// Tasks of one class and priority that a worker passes over before it turns to the next class, beside those that are
/// barred from it alone: those that another one should get, or whose id it knows from another workflow.
const LOOKED_AT_MAX: usize = 64;

/// The next offer, if any task and any worker fit. Asked again after the offer has been applied.
pub fn next_offer(state: &State, presence: &Presence, now: Timestamp) -> Option<Event> {
    let meeting = state.ready.open().intersection(presence.slots.open());
    for class in meeting {
        for id in presence.slots.of_class(*class) {
            let worker = presence.worker(id).expect("a worker with free slots is present");
            if let Some(task) = next_for(state, presence, worker, now) {
                let attempt = state.task(task)?.attempt.next();
                return Some(Event::TaskOffered { task, attempt, worker: id.clone() });
            }
        }
    }
    None
}

/// What this worker gets next: by priority, inside it first what came back from a worker, then by turn.
fn next_for(state: &State, presence: &Presence, worker: &Present, now: Timestamp) -> Option<TaskId> {
    let first = |priority: &Priority| {
        let classes = || worker.serves.iter().copied().filter(|class| state.ready.open().contains(class));
        let returned = classes().filter_map(|class| {
            let all = state.ready.returned(class, *priority).take(LOOKED_AT_MAX + worker.bars(state));
            first_fit(all, |task| takes_back(state, presence, worker, (class, task), now))
        });
        earliest(returned).or_else(|| {
            let heads = classes().filter_map(|class| {
                let heads = state.ready.heads(class, *priority).take(LOOKED_AT_MAX);
                first_fit(heads, |task| worker.takes_fresh(state, task, now))
            });
            earliest(heads)
        })
    };
    let with_credit = Priority::ALL.iter().filter(|priority| worker.has_credit(**priority));
    let without = Priority::ALL.iter().filter(|priority| !worker.has_credit(**priority));
    with_credit.chain(without).find_map(first)
}

fn first_fit(
    mut tasks: impl Iterator<Item = (u64, TaskId)>,
    fits: impl Fn(TaskId) -> bool,
) -> Option<(u64, TaskId)> {
    tasks.find(|(_, task)| fits(*task))
}

/// The task whose turn came first, over all the classes.
fn earliest(tasks: impl Iterator<Item = (u64, TaskId)>) -> Option<TaskId> {
    tasks.min_by_key(|(turn, _)| *turn).map(|(_, task)| task)
}

fn takes_back(
    state: &State,
    presence: &Presence,
    worker: &Present,
    (class, task): (ClassId, TaskId),
    now: Timestamp,
) -> bool {
    presence.may_take(state, worker, task, now) && !another_first(state, presence, worker, (class, task), now)
}

/// Whether a task that this worker has just lost should go to somebody else, who is free to take it.
fn another_first(
    state: &State,
    presence: &Presence,
    worker: &Present,
    (class, task): (ClassId, TaskId),
    now: Timestamp,
) -> bool {
    let trouble = state.task(task).and_then(|known| known.trouble.as_ref());
    let last = trouble.and_then(|trouble| trouble.history.last()).and_then(|note| note.worker.as_ref());
    let id = &worker.facts.worker;
    let free = |other: &WorkerId| {
        other != id && presence.worker(other).is_some_and(|other| presence.may_take(state, other, task, now))
    };
    last == Some(id) && presence.slots.of_class(class).any(free)
}
