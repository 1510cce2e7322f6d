//! What workers report of their tasks.

use std::sync::Arc;

use super::required;
use crate::core::command::{Command, TaskRef};
use crate::protocol::socket::{AcceptedPayload, CompletedPayload, FailedPayload, ProgressPayload};
use crate::socket::Server;
use crate::socket::caller::Caller;

pub(in crate::socket) fn accepted(server: &Arc<Server>, caller: &Caller, payload: Option<&str>) {
    let session = caller.connection.session.id;
    let command = required(payload).map(|payload: AcceptedPayload<'_>| {
        let (task, attempt) = (named(caller, payload.task()), payload.attempt());
        Command::AcceptTask { session, task, attempt }
    });
    server.report(caller, command);
}

pub(in crate::socket) fn progress(server: &Arc<Server>, caller: &Caller, payload: Option<&str>) {
    let session = caller.connection.session.id;
    let command = required(payload).and_then(|payload: ProgressPayload<'_>| {
        let (task, attempt) = (named(caller, payload.task()), payload.attempt());
        Ok(Command::ReportProgress { session, task, attempt, progress: payload.progress()? })
    });
    server.report(caller, command);
}

pub(in crate::socket) fn completed(server: &Arc<Server>, caller: &Caller, payload: Option<&str>) {
    let session = caller.connection.session.id;
    let command = required(payload).map(|payload: CompletedPayload<'_>| {
        let (task, attempt) = (named(caller, payload.task()), payload.attempt());
        match payload.result(&server.config.limits) {
            Ok(result) => Command::CompleteTask { session, task, attempt, result, usage: payload.usage() },
            Err(why) => Command::RefuseResult { session, task, attempt, why },
        }
    });
    server.report(caller, command);
}

pub(in crate::socket) fn failed(server: &Arc<Server>, caller: &Caller, payload: Option<&str>) {
    let session = caller.connection.session.id;
    let command = required(payload).map(|payload: FailedPayload<'_>| {
        let (task, attempt) = (named(caller, payload.task()), payload.attempt());
        Command::FailTask { session, task, attempt, report: payload.report() }
    });
    server.report(caller, command);
}

/// Notes that the worker has read the task's assignment.
fn named(caller: &Caller, task: TaskRef) -> TaskRef {
    caller.connection.session.backlog.note_report(&task);
    task
}
