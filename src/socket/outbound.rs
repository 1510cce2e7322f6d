//! The way to workers: assignments and cancels, from the dispatching thread of the engine. Nothing here waits.

use serde_json::value::RawValue;
use tracing::{debug, error};

use super::SocketServer;
use crate::core::ids::SessionId;
use crate::engine::{Assigned, Outlet, Stopped, Undelivered};
use crate::protocol::fields::Seconds;
use crate::protocol::socket::{Assign, Cancel, External};
use crate::protocol::time::NaiveUtc;

impl Outlet for SocketServer {
    fn assign(&self, session: SessionId, assigned: Assigned) -> Result<(), Undelivered> {
        let connection = self.server.sessions.get(session).ok_or(Undelivered)?;
        let worker = connection.session.worker();
        let parameters: &RawValue = serde_json::from_str(assigned.parameters.as_str()).map_err(|error| {
            error!(task = %assigned.task, %error, "stored parameters are no JSON");
            Undelivered
        })?;
        let route = assigned.route();
        let timeout = Seconds { ms: assigned.run_timeout_ms() };
        let external = route.task_type.starts_with("external_").then(|| {
            let external_type = route.external_type.as_ref().unwrap_or(&route.task_type);
            let service = route.service.as_deref().or_else(|| worker.as_deref().map(|facts| &*facts.name));
            External::new(parameters, Some(external_type), service, timeout)
        });
        let wire_id = assigned.wire_id();
        // The parameters are sent once, and those for the service once more.
        let bytes = 2 * assigned.parameters.as_str().len();
        if !connection.session.backlog.takes_assignment(assigned.task, &wire_id, bytes) {
            return Err(Undelivered);
        }
        let traceparent = assigned.traceparent();
        let assign = Assign {
            task_id: &wire_id,
            workflow_id: &assigned.workflow_label(),
            attempt: assigned.attempt.0,
            task_type: &route.task_type,
            task_name: &assigned.name(),
            parameters,
            priority: assigned.priority().name(),
            max_retries: assigned.max_retries(),
            timeout,
            assigned_at: NaiveUtc(assigned.at),
            traceparent: traceparent.as_deref(),
            external,
        };
        connection.emit(Assign::EVENT, &assign)
    }

    fn cancel(&self, session: SessionId, stopped: &Stopped) {
        let Some(connection) = self.server.sessions.get(session) else { return };
        let cancel = Cancel {
            task_id: &stopped.wire_id,
            workflow_id: &stopped.workflow_label,
            attempt: stopped.attempt.0,
        };
        // A worker that cannot be told keeps its slot until its grace is over.
        let _ = connection.emit(Cancel::EVENT, &cancel);
    }

    /// The older of two connections of one worker is told to go for good, so that two processes with one name do
    /// not push each other out for ever.
    fn close(&self, session: SessionId) {
        let Some(connection) = self.server.sessions.get(session) else { return };
        if let Err(error) = connection.socket.disconnect() {
            debug!(session = session.0, %error, "a superseded connection could not be told to close");
            self.server.sessions.remove(session);
        }
    }
}
