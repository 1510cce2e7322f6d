//! What people ask for: submit, cancel, pause, resume, retry.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::edit::edited;
use super::end::{Unsuccessful, cancel_effect, release_until, skipped_by, stop_all};
use super::{Decision, Inputs};
use crate::core::carried::CarriedWorkflow;
use crate::core::command::Edit;
use crate::core::effect::{Effect, First, Receipt};
use crate::core::errors;
use crate::core::event::{Event, Note};
use crate::core::ids::{Fingerprint, TaskId, Timestamp, WorkflowId};
use crate::core::presence::Presence;
use crate::core::rejection::Rejection;
use crate::core::spec::{ErrorStrategy, WorkflowSpec};
use crate::core::state::{SkipCause, State, StatusKind, TaskStatus, Workflow, WorkflowStatus};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Clocks of two machines may differ, and one may be set right while something is on its way.
const ID_AHEAD_MAX_MS: u64 = 2 * DAY_MS;

pub(super) fn submit(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    id: WorkflowId,
    spec: &Arc<WorkflowSpec>,
    body: Fingerprint,
    key: Option<Fingerprint>,
) -> Result<Decision, Rejection> {
    let live = |workflow: &Workflow| (workflow.id, workflow.body);
    let remembered =
        |workflow: &&Workflow| inputs.now.since(workflow.created_at) < presence.limits.idempotency_ms;
    let earlier = state
        .workflow(id)
        .map(live)
        .or_else(|| key.and_then(|key| state.by_key(key)).filter(remembered).map(live))
        .or(inputs.existing.submitted);
    if let Some((workflow, earlier_body)) = earlier {
        if earlier_body != body {
            return Err(Rejection::new(
                errors::WORKFLOW_CONFLICT,
                format!(
                    "workflow {workflow} was submitted with the same id or idempotency key and another body"
                ),
            ));
        }
        let answer = Ok(Receipt::Submitted { workflow, first: First::Repeated });
        return Ok(Decision { answer, ..Decision::nothing() });
    }
    refuse_future(id, inputs.now)?;
    taken_task_id(state, spec)?;
    let events = vec![Event::WorkflowSubmitted { workflow: id, spec: Arc::clone(spec), body, key }];
    let answer = Ok(Receipt::Submitted { workflow: id, first: First::Created });
    Ok(Decision { events, effects: Vec::new(), answer })
}

/// A version 7 UUID tells its place in lists, and how early it is let go. One of the future would stand before all others, and
/// would never go.
fn refuse_future(id: WorkflowId, now: Timestamp) -> Result<(), Rejection> {
    let latest = now.plus(ID_AHEAD_MAX_MS);
    id.generated_at().filter(|at| *at > latest).map_or(Ok(()), |at| {
        Err(Rejection::new(
            errors::INVALID_ARGUMENT,
            format!(
                "the id {id} is a version 7 UUID of a time that is {} days ahead of the server's clock; check the clocks, \
                 or choose another id",
                at.since(now) / DAY_MS
            ),
        ))
    })
}

/// A UUID names one task in the whole system.
pub(super) fn taken_task_id(state: &State, spec: &WorkflowSpec) -> Result<(), Rejection> {
    let taken = spec
        .tasks
        .iter()
        .filter_map(|task| task.own_id.as_deref())
        .find_map(|own| state.by_own_uuid(own).map(|task| (own, task)));
    taken.map_or(Ok(()), |(own, task)| {
        Err(Rejection::new(
            errors::WORKFLOW_CONFLICT,
            format!("task id {own} is in use by workflow {}; give the task a new id", task.workflow),
        ))
    })
}

pub(super) fn known(state: &State, inputs: &Inputs, id: WorkflowId) -> Result<Workflow, Rejection> {
    let archived = inputs.existing.workflow.as_deref().filter(|workflow| workflow.id == id);
    state
        .workflow(id)
        .or(archived)
        .cloned()
        .ok_or_else(|| Rejection::new(errors::WORKFLOW_NOT_FOUND, format!("there is no workflow {id}")))
}

fn unfinished(state: &State, inputs: &Inputs, id: WorkflowId) -> Result<Workflow, Rejection> {
    let workflow = known(state, inputs, id)?;
    if workflow.status.has_ended() {
        return Err(Rejection::new(
            errors::WORKFLOW_ALREADY_ENDED,
            format!("workflow {id} is {} already", workflow.status.name()),
        ));
    }
    Ok(workflow)
}

pub(super) fn cancel_workflow(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    id: WorkflowId,
) -> Result<Decision, Rejection> {
    let workflow = unfinished(state, inputs, id)?;
    let (mut effects, release_until) = stop_all(state, presence, &workflow, inputs.now);
    effects.push(Effect::Archive { workflow: id });
    let events = vec![Event::WorkflowCancelled { workflow: id, release_until }];
    Ok(Decision { events, effects, ..Decision::nothing() })
}

pub(super) fn pause(state: &State, inputs: &Inputs, id: WorkflowId) -> Result<Decision, Rejection> {
    let workflow = unfinished(state, inputs, id)?;
    if workflow.status == WorkflowStatus::Paused {
        return Ok(Decision::nothing());
    }
    Ok(Decision::events(vec![Event::WorkflowPaused { workflow: id }]))
}

pub(super) fn resume(state: &State, inputs: &Inputs, id: WorkflowId) -> Result<Decision, Rejection> {
    let workflow = unfinished(state, inputs, id)?;
    if workflow.status != WorkflowStatus::Paused {
        return Ok(Decision::nothing());
    }
    Ok(Decision::events(vec![Event::WorkflowResumed { workflow: id }]))
}

pub(super) fn retry_workflow(
    state: &State,
    inputs: &Inputs,
    id: WorkflowId,
    edits: &[(u32, Edit)],
    note: &Note,
) -> Result<Decision, Rejection> {
    let workflow = known(state, inputs, id)?;
    let again = unsuccessful(&workflow);
    if again.is_empty() {
        return Err(Rejection::new(
            errors::NOTHING_TO_RETRY,
            format!(
                "workflow {id} is {} and has no failed, cancelled or skipped task to run again",
                workflow.status.name()
            ),
        ));
    }
    if let Some((index, _)) = edits.iter().find(|(index, _)| !again.contains(index)) {
        return Err(Rejection::new(
            errors::INVALID_ARGUMENT,
            format!(
                "task `{}` does not run again, so its parameters cannot be changed",
                workflow.name_of(*index)
            ),
        ));
    }
    let edits: Vec<(u32, &Edit)> = edits.iter().map(|(index, edit)| (*index, edit)).collect();
    Ok(Decision::events(reopened(state, &workflow, again, &edits, note)?))
}

pub(super) fn retry_task(
    state: &State,
    inputs: &Inputs,
    id: TaskId,
    edit: Option<&Edit>,
    note: &Note,
) -> Result<Decision, Rejection> {
    let workflow = known(state, inputs, id.workflow)?;
    let task = workflow.tasks.get(id.at()).ok_or_else(|| no_task(id))?;
    if task.status.kind().has_ended() && task.status.result().is_some() {
        return Err(Rejection::new(
            errors::TASK_ALREADY_ENDED,
            format!("task {id} has a result, which others may have used; submit the workflow again instead"),
        ));
    }
    match task.status.kind() {
        StatusKind::Retrying => {
            let edit = edit.map(|edit| edited(&workflow, id.index, edit, note)).transpose()?;
            let requeued = Event::TaskRequeued { task: id };
            Ok(Decision::events(edit.into_iter().chain([requeued]).collect()))
        }
        StatusKind::Failed | StatusKind::Cancelled | StatusKind::Skipped => {
            let edits: Vec<(u32, &Edit)> = edit.map(|edit| (id.index, edit)).into_iter().collect();
            let again = with_kin(&workflow, id.index);
            Ok(Decision::events(reopened(state, &workflow, again, &edits, note)?))
        }
        kind @ (StatusKind::Pending
        | StatusKind::Queued
        | StatusKind::Assigned
        | StatusKind::Processing
        | StatusKind::Completed) => Err(Rejection::new(
            errors::NOTHING_TO_RETRY,
            format!(
                "task {id} is {}; only a failed, cancelled, skipped or retrying task can be retried",
                kind.name()
            ),
        )),
    }
}

/// Every task that ended without success, except those that a person left out and what cannot run without them.
pub(super) fn unsuccessful(workflow: &Workflow) -> Vec<u32> {
    let left_out = |index: &u32| {
        let status = &workflow.task(*index).status;
        matches!(status, TaskStatus::Skipped { cause: SkipCause::ByHand { .. } })
    };
    let unsuccessful = |index: &u32| {
        let status = &workflow.task(*index).status;
        status.has_ended() && status.result().is_none() && !left_out(index)
    };
    let mut again: BTreeSet<u32> = (0..workflow.spec.total()).filter(unsuccessful).collect();
    let mut queue: VecDeque<u32> = (0..workflow.spec.total()).filter(left_out).collect();
    while let Some(index) = queue.pop_front() {
        for dependent in workflow.graph.dependents(index) {
            if never_comes(workflow, index, *dependent) && again.remove(dependent) {
                queue.push_back(*dependent);
            }
        }
    }
    again.into_iter().collect()
}

/// The task, what it needs and does not have, and whatever was skipped or cancelled after it and can run again.
fn with_kin(workflow: &Workflow, root: u32) -> Vec<u32> {
    // Under `stop` any other failure would end the workflow again at once.
    if workflow.spec.error_strategy == ErrorStrategy::Stop {
        return unsuccessful(workflow)
            .into_iter()
            .chain([root])
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
    }
    let mut again = BTreeSet::from([root]);
    let mut queue = VecDeque::from([root]);
    while let Some(index) = queue.pop_front() {
        for dependency in &workflow.spec.task(index).dependencies {
            if never_comes(workflow, *dependency, index) && again.insert(*dependency) {
                queue.push_back(*dependency);
            }
        }
    }
    let mut queue: VecDeque<u32> = again.iter().copied().collect();
    while let Some(index) = queue.pop_front() {
        for dependent in workflow.graph.dependents(index) {
            let fell_with_it = matches!(
                workflow.task(*dependent).status,
                TaskStatus::Skipped { cause: SkipCause::Dependency(_) } | TaskStatus::Cancelled { .. }
            );
            let needs = &workflow.spec.task(*dependent).dependencies;
            let can_run =
                || needs.iter().all(|need| again.contains(need) || !never_comes(workflow, *need, *dependent));
            if fell_with_it && can_run() && again.insert(*dependent) {
                queue.push_back(*dependent);
            }
        }
    }
    again.into_iter().collect()
}

/// Whether a dependency has ended in a way that never lets `dependent` start.
pub(super) fn never_comes(workflow: &Workflow, dependency: u32, dependent: u32) -> bool {
    let status = &workflow.task(dependency).status;
    // An ended workflow that is opened again has its second round before it.
    let round_to_come = workflow.spec.error_strategy == ErrorStrategy::Retry
        && (!workflow.second_round || workflow.status.has_ended())
        && status.kind() == StatusKind::Failed;
    status.has_ended() && !round_to_come && !workflow.satisfies(dependency, dependent)
}

fn reopened(
    state: &State,
    workflow: &Workflow,
    tasks: Vec<u32>,
    edits: &[(u32, &Edit)],
    note: &Note,
) -> Result<Vec<Event>, Rejection> {
    let mut events = written_again(state, workflow)?;
    for (index, edit) in edits {
        events.push(edited(workflow, *index, edit, note)?);
    }
    events.push(Event::TasksRetried { workflow: workflow.id, tasks, note: note.clone() });
    Ok(events)
}

/// A workflow that has ended is written again, whole, before its tasks run again: it may have left memory, and even
/// where it has not, checkpoints leave out what has ended, so that a replay from one knows it only by this.
pub(super) fn written_again(state: &State, workflow: &Workflow) -> Result<Vec<Event>, Rejection> {
    if !workflow.status.has_ended() {
        return Ok(Vec::new());
    }
    if workflow.spec.imported.is_some() {
        return Err(Rejection::new(
            errors::WORKFLOW_IMPORTED,
            format!("workflow {} ran on another server and does not run here", workflow.label()),
        ));
    }
    if state.workflow(workflow.id).is_none() {
        taken_task_id(state, &workflow.spec)?;
    }
    Ok(CarriedWorkflow::of(workflow, state).into_events())
}

pub(super) fn cancel_task(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    id: TaskId,
) -> Result<Decision, Rejection> {
    let workflow = known(state, inputs, id.workflow)?;
    let task = workflow.tasks.get(id.at()).ok_or_else(|| no_task(id))?;
    if task.status.has_ended() {
        return Err(Rejection::new(
            errors::TASK_ALREADY_ENDED,
            format!("task {id} is {} already", task.status.name()),
        ));
    }
    let holder = task.holder().and_then(|worker| presence.worker(worker));
    let effects = holder.and_then(|worker| cancel_effect(worker, id, task.attempt)).into_iter().collect();
    let grace = inputs.now.plus(presence.limits.release_grace_ms);
    let release_until = task.holder().map_or(grace, |worker| release_until(presence, worker, inputs.now));
    let mut events = vec![Event::TaskCancelled { task: id, release_until }];
    events.extend(skipped_by(&workflow, id.index, Unsuccessful::Cancelled));
    Ok(Decision { events, effects, ..Decision::nothing() })
}

pub(super) fn no_task(id: TaskId) -> Rejection {
    Rejection::new(
        errors::TASK_NOT_FOUND,
        format!("workflow {} has no task number {}", id.workflow, id.index),
    )
}
