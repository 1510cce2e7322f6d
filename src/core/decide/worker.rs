//! Workers that come, are heard of, and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Decision;
use super::end::{cancel_effect, losses};
use super::held::{named, reporter};
use crate::core::command::{Claim, Disconnected, Heartbeat, Held, WorkerFacts, WorkerKind, WorkerStatus};
use crate::core::effect::{Effect, Receipt};
use crate::core::errors;
use crate::core::event::{Event, GrantAfter, LostReason};
use crate::core::ids::{AttemptNo, SessionId, TaskId, WorkerId};
use crate::core::presence::{Presence, Present};
use crate::core::rejection::Rejection;
use crate::core::state::{Phase, State};

pub(super) fn register(
    state: &State,
    presence: &Presence,
    session: SessionId,
    facts: &Arc<WorkerFacts>,
    active: Option<&[Held]>,
    claim: Claim,
) -> Result<Decision, Rejection> {
    may_register(state, presence, session, facts, claim)?;
    let id = &facts.worker;
    let mut events = Vec::new();
    if state.workers.get(id) != Some(&facts.name) {
        events.push(Event::WorkerNamed { worker: id.clone(), name: Arc::clone(&facts.name) });
    }
    let mut effects = Vec::new();
    let old = presence.worker(id).and_then(|worker| worker.session).filter(|old| *old != session);
    effects.extend(old.map(|session| Effect::CloseSession { session }));
    effects.push(Effect::AnnounceWorker { facts: Arc::clone(facts) });
    let mut held: Vec<(TaskId, AttemptNo)> = current(state, id).collect();
    let is_back = presence.of_session(session).is_none();
    let active = active.or_else(|| (is_back && is_another_process(presence, facts)).then_some(&[]));
    if active.is_none() && is_back {
        match facts.kind {
            WorkerKind::BuiltIn => effects.extend(undelivered(state, id, session)),
            WorkerKind::Executor | WorkerKind::Service => effects.extend(told_again(state, id, session)),
        }
    }
    if let Some(active) = active {
        let named = named(state, id, active);
        let mut missing: Vec<(TaskId, AttemptNo)> = match presence.of_session(session) {
            // What was sent on this very connection may be on its way.
            Some(known) => unnamed(state, known).collect(),
            None => held.clone(),
        };
        missing.retain(|held| !named.contains(held));
        if is_back {
            events.extend(released(state, id, &named));
        }
        effects.extend(stop_strays(state, id, session, &named));
        held.retain(|held| !missing.contains(held));
        events.extend(losses(state, presence, missing, LostReason::Forgotten, GrantAfter::Freed));
    }
    let liveness_ms = presence.limits.liveness_ms.max(2 * facts.heartbeat_ms.unwrap_or_default());
    let held =
        held.into_iter().filter_map(|(task, _)| Some(state.workflow(task.workflow)?.wire_id(task.index)));
    let receipt = Receipt::Registered { held: held.collect(), liveness_ms };
    Ok(Decision { events, effects, answer: Ok(receipt) })
}

fn may_register(
    state: &State,
    presence: &Presence,
    session: SessionId,
    facts: &WorkerFacts,
    claim: Claim,
) -> Result<(), Rejection> {
    let id = &facts.worker;
    // The name is reserved like the id: tasks that the server itself hands on ask for it.
    let reserved = id.is_built_in() || WorkerId(Arc::clone(&facts.name)).is_built_in();
    if reserved != (facts.kind == WorkerKind::BuiltIn) {
        return Err(Rejection::new(
            errors::INVALID_ARGUMENT,
            format!("the node id {id} or the name {} is taken by the server itself", facts.name),
        ));
    }
    if let Some(name) = state.workers.get(id).filter(|name| claim == Claim::OfItsName && **name != facts.name)
    {
        return Err(Rejection::new(
            errors::RBAC_PERMISSION_DENIED,
            format!("the node id {id} belongs to the service {name}, for which this key is not"),
        ));
    }
    let foreign = |known: &Present| known.facts.owner.is_some() && known.facts.owner != facts.owner;
    if presence.worker(id).is_some_and(foreign) {
        return Err(Rejection::new(
            errors::RBAC_PERMISSION_DENIED,
            format!(
                "the node id {id} was registered with the key of another user: take another node id, or wait until that \
                 node is gone"
            ),
        ));
    }
    if let Some(other) = presence.of_session(session).filter(|other| other.facts.worker != *id) {
        return Err(Rejection::new(
            errors::INVALID_ARGUMENT,
            format!(
                "this connection is registered as node {} already: open another one for node {id}",
                other.facts.worker
            ),
        ));
    }
    if presence.worker(id).is_none() && presence.workers.len() >= presence.limits.workers_max {
        return Err(Rejection::new(
            errors::OVERLOADED,
            format!("{} workers are registered, which is the limit", presence.limits.workers_max),
        )
        .retry_after(30_000));
    }
    Ok(())
}

/// What the process held that was known by this node id before, this one does not hold.
fn is_another_process(presence: &Presence, facts: &WorkerFacts) -> bool {
    let before = presence.worker(&facts.worker).and_then(|known| known.facts.instance.as_ref());
    before.is_some() && facts.instance.is_some() && before != facts.instance.as_ref()
}

/// The word to stop may have been said to a connection that did not carry it any more.
fn told_again(state: &State, worker: &WorkerId, session: SessionId) -> Vec<Effect> {
    let stopped = state.grants.of(worker).filter(|(_, _, grant)| !grant.phase.is_current());
    stopped
        .map(|(task, attempt, _)| Effect::SendCancel { session, worker: worker.clone(), task, attempt })
        .collect()
}

/// A worker inside the binary that does not say what it holds when it comes keeps it over a restart. What it had not handed on
/// yet it is given again, as the same attempt; what it had handed on goes on waiting for its answer.
fn undelivered(state: &State, worker: &WorkerId, session: SessionId) -> Vec<Effect> {
    let open = state.grants.of(worker).filter(|(_, _, grant)| match grant.phase {
        Phase::Offered | Phase::Accepted => true,
        Phase::Delivered | Phase::Releasing { .. } => false,
    });
    open.map(|(task, attempt, _)| Effect::SendAssignment { session, worker: worker.clone(), task, attempt })
        .collect()
}

fn current<'a>(state: &'a State, worker: &'a WorkerId) -> impl Iterator<Item = (TaskId, AttemptNo)> + 'a {
    state.grants.of(worker).filter(|(_, _, grant)| grant.phase.is_current()).map(|(task, no, _)| (task, no))
}

/// Attempts that the worker was told to stop, and no longer has.
fn released(state: &State, worker: &WorkerId, named: &[(TaskId, AttemptNo)]) -> Vec<Event> {
    let releasing = state.grants.of(worker).filter(|(_, _, grant)| !grant.phase.is_current());
    releasing
        .filter(|(task, attempt, _)| !named.contains(&(*task, *attempt)))
        .map(|(task, attempt, _)| Event::GrantReleased { task, attempt, worker: worker.clone() })
        .collect()
}

/// What the worker still runs although it should not is told to stop.
fn stop_strays(
    state: &State,
    worker: &WorkerId,
    session: SessionId,
    named: &[(TaskId, AttemptNo)],
) -> Vec<Effect> {
    let stray = |(task, attempt): &&(TaskId, AttemptNo)| {
        state.grants.get(worker, *task, *attempt).is_none_or(|grant| !grant.phase.is_current())
    };
    named
        .iter()
        .filter(stray)
        .map(|(task, attempt)| Effect::SendCancel {
            session,
            worker: worker.clone(),
            task: *task,
            attempt: *attempt,
        })
        .collect()
}

pub(super) fn heartbeat(
    state: &State,
    presence: &Presence,
    session: SessionId,
    heartbeat: &Heartbeat,
) -> Result<Decision, Rejection> {
    let worker = reporter(presence, session)?;
    let id = &worker.facts.worker;
    let missing: Vec<(TaskId, AttemptNo)> = match &heartbeat.active {
        Some(active) => {
            let named = named(state, id, active);
            let older = worker.older(state).map(|(older, _)| (older.task, older.attempt));
            let all: BTreeSet<_> = unnamed(state, worker).chain(older).collect();
            all.into_iter().filter(|held| !named.contains(held)).collect()
        }
        None => uncounted(state, worker, heartbeat),
    };
    Ok(Decision::events(without(state, presence, id, missing, LostReason::Forgotten)))
}

/// What follows for attempts that the worker turns out not to have, whether they still count or not.
pub(super) fn without(
    state: &State,
    presence: &Presence,
    worker: &WorkerId,
    attempts: Vec<(TaskId, AttemptNo)>,
    reason: LostReason,
) -> Vec<Event> {
    let counts = |held: &(TaskId, AttemptNo)| {
        state.grants.get(worker, held.0, held.1).is_some_and(|grant| grant.phase.is_current())
    };
    let (current, stopped): (Vec<_>, Vec<_>) = attempts.into_iter().partition(counts);
    let mut events: Vec<Event> = stopped
        .into_iter()
        .map(|(task, attempt)| Event::GrantReleased { task, attempt, worker: worker.clone() })
        .collect();
    events.extend(losses(state, presence, current, reason, GrantAfter::Freed));
    events
}

/// What a heartbeat's list must name: attempts accepted before the heartbeat before it. A list may have been
/// made before a newer assignment arrived.
fn unnamed<'a>(state: &'a State, worker: &'a Present) -> impl Iterator<Item = (TaskId, AttemptNo)> + 'a {
    let held = |task, attempt| state.grants.get(&worker.facts.worker, task, attempt);
    let accepted = worker.accepted_by_heartbeat.iter().copied();
    accepted.filter(move |(task, attempt)| {
        held(*task, *attempt).is_some_and(|grant| grant.phase == Phase::Accepted)
    })
}

/// A count does not say which attempts a worker holds. After a reconnect, two heartbeats in a row that count no
/// more than was accepted since show that nothing older is left.
fn uncounted(state: &State, worker: &Present, heartbeat: &Heartbeat) -> Vec<(TaskId, AttemptNo)> {
    if worker.low_counts == 0 || !worker.counts_too_few(state, heartbeat.active_count) {
        return Vec::new();
    }
    worker.older(state).map(|(older, _)| (older.task, older.attempt)).collect()
}

pub(super) fn set_status(
    presence: &Presence,
    session: SessionId,
    status: WorkerStatus,
) -> Result<Decision, Rejection> {
    let worker = reporter(presence, session)?;
    let change =
        Effect::AnnounceStatus { worker: worker.facts.worker.clone(), old: worker.status, new: status };
    Ok(Decision { effects: vec![change], ..Decision::nothing() })
}

pub(super) fn drain(presence: &Presence, worker: &WorkerId) -> Result<Decision, Rejection> {
    let known = presence.worker(worker);
    known.map(|_| Decision::nothing()).ok_or_else(|| {
        Rejection::new(
            errors::SERVICE_NOT_FOUND,
            format!("no worker {worker} is known; see `gleitzeit services`"),
        )
    })
}

pub(super) fn disconnect(
    state: &State,
    presence: &Presence,
    session: SessionId,
    how: Disconnected,
) -> Decision {
    let Some(worker) = presence.of_session(session) else { return Decision::nothing() };
    let id = &worker.facts.worker;
    let effects = vec![Effect::AnnounceDeparture { facts: Arc::clone(&worker.facts) }];
    let events = match how {
        Disconnected::Broken | Disconnected::Refused | Disconnected::Unreadable => Vec::new(),
        Disconnected::Cleanly => gone(state, presence, id, GrantAfter::Freed),
    };
    Decision { events, effects, ..Decision::nothing() }
}

/// A worker is gone for good: all it held is lost, and `grant` says whether it may still run it.
pub(super) fn gone(state: &State, presence: &Presence, worker: &WorkerId, grant: GrantAfter) -> Vec<Event> {
    let mut events = losses(state, presence, current(state, worker), LostReason::Disconnected, grant);
    if grant == GrantAfter::Freed {
        events.extend(released(state, worker, &[]));
    }
    events
}

/// A worker that is connected but silent: its attempts go elsewhere, and it is told to stop them.
pub(super) fn silent(
    state: &State,
    presence: &Presence,
    worker: &Present,
    grant: GrantAfter,
) -> (Vec<Event>, Vec<Effect>) {
    let id = &worker.facts.worker;
    let held: Vec<_> = current(state, id).collect();
    let effects = held.iter().filter_map(|(task, attempt)| cancel_effect(worker, *task, *attempt)).collect();
    (losses(state, presence, held, LostReason::Silent, grant), effects)
}
