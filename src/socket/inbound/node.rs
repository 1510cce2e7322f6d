//! `node:register`, `node:heartbeat` and `node:status`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::required;
use crate::clock;
use crate::core::command::{Claim, Command, WorkerFacts};
use crate::core::effect::Receipt;
use crate::core::errors::RBAC_PERMISSION_DENIED;
use crate::core::rejection::Rejection;
use crate::engine::{Accepted, Reply};
use crate::protocol::socket::{
    Caption, HeartbeatPayload, RegisterPayload, RegisteredNode, StatusPayload, TaskMetrics,
};
use crate::protocol::task_types;
use crate::protocol::time::NaiveUtc;
use crate::socket::Server;
use crate::socket::caller::Caller;
use crate::socket::session::Session;

pub(in crate::socket) fn register(server: &Arc<Server>, caller: &Caller, payload: Option<&str>) {
    if let Err(rejection) = try_register(server, caller, payload) {
        let caption: Caption<'_> = required(payload).unwrap_or_default();
        server.turned_away.tell(caller, caption.node_id.0.as_deref(), &rejection);
        caller.refuse(&rejection);
    }
}

fn try_register(server: &Arc<Server>, caller: &Caller, payload: Option<&str>) -> Result<(), Rejection> {
    let payload: RegisterPayload<'_> = required(payload)?;
    let mut facts = payload.facts()?;
    let session = &caller.connection.session;
    facts.capacity = facts.capacity.min(server.config.limits.worker_capacity_max);
    let claim = within_scope(session, &mut facts)?;
    if server.config.doorkeeper.is_guarded() {
        facts.owner = session.principal().map(|principal| principal.actor.user);
    }
    let facts = Arc::new(facts);
    session.announce();
    // Whoever registers is there, whatever was thought of the connection before.
    session.take_given_up();
    let (registrant, registered, to_note) = (caller.clone(), Arc::clone(&facts), Arc::clone(server));
    let reply: Reply = Box::new(move |answer| match answer {
        Ok(accepted) => {
            registrant.connection.session.register(Arc::clone(&registered));
            to_note.sessions.note_worker(registrant.connection.session.id);
            answer_registered(&registrant, &registered.worker.0, accepted);
        }
        Err(rejection) => {
            to_note.turned_away.tell(&registrant, Some(&registered.worker.0), &rejection);
            registrant.refuse(&rejection);
        }
    });
    let command = Command::RegisterWorker { session: session.id, facts, active: payload.active(), claim };
    server.engine.report(command, Some(reply))
}

/// A service that was given a key of its own may be what the key says, and take nobody else's place.
fn within_scope(session: &Session, facts: &mut WorkerFacts) -> Result<Claim, Rejection> {
    let Some(scope) = session.principal().and_then(|principal| principal.scope) else {
        return Ok(Claim::Any);
    };
    let refused = |what: String| Err(Rejection::new(RBAC_PERMISSION_DENIED, what));
    if !scope.services.contains(&facts.name) {
        return refused(format!("this key is for other services than {}", facts.name));
    }
    if scope.capabilities.is_empty() {
        return Ok(Claim::OfItsName);
    }
    let types = scope.capabilities.iter().flat_map(|name| task_types::of_capability(name)).map(Arc::from);
    let allowed: BTreeSet<Arc<str>> = types.chain(scope.capabilities.iter().cloned()).collect();
    let mut offers = facts.capabilities.iter().chain(&facts.task_types);
    if let Some(offer) = offers.find(|offer| !allowed.contains(*offer)) {
        return refused(format!("this key does not allow {} to offer {offer}", facts.name));
    }
    // A service that names only a kind would be given all tasks of that kind.
    facts.allowed_types = Some(allowed);
    Ok(Claim::OfItsName)
}

fn answer_registered(caller: &Caller, node_id: &str, accepted: Accepted) {
    let Receipt::Registered { held, liveness_ms } = accepted.receipt else { return };
    let held = held.iter().map(ToString::to_string).collect();
    let session = caller.connection.session.id.0;
    // Two heartbeats fit into the time after which a silent worker is given up.
    let answer = RegisteredNode::new(accepted.seq, node_id, session, (liveness_ms, liveness_ms / 2), held);
    caller.answer(&answer);
}

pub(in crate::socket) fn heartbeat(server: &Arc<Server>, caller: &Caller, payload: Option<&str>) {
    let session = &caller.connection.session;
    let command = required(payload).map(|payload: HeartbeatPayload<'_>| {
        if let (Some(worker), Some(task_metrics)) = (session.worker(), payload.task_metrics) {
            let (node_id, timestamp) = (&*worker.worker.0, NaiveUtc(clock::wall()));
            server.broadcast(TaskMetrics::EVENT, &TaskMetrics { node_id, task_metrics, timestamp });
        }
        Command::Heartbeat { session: session.id, heartbeat: payload.heartbeat() }
    });
    server.report(caller, command);
}

pub(in crate::socket) fn status(server: &Arc<Server>, caller: &Caller, payload: Option<&str>) {
    let session = caller.connection.session.id;
    let status = required(payload).and_then(|payload: StatusPayload<'_>| payload.status());
    let reported = status.and_then(|status| {
        server.welcome_back(caller)?;
        let reply = caller.reply_to_request(None);
        server.engine.report(Command::SetWorkerStatus { session, status }, Some(reply))
    });
    if let Err(rejection) = reported {
        caller.refuse(&rejection);
    }
}
