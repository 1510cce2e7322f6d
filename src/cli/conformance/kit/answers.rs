//! What a server answers.

use serde_json::Value;

use super::record::{Answering, Report, Task};
use super::stage::Asked;
use crate::cli::conformance::peer::Peer;
use crate::clock;
use crate::core::command::{WorkerFacts, WorkerKind};
use crate::core::errors::{
    AUTHENTICATION_REQUIRED, INVALID_ARGUMENT, OVERLOADED, STALE_ATTEMPT, TASK_NOT_FOUND,
};
use crate::core::ids::Seq;
use crate::core::rejection::Rejection;
use crate::protocol::socket::{
    Acknowledged, Authenticated, AuthenticationFailed, ErrorEvent, NodeRegistration, Refused,
    RegisterPayload, RegisteredNode, ServiceRegistration, first_argument, read,
};

const LEASE_MS: u64 = 60_000;
/// The longest pause between two heartbeats, for those who ask: short, so that a check need not wait long.
pub(super) const HEARTBEAT_MS: u64 = 1_000;
/// When a report that was refused once may be sent again.
const RETRY_AFTER_MS: u64 = 200;

pub(super) fn take(peer: &Peer, ack_id: Option<i64>) {
    peer.acknowledge(ack_id, &Acknowledged::at(Seq(0)));
}

/// Whether the token is right.
pub(super) fn authenticate(peer: &Peer, asked: &Asked, payload: &Value, ack_id: Option<i64>) -> bool {
    let given = payload.get("token").and_then(Value::as_str);
    if asked.token.is_none() || asked.token.as_deref() == given {
        peer.emit(Authenticated::EVENT, &Authenticated::SUCCESS);
        peer.acknowledge(ack_id, &Authenticated::SUCCESS);
        return true;
    }
    let rejection = Rejection::new(AUTHENTICATION_REQUIRED, "the token is not the one that --token names");
    peer.emit(AuthenticationFailed::EVENT, &AuthenticationFailed::from(&rejection));
    peer.acknowledge(ack_id, &Refused::from(&rejection));
    false
}

pub(super) fn refuse_stranger(peer: &Peer, ack_id: Option<i64>) {
    let what = "this server asks for a token: send `authenticate` with it before anything else";
    let rejection = Rejection::new(AUTHENTICATION_REQUIRED, what);
    peer.acknowledge(ack_id, &Refused::from(&rejection));
    if ack_id.is_none() {
        peer.emit(AuthenticationFailed::EVENT, &AuthenticationFailed::from(&rejection));
    }
}

pub(super) fn refuse_second(peer: &Peer, ack_id: Option<i64>) {
    let what = "a service is under test already; this is a test for one";
    peer.acknowledge(ack_id, &Refused::from(&Rejection::new(INVALID_ARGUMENT, what)));
}

pub(super) fn refuse_unknown(peer: &Peer, ack_id: Option<i64>) {
    let what = "there is no such task";
    peer.acknowledge(ack_id, &Refused::from(&Rejection::new(TASK_NOT_FOUND, what)));
}

/// What the server makes of a registration.
pub(super) fn facts(arguments: &str) -> Result<WorkerFacts, Rejection> {
    let payload: RegisterPayload<'_> = first_argument(arguments, read)?;
    payload.facts()
}

pub(super) fn unreadable(error: &serde_json::Error) -> Rejection {
    Rejection::new(INVALID_ARGUMENT, error.to_string())
}

/// Answers a registration, and tells of it as the server tells everybody.
pub(super) fn register(
    peer: &Peer,
    facts: Result<&WorkerFacts, &Rejection>,
    held: Vec<String>,
    ack_id: Option<i64>,
) {
    let facts = match facts {
        Ok(facts) => facts,
        Err(rejection) => {
            peer.acknowledge(ack_id, &Refused::from(rejection));
            if ack_id.is_none() {
                peer.emit(ErrorEvent::EVENT, &ErrorEvent::new("node:register", rejection, None));
            }
            return;
        }
    };
    let lease = (LEASE_MS, HEARTBEAT_MS);
    peer.acknowledge(ack_id, &RegisteredNode::new(Seq(0), &facts.worker.0, peer.number, lease, held));
    let now = clock::wall();
    match facts.kind {
        WorkerKind::Service => {
            peer.emit(ServiceRegistration::EVENT, &ServiceRegistration::new(facts, now));
        }
        WorkerKind::Executor | WorkerKind::BuiltIn => {
            peer.emit(NodeRegistration::EVENT, &NodeRegistration::new(facts, now));
        }
    }
}

/// Answers a report; whether that settles it. The report is not in the record yet.
pub(super) fn report(peer: &Peer, task: &Task, report: &Report, ack_id: Option<i64>) -> bool {
    if !report.is_end() {
        take(peer, ack_id);
        return true;
    }
    let current = task.attempts.last().copied().map(u64::from);
    if report.attempt().is_some_and(|attempt| Some(attempt) != current) {
        let rejection = Rejection::new(STALE_ATTEMPT, "another attempt of the task is under way");
        peer.acknowledge(ack_id, &Refused::from(&rejection));
        return true;
    }
    let before = u32::try_from(task.ends().count()).unwrap_or(u32::MAX);
    match task.answering {
        Answering::Withhold(reports) if before < reports => return false,
        Answering::RefuseOnce if before == 0 => {
            let later = Rejection::new(OVERLOADED, "the same report is taken a little later");
            peer.acknowledge(ack_id, &Refused::from(&later.retry_after(RETRY_AFTER_MS)));
            return false;
        }
        Answering::Refuse => {
            let rejection = Rejection::new(STALE_ATTEMPT, "the task has ended in another way");
            peer.acknowledge(ack_id, &Refused::from(&rejection));
        }
        Answering::Take | Answering::Withhold(_) | Answering::RefuseOnce => take(peer, ack_id),
    }
    true
}
