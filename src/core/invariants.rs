//! What is always true. Checked by debug builds, the simulation and `gleitzeit store verify`.

use std::collections::{BTreeMap, BTreeSet};

use super::access::Access;
use super::ids::{Seq, Timestamp};
use super::presence::Presence;
use super::state::{
    Census, ClassId, Phase, Standing, State, StatusKind, Task, TaskStatus, Timer, Turn, Workflow,
};
use super::subscription::{AfterTry, DELIVERIES_KEPT, DeliveryNote};

/// The first violation, if there is one.
///
/// # Errors
/// A sentence that says what is broken, and where.
pub fn check(state: &State) -> Result<(), String> {
    for workflow in state.workflows.values() {
        check_counts(workflow)?;
        for index in 0..workflow.spec.total() {
            check_task(state, workflow, index)?;
        }
    }
    for (worker, id, attempt, grant) in state.grants.all() {
        let task = state.task(id);
        if task.is_none() {
            return Err(format!("{worker} holds attempt {attempt} of {id}, which has left memory"));
        }
        let current = task.is_some_and(|task| task.holder() == Some(worker) && task.attempt == attempt);
        if grant.phase.is_current() != current {
            return Err(format!(
                "{worker} holds attempt {attempt} of {id} as {:?}, but the task says otherwise",
                grant.phase
            ));
        }
    }
    check_subscriptions(state)?;
    check_access(&state.access)
}

/// Every key has an owner and is found by its digest.
fn check_access(access: &Access) -> Result<(), String> {
    for (id, key) in &access.keys {
        if !access.users.contains_key(&key.owner) || access.by_digest.get(&key.digest) != Some(id) {
            return Err(format!("key {id} of {} cannot be found, or has no owner", key.owner));
        }
    }
    if access.by_digest.len() != access.keys.len() {
        return Err(format!("{} digests lead to {} keys", access.by_digest.len(), access.keys.len()));
    }
    Ok(())
}

/// A cursor lies inside the log, and what is remembered of deliveries is in their order, with at most the last of them
/// still open.
fn check_subscriptions(state: &State) -> Result<(), String> {
    for (id, known) in &state.subscriptions {
        let seqs: Vec<Seq> = known.deliveries.iter().map(|note| note.told.seq).collect();
        let open = |note: &&DeliveryNote| matches!(note.then, AfterTry::RetryAt(_));
        let behind = known.deliveries.iter().filter(open).any(|note| note.told.seq < known.cursor);
        let ordered = seqs.windows(2).all(|pair| pair.first() < pair.last());
        if known.cursor > state.next_seq || !ordered || behind || seqs.len() > DELIVERIES_KEPT {
            return Err(format!("webhook {id} stands at {:?} with deliveries of {seqs:?}", known.cursor));
        }
        if known.deliveries.iter().filter(open).count() > 1 {
            return Err(format!("webhook {id} tries several ends at once"));
        }
    }
    Ok(())
}

/// Every open workflow can go on. A log that was cut in the middle of a turn may end before what follows from its
/// last records, so this is true from the first turn after a start on.
///
/// # Errors
/// As [`check`].
pub fn check_progress(state: &State) -> Result<(), String> {
    if let Some(id) = state.arriving.keys().next() {
        return Err(format!("only a part of workflow {id} was written again"));
    }
    let stuck =
        state.workflows.values().find(|known| !known.status.has_ended() && known.counts.active() == 0);
    stuck.map_or(Ok(()), |workflow| {
        let status = workflow.status.name();
        Err(format!("workflow {} is {status} but nothing of it can go on", workflow.id))
    })
}

fn check_counts(workflow: &Workflow) -> Result<(), String> {
    let counted = super::apply::count(&workflow.tasks);
    if counted != workflow.counts {
        return Err(format!("workflow {} counts {:?}, but holds {counted:?}", workflow.id, workflow.counts));
    }
    if workflow.status.has_ended() && workflow.counts.unsettled() > 0 {
        return Err(format!("workflow {} has ended with unsettled tasks", workflow.id));
    }
    Ok(())
}

fn check_task(state: &State, workflow: &Workflow, index: u32) -> Result<(), String> {
    let id = workflow.task_id(index);
    let task = workflow.task(index);
    match &task.status {
        TaskStatus::Pending { waiting_on } => {
            let really = workflow.waiting_on(index);
            if *waiting_on != really || really == 0 {
                return Err(format!("task {id} waits for {waiting_on}, but {really} dependencies are open"));
            }
        }
        TaskStatus::Assigned { worker, .. } | TaskStatus::Processing { worker, .. } => {
            let offered = task.status.kind() == StatusKind::Assigned;
            let fits = |phase| match phase {
                Phase::Offered => offered,
                Phase::Accepted | Phase::Delivered => !offered,
                Phase::Releasing { .. } => false,
            };
            let grant = state.grants.get(worker, id, task.attempt);
            if grant.is_none_or(|grant| !fits(grant.phase)) {
                return Err(format!("task {id} is {} without a grant of {worker}", task.status.name()));
            }
        }
        TaskStatus::Queued { .. } if workflow.waiting_on(index) > 0 => {
            return Err(format!("task {id} is ready before its dependencies allow it"));
        }
        TaskStatus::Queued { .. }
        | TaskStatus::Retrying { .. }
        | TaskStatus::Completed { .. }
        | TaskStatus::Failed { .. }
        | TaskStatus::Cancelled { .. }
        | TaskStatus::Skipped { .. } => {}
    }
    Ok(())
}

/// Queues, timers and lists are exactly what follows from the facts. Costs as much as building them anew.
///
/// # Errors
/// As [`check`].
pub fn check_indexes(state: &State) -> Result<(), String> {
    let mut due = BTreeSet::new();
    let mut queued = BTreeMap::new();
    let mut users: BTreeMap<ClassId, u32> = BTreeMap::new();
    for workflow in state.workflows.values() {
        for class in workflow.classes.iter() {
            *users.entry(*class).or_default() += 1;
        }
        let total = workflow.total_deadline().filter(|_| !workflow.status.has_ended());
        due.extend(total.map(|at| (at, Timer::Total(workflow.id))));
        let turn = if workflow.dispatches() { Turn::Takes } else { Turn::Parked };
        for index in 0..workflow.spec.total() {
            let (timer, spot) = State::due_and_place(workflow, index);
            due.extend(timer);
            queued.extend(spot.map(|spot| (workflow.task_id(index), (spot, turn))));
        }
    }
    for (worker, task, attempt, grant) in state.grants.all() {
        if let Phase::Releasing { until } = grant.phase {
            due.insert((until, Timer::Release(worker.clone(), task, attempt)));
        }
    }
    if let Some(wrong) = state.timers.difference(&due) {
        return Err(format!("this timer is left behind, or missing: {wrong:?}"));
    }
    for (task, class, priority, standing) in state.ready.places() {
        let wanted = queued.remove(&task);
        let fits = wanted.is_some_and(|(spot, turn)| {
            let choosy = state.task(task).is_some_and(Task::is_choosy);
            let at_its_place =
                standing == Standing::Returned(turn) || (standing == Standing::Fresh(turn) && !choosy);
            spot == (class, priority) && at_its_place
        });
        if !fits {
            return Err(format!(
                "task {task} is queued as {standing:?} in {class:?}, but should be {wanted:?}"
            ));
        }
    }
    if let Some((task, _)) = queued.first_key_value() {
        return Err(format!("task {task} is ready and in no queue"));
    }
    if let Some(class) = state.ready.inconsistent(|class| users.get(&class).copied().unwrap_or_default()) {
        return Err(format!("the queues of {class:?} do not fit together"));
    }
    let mut census = Census::default();
    for workflow in state.workflows.values() {
        census.add(workflow.status);
    }
    if census != state.census {
        return Err(format!("the census says {:?}, but memory holds {census:?}", state.census));
    }
    let current = state.grants.all().filter(|(_, _, _, grant)| grant.phase.is_current()).count();
    if current != state.grants.current() {
        return Err(format!("{current} attempts are held, but {} are counted", state.grants.current()));
    }
    let listed: BTreeSet<_> = state.workflows.values().map(Workflow::listed_at).collect();
    if listed != state.listed {
        return Err("the list of workflows does not hold those in memory".to_owned());
    }
    Ok(())
}

/// A worker never holds more attempts than its capacity.
///
/// # Errors
/// As [`check`].
pub fn check_presence(state: &State, presence: &Presence) -> Result<(), String> {
    for worker in presence.workers().filter(|worker| worker.is_connected()) {
        let held = state.grants.count(&worker.facts.worker);
        let offered_now =
            state.grants.of(&worker.facts.worker).filter(|(_, _, grant)| grant.since >= worker.connected_at);
        let new = u32::try_from(offered_now.count()).expect("bounded by the capacity");
        if new > worker.facts.capacity {
            return Err(format!(
                "{} holds {held} attempts with {} slots",
                worker.facts.worker, worker.facts.capacity
            ));
        }
    }
    Ok(())
}

/// Every deadline lies ahead, but for what one turn could not do, and the turns of the workers know of every one that has
/// passed. True while the disk has room.
///
/// # Errors
/// As [`check`].
pub fn check_deadlines(state: &State, presence: &Presence, now: Timestamp) -> Result<(), String> {
    presence.check_slots(state, now)?;
    if state.timers.next().is_some_and(|due| due.0 + 60_000 < now.0) {
        return Err(format!("a timer of {:?} is overdue at {now:?}", state.timers.next()));
    }
    Ok(())
}
