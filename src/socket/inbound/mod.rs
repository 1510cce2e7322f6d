//! What the events of clients mean: commands and queries for the engine.

pub(super) mod auth;
mod monitor;
pub(super) mod node;
pub(super) mod task;
mod watch;
mod workflow;

use std::sync::Arc;

use serde::Deserialize;
use socketioxide::handler::Value;

use super::Server;
use super::caller::Caller;
use crate::core::command::{Claim, Command};
use crate::core::rejection::Rejection;
use crate::protocol::socket::{first_argument, payload_of, read, read_optional};

/// What is asked for by events that are handled one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Submit,
    Cancel,
    Status,
    Stats,
    Subscribe,
    GetMetrics,
    Unsubscribe,
    Watch,
    Unwatch,
}

/// Does what a request asks for. A refusal that is returned has not been told yet.
pub(super) async fn perform(
    server: &Arc<Server>,
    caller: &Caller,
    request: Request,
    event: Value,
) -> Result<(), Rejection> {
    let payload = event.as_str().and_then(|text| payload_of(text));
    match request {
        Request::Submit => workflow::submit(server, caller, event).await,
        Request::Cancel => workflow::cancel(server, caller, &required(payload)?),
        Request::Status => workflow::status(server, caller, required(payload)?).await,
        Request::Stats => monitor::stats(server, caller, optional(payload)?).await,
        Request::Subscribe => monitor::subscribe(server, caller, optional(payload)?).await,
        Request::GetMetrics => monitor::get_metrics(server, caller, optional(payload)?).await,
        Request::Unsubscribe => {
            monitor::unsubscribe(server, caller);
            Ok(())
        }
        Request::Watch => watch::watch(server, caller, &optional(payload)?),
        Request::Unwatch => {
            watch::unwatch(server, caller, &optional(payload)?);
            Ok(())
        }
    }
}

fn required<'p, T: Deserialize<'p>>(payload: Option<&'p str>) -> Result<T, Rejection> {
    first_argument(payload.unwrap_or("null"), read)
}

fn optional<'p, T: Deserialize<'p>>(payload: Option<&'p str>) -> Result<T, Rejection> {
    first_argument(payload.unwrap_or("null"), |payload| read_optional(Some(payload)))
}

impl Server {
    /// Hands a worker's report to the engine, and answers after the commit.
    fn report(&self, caller: &Caller, command: Result<Command, Rejection>) {
        let reported = command.and_then(|command| {
            self.welcome_back(caller)?;
            self.engine.report(command, caller.reply_to_report())
        });
        if let Err(rejection) = reported {
            caller.refuse_report(&rejection);
        }
    }

    /// A worker that was given up because it did not read, and speaks again, is there again.
    fn welcome_back(&self, caller: &Caller) -> Result<(), Rejection> {
        let session = &caller.connection.session;
        let Some(facts) = session.worker().filter(|_| session.take_given_up()) else { return Ok(()) };
        let command = Command::RegisterWorker { session: session.id, facts, active: None, claim: Claim::Any };
        self.engine.report(command, None)
    }
}
