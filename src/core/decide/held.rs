//! What a report is about, and whether it still counts.

use crate::core::command::{Held, TaskRef};
use crate::core::errors;
use crate::core::event::{Event, LateOutcome};
use crate::core::ids::{AttemptNo, Fingerprint, SessionId, TaskId, WorkerId};
use crate::core::presence::{Presence, Present};
use crate::core::rejection::Rejection;
use crate::core::state::{Grant, Phase, State};

/// A report, seen against what its worker holds.
pub(super) enum Standing {
    /// About the attempt that runs now.
    Current { task: TaskId, attempt: AttemptNo, phase: Phase },
    /// Too late. `releasing` is the attempt it ends, where the worker had been told to stop.
    Late { task: TaskId, attempt: AttemptNo, releasing: Option<AttemptNo>, rejection: Rejection },
}

/// Which of several attempts a report means that names neither a workflow nor an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant {
    /// One that was offered: it is taken up, or refused.
    Offered,
    /// One that runs.
    Running,
    /// One that the worker was told to stop.
    Stopped,
}

impl Meant {
    const fn rank(self, phase: Phase) -> u8 {
        match (self, phase) {
            (Self::Offered, Phase::Offered)
            | (Self::Running, Phase::Accepted | Phase::Delivered)
            | (Self::Stopped, Phase::Releasing { .. }) => 0,
            (Self::Offered | Self::Stopped, Phase::Accepted | Phase::Delivered)
            | (Self::Running, Phase::Offered) => 1,
            (Self::Offered | Self::Running, Phase::Releasing { .. }) | (Self::Stopped, Phase::Offered) => 2,
        }
    }
}

/// The worker that is registered on this connection. The `node_id` in a payload proves nothing.
pub(super) fn reporter(presence: &Presence, session: SessionId) -> Result<&Present, Rejection> {
    presence.of_session(session).ok_or_else(|| {
        Rejection::new(
            errors::NOT_REGISTERED,
            "no node is registered on this connection: send node:register first (a newer connection of the same \
             node takes its place)",
        )
    })
}

/// # Errors
/// When nothing is known of the task.
pub(super) fn standing(
    state: &State,
    worker: &WorkerId,
    reference: &TaskRef,
    attempt: Option<AttemptNo>,
    meant: Meant,
) -> Result<Standing, Rejection> {
    let id = resolve(state, worker, reference, attempt, meant).ok_or_else(|| unknown(reference))?;
    let releasing = state
        .grants
        .of_task(worker, id)
        .find(|(no, grant)| !grant.phase.is_current() && attempt.is_none_or(|wanted| wanted == *no))
        .map(|(no, _)| no);
    // An ended workflow stays in memory until the last of its workers has stopped.
    let task = state.task(id).ok_or_else(|| unknown(reference))?;
    let held = |no: AttemptNo| state.grants.get(worker, id, no);
    let mine = task.holder() == Some(worker) && attempt.is_none_or(|no| no == task.attempt);
    if let (true, Some(grant)) = (mine, held(task.attempt)) {
        return Ok(Standing::Current { task: id, attempt: task.attempt, phase: grant.phase });
    }
    let reported = attempt.or(releasing).unwrap_or(task.attempt);
    let rejection = if task.status.has_ended() {
        Rejection::new(errors::TASK_ALREADY_ENDED, format!("task {id} is {} already", task.status.name()))
    } else if releasing.is_some() || attempt.is_some_and(|no| no < task.attempt) {
        Rejection::new(
            errors::STALE_ATTEMPT,
            format!("attempt {reported} of task {id} no longer counts: it is at attempt {}", task.attempt),
        )
    } else {
        Rejection::new(errors::TASK_NOT_HELD, format!("task {id} is not assigned to worker {worker}"))
    };
    Ok(Standing::Late { task: id, attempt: reported, releasing, rejection })
}

/// The task that a worker means.
fn resolve(
    state: &State,
    worker: &WorkerId,
    reference: &TaskRef,
    attempt: Option<AttemptNo>,
    meant: Meant,
) -> Option<TaskId> {
    match reference {
        TaskRef::Id(id) => Some(*id),
        TaskRef::Own { id, workflow: Some(workflow) } => {
            let known = state.by_own_uuid(id).filter(|task| task.workflow == *workflow);
            known.or_else(|| {
                let index = state.workflow(*workflow)?.spec.find(id)?;
                Some(TaskId::new(*workflow, index))
            })
        }
        TaskRef::Own { id, workflow: None } => {
            // Ids of submitters are not unique. Where several fit, it is the one that is in the phase meant, and of
            // these the oldest: events keep their order in both directions.
            let oldest = || {
                let fitting = held_as(state, worker, id).min_by_key(|(_, no, grant)| {
                    let another = attempt.is_some_and(|attempt| attempt != *no);
                    (another, meant.rank(grant.phase), grant.since, *no)
                });
                fitting.map(|(task, _, _)| task)
            };
            state.by_own_uuid(id).or_else(oldest)
        }
    }
}

/// All that the worker holds, or may still run, of tasks that go by this id of a submitter.
fn held_as<'a>(
    state: &'a State,
    worker: &'a WorkerId,
    id: &'a str,
) -> impl Iterator<Item = (TaskId, AttemptNo, Grant)> + 'a {
    let own_id = move |task: TaskId| state.workflow(task.workflow)?.spec.task(task.index).own_id.as_deref();
    state.grants.of(worker).filter(move |(task, _, _)| own_id(*task) == Some(id))
}

/// The attempts that the worker says it holds, as far as they are known. One without a number is the one it
/// holds now.
pub(super) fn named(state: &State, worker: &WorkerId, active: &[Held]) -> Vec<(TaskId, AttemptNo)> {
    let mut named = Vec::new();
    for Held { task, attempt } in active {
        let before = named.len();
        if let TaskRef::Own { id, workflow: None } = task {
            // Several tasks may go by this id: none of them counts as forgotten.
            let fitting =
                held_as(state, worker, id).filter(|(_, no, _)| attempt.is_none_or(|known| known == *no));
            named.extend(fitting.map(|(task, no, _)| (task, no)));
        }
        if named.len() == before {
            named.extend(resolve(state, worker, task, *attempt, Meant::Running).and_then(|task| {
                let held = || state.grants.of_task(worker, task).map(|(no, _)| no).max();
                Some((task, attempt.or_else(held)?))
            }));
        }
    }
    named
}

fn unknown(reference: &TaskRef) -> Rejection {
    let name = match reference {
        TaskRef::Id(id) => id.to_string(),
        TaskRef::Own { id, .. } => id.to_string(),
    };
    Rejection::new(errors::TASK_NOT_FOUND, format!("no unfinished workflow has a task {name}"))
}

/// The evidence of a late report, and the slot it frees. Evidence of one task is bounded.
pub(super) fn late_events(
    state: &State,
    presence: &Presence,
    worker: &WorkerId,
    task: TaskId,
    (attempt, releasing): (AttemptNo, Option<AttemptNo>),
    (outcome, digest): (LateOutcome, Fingerprint),
) -> Vec<Event> {
    let mut events = Vec::new();
    let kept = state.task(task).map_or(u8::MAX, |task| task.late);
    if kept < presence.limits.late_evidence_max {
        events.push(Event::LateReportSeen { task, attempt, worker: worker.clone(), outcome, digest });
    }
    if let Some(attempt) = releasing {
        events.push(Event::GrantReleased { task, attempt, worker: worker.clone() });
    }
    events
}
