//! A person decides what becomes of a task: its result, its failure, or that it is left out.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::end::{Unsuccessful, cancel_effect, release_until, skipped_by};
use super::verbs::{known, never_comes, no_task, unsuccessful, written_again};
use super::{Decision, Inputs};
use crate::core::command::{FailureReport, Verdict};
use crate::core::errors;
use crate::core::event::{AfterFailure, ByHand, Event, Failure, Note};
use crate::core::ids::TaskId;
use crate::core::payload::{Payload, Stored};
use crate::core::presence::Presence;
use crate::core::rejection::Rejection;
use crate::core::retry;
use crate::core::spec::ErrorStrategy;
use crate::core::state::{SkipCause, State, StatusKind, Task, TaskStatus, Workflow, WorkflowStatus};

pub(super) fn settle_task(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    id: TaskId,
    verdict: &Verdict,
    note: &Note,
) -> Result<Decision, Rejection> {
    let workflow = known(state, inputs, id.workflow)?;
    let task = workflow.tasks.get(id.at()).ok_or_else(|| no_task(id))?;
    if says_nothing_new(&task.status, verdict) {
        return Ok(Decision::nothing());
    }
    still_open(id, task, verdict)?;
    let how = how(state, presence, inputs, id, task, verdict)?;
    let mut after = afterwards(&workflow, id.index, &how);
    let again = revived(&workflow, &after, id.index, &how);
    for index in &again {
        set(&mut after, *index, TaskStatus::Pending { waiting_on: u32::MAX });
    }
    let skipped = match &how {
        ByHand::Completed { .. }
        | ByHand::Skipped { with: Some(_) }
        | ByHand::Failed { next: AfterFailure::RetryAt(_), .. } => Vec::new(),
        ByHand::Skipped { with: None } => skipped_by(&after, id.index, Unsuccessful::LeftOut),
        ByHand::Failed { next: AfterFailure::Final, .. } => {
            skipped_by(&after, id.index, Unsuccessful::Failed)
        }
    };
    let holder = task.holder();
    let grace = inputs.now.plus(presence.limits.release_grace_ms);
    let release_until = holder.map_or(grace, |worker| release_until(presence, worker, inputs.now));
    let told = holder.and_then(|worker| presence.worker(worker));
    let effects = told.and_then(|worker| cancel_effect(worker, id, task.attempt)).into_iter().collect();
    let mut events = written_again(state, &workflow)?;
    events.push(Event::TaskSettledByHand { task: id, how, again, release_until, note: note.clone() });
    events.extend(skipped);
    Ok(Decision { events, effects, ..Decision::nothing() })
}

/// The same word twice changes nothing. Results are compared by whoever can read them.
fn says_nothing_new(status: &TaskStatus, verdict: &Verdict) -> bool {
    match (verdict, status) {
        (Verdict::Skip(None), TaskStatus::Skipped { cause }) => match cause {
            SkipCause::Dependency(_) | SkipCause::ByHand { with: None } => true,
            SkipCause::ByHand { with: Some(_) } => false,
        },
        (Verdict::Fail(report), TaskStatus::Failed { failure }) => **failure == Failure::of(report),
        (Verdict::Complete(_) | Verdict::Fail(_) | Verdict::Skip(_), _) => false,
    }
}

/// A result that others may have used stays, and a task fails once. What did not succeed can still be given a
/// result, or be left out.
fn still_open(id: TaskId, task: &Task, verdict: &Verdict) -> Result<(), Rejection> {
    let kind = task.status.kind();
    let refused = match verdict {
        Verdict::Fail(_) => kind.has_ended(),
        Verdict::Complete(_) | Verdict::Skip(_) => task.status.result().is_some(),
    };
    if !refused {
        return Ok(());
    }
    let with =
        if kind == StatusKind::Skipped && task.status.result().is_some() { " with a value" } else { "" };
    Err(Rejection::new(errors::TASK_ALREADY_ENDED, format!("task {id} is {}{with} already", kind.name())))
}

fn how(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    id: TaskId,
    task: &Task,
    verdict: &Verdict,
) -> Result<ByHand, Rejection> {
    let stored = |value: &Payload| {
        let (size, limit) = (value.as_str().len(), presence.limits.result_bytes_max);
        if size > limit {
            return Err(Rejection::new(
                errors::PAYLOAD_TOO_LARGE,
                format!("the value for task {id} has {size} bytes; the limit is {limit}"),
            ));
        }
        Ok(Stored::fresh(value.clone(), &mut 0))
    };
    Ok(match verdict {
        Verdict::Complete(result) => ByHand::Completed { result: stored(result)? },
        Verdict::Skip(with) => ByHand::Skipped { with: with.as_ref().map(stored).transpose()? },
        Verdict::Fail(report) => failed(state, inputs, id, task, report),
    })
}

/// By hand a failure is final, unless it is said to be worth another try. A task that waits for others has not
/// been tried at all.
fn failed(state: &State, inputs: &Inputs, id: TaskId, task: &Task, report: &FailureReport) -> ByHand {
    let failure = Failure::of(report);
    let retryable = report.retryable.unwrap_or(false) && task.status.kind() != StatusKind::Pending;
    let plan = retry::Report { retryable: Some(retryable), retry_after_ms: report.retry_after_ms };
    let next = retry::next(state, id, failure.code, &plan, inputs);
    ByHand::Failed { failure, next }
}

/// The workflow as it will be right after the word, to ask what that lets run.
fn afterwards(workflow: &Workflow, root: u32, how: &ByHand) -> Workflow {
    let mut after = workflow.clone();
    if after.status.has_ended() {
        after.status = WorkflowStatus::Running;
    }
    let status = match how {
        ByHand::Completed { result } => {
            TaskStatus::Completed { result: result.clone(), worker: None, usage: None }
        }
        ByHand::Skipped { with } => TaskStatus::Skipped { cause: SkipCause::ByHand { with: with.clone() } },
        ByHand::Failed { failure, next: AfterFailure::Final } => {
            TaskStatus::Failed { failure: Arc::new(failure.clone()) }
        }
        ByHand::Failed { next: AfterFailure::RetryAt(due), .. } => TaskStatus::Retrying { due: *due },
    };
    set(&mut after, root, status);
    after
}

fn set(workflow: &mut Workflow, index: u32, status: TaskStatus) {
    if let Some(task) = workflow.tasks.get_mut(index as usize) {
        task.status = status;
    }
}

/// The tasks that run after all: what fell with a task that now has a result, and under `stop` everything that
/// fell with the workflow.
fn revived(workflow: &Workflow, after: &Workflow, root: u32, how: &ByHand) -> Vec<u32> {
    if !workflow.task(root).status.has_ended() {
        return Vec::new();
    }
    if workflow.spec.error_strategy == ErrorStrategy::Stop {
        return unsuccessful(workflow).into_iter().filter(|index| *index != root).collect();
    }
    if how.result().is_none() {
        return Vec::new();
    }
    let mut again = BTreeSet::new();
    let mut queue = VecDeque::from([root]);
    while let Some(index) = queue.pop_front() {
        for dependent in after.graph.dependents(index) {
            let needs = &after.spec.task(*dependent).dependencies;
            let can_run =
                || needs.iter().all(|need| again.contains(need) || !never_comes(after, *need, *dependent));
            if fell(&workflow.task(*dependent).status) && can_run() && again.insert(*dependent) {
                queue.push_back(*dependent);
            }
        }
    }
    again.into_iter().collect()
}

/// Whether a task ended through what happened around it. What a person cancelled or left out stays so.
fn fell(status: &TaskStatus) -> bool {
    match status {
        TaskStatus::Skipped { cause } => match cause {
            SkipCause::Dependency(_) => true,
            SkipCause::ByHand { .. } => false,
        },
        TaskStatus::Cancelled { code } => *code != errors::TASK_CANCELLED,
        TaskStatus::Pending { .. }
        | TaskStatus::Queued { .. }
        | TaskStatus::Assigned { .. }
        | TaskStatus::Processing { .. }
        | TaskStatus::Retrying { .. }
        | TaskStatus::Completed { .. }
        | TaskStatus::Failed { .. } => false,
    }
}
