//! Which ready task goes to which free worker next.
//!
//! A class with ready tasks and a worker with a free slot meet by a set intersection; nothing is searched. The
//! worker then picks among all classes that it serves: by priority with weights 8:4:2:1, inside a priority by
//! the workflows' turns.

use crate::core::event::Event;
use crate::core::ids::{TaskId, Timestamp, WorkerId};
use crate::core::presence::{Presence, Present};
use crate::core::spec::Priority;
use crate::core::state::{ClassId, State, Workflow};

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

/// What this worker gets next: first what came back from another one, then by priority and turn.
fn next_for(state: &State, presence: &Presence, worker: &Present, now: Timestamp) -> Option<TaskId> {
    let classes = || worker.serves.iter().copied().filter(|class| state.ready.open().contains(class));
    let mut returned =
        classes().flat_map(|class| state.ready.returned(class).map(move |(task, _)| (class, task)));
    let returned = returned.find(|(class, task)| {
        let dispatches = state.workflow(task.workflow).is_some_and(Workflow::dispatches);
        dispatches
            && presence.may_take(state, worker, *task, now)
            && !another_first(state, presence, worker, (*class, *task), now)
    });
    returned.map(|(_, task)| task).or_else(|| {
        let head = |priority| head_of(state, classes(), priority);
        let turn = Priority::ALL.into_iter().filter(|priority| worker.has_credit(*priority)).find_map(head);
        turn.or_else(|| Priority::ALL.into_iter().find_map(head))
    })
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

/// The task whose turn came first, over all the classes.
fn head_of(state: &State, classes: impl Iterator<Item = ClassId>, priority: Priority) -> Option<TaskId> {
    let heads = classes.filter_map(|class| state.ready.head(class, priority));
    heads.min_by_key(|(turn, _)| *turn).map(|(_, task)| task)
}
