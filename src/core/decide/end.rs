//! What follows from the end of an attempt or of a task: losses, skips, and the end of the workflow.

use std::collections::{BTreeSet, VecDeque};

use super::report::failed;
use crate::core::effect::Effect;
use crate::core::errors;
use crate::core::event::{AfterFailure, Event, Failure, GrantAfter, LostReason, Outcome};
use crate::core::ids::{AttemptNo, TaskId, Timestamp, WorkerId, WorkflowId};
use crate::core::presence::{Presence, Present};
use crate::core::spec::{ErrorStrategy, Trigger};
use crate::core::state::{State, StatusKind, TaskStatus, Workflow};

/// An attempt that is over through no fault of the task. Too many in a row, and the task fails with its history.
pub(super) fn loss(
    state: &State,
    presence: &Presence,
    now: Timestamp,
    task: TaskId,
    attempt: AttemptNo,
    reason: LostReason,
    grant: GrantAfter,
) -> Vec<Event> {
    let Some(known) = state.task(task) else { return Vec::new() };
    let lost = known.lost + 1;
    if lost < presence.limits.lost_attempts_max {
        return vec![Event::AttemptLost { task, attempt, reason, grant }];
    }
    let history = known.trouble.iter().flat_map(|trouble| &trouble.history);
    let told: Vec<String> = history
        .map(|note| {
            let worker = note.worker.as_ref().map_or("nobody", |worker| &worker.0);
            let ago = now.since(note.ended_at) / 1_000;
            format!("attempt {} on {worker}, {ago} s ago: {}", note.attempt, note.message)
        })
        .collect();
    let holder = known.holder().map_or("nobody", |worker| &worker.0);
    let failure = Failure::new(
        errors::TASK_RETRY_EXHAUSTED,
        format!(
            "{lost} attempts in a row were lost; now attempt {attempt} on {holder}: {}; before it: {}",
            reason.text(),
            told.join("; ")
        ),
    );
    failed(state, task, attempt, failure, AfterFailure::Final, grant)
}

/// All attempts that are lost at once. Several of them may be the last of their tasks, and skip the same dependent:
/// it is skipped once, for the first.
pub(super) fn losses(
    state: &State,
    presence: &Presence,
    attempts: impl IntoIterator<Item = (TaskId, AttemptNo)>,
    reason: LostReason,
    grant: GrantAfter,
) -> Vec<Event> {
    let mut skipped = BTreeSet::new();
    let events = attempts
        .into_iter()
        .flat_map(|(task, attempt)| loss(state, presence, state.now, task, attempt, reason, grant));
    let first = |event: &Event| {
        if let Event::TaskSkipped { task, .. } = event { skipped.insert(*task) } else { true }
    };
    events.filter(first).collect()
}

/// How a task did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsuccessful {
    Failed,
    Cancelled,
    /// A person said that it is not to run.
    LeftOut,
}

/// The tasks that will not run because `root` did not succeed, each as an event.
pub(super) fn skipped_by(workflow: &Workflow, root: u32, how: Unsuccessful) -> Vec<Event> {
    let skips = match workflow.spec.error_strategy {
        // Under `stop` the whole workflow ends, unless a person left the task out.
        ErrorStrategy::Stop => how == Unsuccessful::LeftOut,
        // Dependents run with null.
        ErrorStrategy::Skip => false,
        ErrorStrategy::Continue => true,
        // The second round is for failures; what was cancelled or left out does not come again.
        ErrorStrategy::Retry => workflow.second_round || how != Unsuccessful::Failed,
    };
    if !skips {
        return Vec::new();
    }
    let cause = workflow.task_id(root);
    let mut skipped = BTreeSet::new();
    let mut queue = VecDeque::from([root]);
    let mut events = Vec::new();
    while let Some(index) = queue.pop_front() {
        for dependent in workflow.graph.dependents(index) {
            let waits = matches!(workflow.task(*dependent).status, TaskStatus::Pending { .. });
            let needs = workflow.spec.policy_of(*dependent).trigger == Trigger::OnSuccess;
            if waits && needs && skipped.insert(*dependent) {
                events.push(Event::TaskSkipped { task: workflow.task_id(*dependent), cause });
                queue.push_back(*dependent);
            }
        }
    }
    events
}

/// The skips that should follow from how the tasks of an open workflow stand. There are none, unless the log was cut
/// in the middle of a turn.
pub fn overdue_skips(workflow: &Workflow) -> Vec<Event> {
    let ends = [StatusKind::Failed, StatusKind::Cancelled, StatusKind::Skipped];
    if workflow.status.has_ended() || ends.iter().all(|kind| workflow.counts.of(*kind) == 0) {
        return Vec::new();
    }
    let how = |index: u32| match &workflow.task(index).status {
        TaskStatus::Failed { .. } => Some(Unsuccessful::Failed),
        TaskStatus::Cancelled { .. } => Some(Unsuccessful::Cancelled),
        status @ TaskStatus::Skipped { .. } => status.result().is_none().then_some(Unsuccessful::LeftOut),
        TaskStatus::Pending { .. }
        | TaskStatus::Queued { .. }
        | TaskStatus::Assigned { .. }
        | TaskStatus::Processing { .. }
        | TaskStatus::Retrying { .. }
        | TaskStatus::Completed { .. } => None,
    };
    let mut skipped = BTreeSet::new();
    (0..workflow.spec.total())
        .filter_map(|index| Some((index, how(index)?)))
        .flat_map(|(index, how)| skipped_by(workflow, index, how))
        .filter(|event| skipped.insert(event.task()))
        .collect()
}

/// What has become due for a workflow because of its tasks: its end, or its second round. Asked again after
/// every change until there is nothing more.
pub fn settle(
    state: &State,
    presence: &Presence,
    id: WorkflowId,
    now: Timestamp,
) -> Option<(Event, Vec<Effect>)> {
    let workflow = state.workflow(id)?;
    if workflow.status.has_ended() {
        return None;
    }
    let counts = &workflow.counts;
    let failed = counts.of(StatusKind::Failed);
    let unsuccessful = failed + counts.of(StatusKind::Cancelled);
    let strategy = workflow.spec.error_strategy;
    if strategy == ErrorStrategy::Stop && unsuccessful > 0 {
        return Some(ending(state, presence, workflow, Outcome::Failed, now));
    }
    if strategy == ErrorStrategy::Retry && !workflow.second_round && counts.active() == 0 && failed > 0 {
        return Some((Event::RoundStarted { workflow: id }, Vec::new()));
    }
    if counts.unsettled() > 0 {
        return left_behind(workflow).map(|event| (event, Vec::new()));
    }
    let outcome = if unsuccessful > 0 && strategy != ErrorStrategy::Skip {
        Outcome::Failed
    } else {
        Outcome::Completed
    };
    Some(ending(state, presence, workflow, outcome, now))
}

/// A task that waits for what will not come, although nothing of its workflow goes on: it had failed by hand before
/// its dependencies ended, and got another round.
fn left_behind(workflow: &Workflow) -> Option<Event> {
    if workflow.counts.active() > 0 {
        return None;
    }
    (0..workflow.spec.total()).find_map(|index| {
        let waits = matches!(workflow.task(index).status, TaskStatus::Pending { .. });
        let dependencies = || workflow.spec.task(index).dependencies.iter().copied();
        let missing = |on: &u32| workflow.task(*on).status.has_ended() && !workflow.satisfies(*on, index);
        let cause = dependencies().find(missing).filter(|_| waits)?;
        Some(Event::TaskSkipped { task: workflow.task_id(index), cause: workflow.task_id(cause) })
    })
}

/// The end of a workflow: whoever still runs something of it is told to stop.
pub(super) fn ending(
    state: &State,
    presence: &Presence,
    workflow: &Workflow,
    outcome: Outcome,
    now: Timestamp,
) -> (Event, Vec<Effect>) {
    let (mut effects, release_until) = stop_all(state, presence, workflow, now);
    effects.push(Effect::Archive { workflow: workflow.id });
    (Event::WorkflowEnded { workflow: workflow.id, outcome, release_until }, effects)
}

/// Cancels for all that run, and how long their slots are kept.
pub(super) fn stop_all(
    state: &State,
    presence: &Presence,
    workflow: &Workflow,
    now: Timestamp,
) -> (Vec<Effect>, Timestamp) {
    let mut until = now.plus(presence.limits.release_grace_ms);
    let mut effects = Vec::new();
    if workflow.counts.running() == 0 {
        return (effects, until);
    }
    for index in 0..workflow.spec.total() {
        let task = workflow.task(index);
        if let Some(worker) = task.holder() {
            until = until.max(release_until(presence, worker, now));
            let held = presence.worker(worker);
            effects
                .extend(held.and_then(|worker| cancel_effect(worker, workflow.task_id(index), task.attempt)));
        }
    }
    debug_assert!(effects.len() <= state.grants.all().count(), "only holders are told to stop");
    (effects, until)
}

/// Until when a worker that was told to stop may keep its slot. One that does not fence could confuse a second
/// assignment of the same task, so it is given two of its silences.
pub(super) fn release_until(presence: &Presence, worker: &WorkerId, now: Timestamp) -> Timestamp {
    let grace = presence.limits.release_grace_ms;
    now.plus(presence.worker(worker).map_or(grace, |known| {
        if known.facts.fences { grace } else { 2 * known.liveness_ms(&presence.limits) }
    }))
}

/// The message that tells a worker to stop an attempt, where it can be reached.
pub(super) fn cancel_effect(worker: &Present, task: TaskId, attempt: AttemptNo) -> Option<Effect> {
    let session = worker.session?;
    Some(Effect::SendCancel { session, worker: worker.facts.worker.clone(), task, attempt })
}
