//! The events of clients, and the handlers that socketioxide calls for them in the read loop of their socket.
//!
//! They are handlers of our own kind and no async closures: those are spawned, and lose the order of events.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{MessageHandler, Value};
use socketioxide::socket::Socket;
use tracing::error;

use super::Server;
use super::arrivals;
use super::caller::Caller;
use super::connection::InReadLoop;
use super::inbound::{Request, auth, node, task};
use super::lane::Queued;
use super::session::Session;
use super::sessions::Connection;
use crate::core::access::Role;
use crate::core::errors::{INTERNAL_ERROR, INVALID_ARGUMENT, METHOD_OR_PATH_UNKNOWN, PAYLOAD_TOO_LARGE};
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;
use crate::protocol::socket::{event_name, payload_of};

/// One event that clients send.
#[derive(Debug)]
pub(super) struct Event {
    pub name: &'static str,
    /// The role that it asks for; anybody may authenticate.
    pub least: Option<Role>,
    handling: Handling,
}

/// What happens to an event.
#[derive(Debug)]
enum Handling {
    /// At once, in order with all others of its socket. It neither waits nor panics.
    Now(fn(&Arc<Server>, &Caller, Option<&str>)),
    /// In order with the other requests of its socket.
    InLane(Request),
}

pub(super) const EVENTS: &[Event] = &[
    Event { name: "authenticate", least: None, handling: Handling::Now(auth::authenticate) },
    now("node:register", node::register),
    now("node:heartbeat", node::heartbeat),
    now("node:status", node::status),
    now("task:accepted", task::accepted),
    now("task:progress", task::progress),
    now("task:completed", task::completed),
    now("task:failed", task::failed),
    in_lane("workflow:submit", Role::User, Request::Submit),
    in_lane("workflow:cancel", Role::User, Request::Cancel),
    in_lane("workflow:status", Role::Readonly, Request::Status),
    in_lane("cluster:stats", Role::Readonly, Request::Stats),
    in_lane("monitor:subscribe", Role::Readonly, Request::Subscribe),
    in_lane("monitor:get_metrics", Role::Readonly, Request::GetMetrics),
    in_lane("monitor:unsubscribe", Role::Readonly, Request::Unsubscribe),
    in_lane("watch", Role::Readonly, Request::Watch),
    in_lane("unwatch", Role::Readonly, Request::Unwatch),
];

/// What services say.
const fn now(name: &'static str, handle: fn(&Arc<Server>, &Caller, Option<&str>)) -> Event {
    Event { name, least: Some(Role::Service), handling: Handling::Now(handle) }
}

const fn in_lane(name: &'static str, least: Role, request: Request) -> Event {
    Event { name, least: Some(least), handling: Handling::InLane(request) }
}

/// Handles one kind of event of one socket.
#[derive(Debug, Clone)]
pub(super) struct Handler {
    pub server: Arc<Server>,
    pub session: Arc<Session>,
    pub event: &'static Event,
}

impl MessageHandler<LocalAdapter, InReadLoop> for Handler {
    fn call(&self, socket: Arc<Socket>, value: Value, ack_id: Option<i64>) {
        if self.session.opening.is_over() {
            self.take(socket, value, ack_id);
        } else {
            let handler = self.clone();
            self.session.opening.defer(move || handler.take(socket, value, ack_id));
        }
    }
}

impl Handler {
    fn take(&self, socket: Arc<Socket>, value: Value, ack_id: Option<i64>) {
        let connection = Connection { session: Arc::clone(&self.session), socket };
        let caller = Caller { connection, event: Cow::Borrowed(self.event.name), ack_id };
        // A panic would leave the socket hanging for ever, and its client with it.
        let handled = catch_unwind(AssertUnwindSafe(|| self.handle(&caller, value)));
        let refused = handled.unwrap_or_else(|_| {
            error!(event = self.event.name, "a handler panicked; its event is refused");
            Err(Rejection::new(INTERNAL_ERROR, format!("`{}` met an error of the server", self.event.name)))
        });
        if let Err(rejection) = refused {
            caller.refuse(&rejection);
        }
    }

    fn handle(&self, caller: &Caller, value: Value) -> Result<(), Rejection> {
        match (self.event.least, self.session.role()) {
            (Some(_), None) => {
                auth::refuse_stranger(caller);
                return Ok(());
            }
            (Some(least), Some(role)) if !role.covers(least) => {
                return Err(auth::denied(&self.session, self.event.name, least));
            }
            (Some(_) | None, _) => {}
        }
        self.pace(caller)?;
        let text = text_of(&value, self.server.config.message_bytes_max)?;
        match self.event.handling {
            Handling::Now(handle) => {
                handle(&self.server, caller, payload_of(text));
                Ok(())
            }
            Handling::InLane(request) => {
                let queued = Queued { caller: caller.clone(), request, value };
                self.session.lane.enqueue(&self.server, queued)
            }
        }
    }
}

impl Handler {
    /// Counts an event of somebody who has shown a key. A request too many is refused; what services say is not lost for it, but
    /// they are read more slowly, each until a time that no other socket of the key has.
    fn pace(&self, caller: &Caller) -> Result<(), Rejection> {
        match self.event.handling {
            Handling::InLane(_) => counted(&self.server, &self.session),
            Handling::Now(_) => {
                if let Some(wait) = early(&self.server, &self.session) {
                    arrivals::slow_down(&caller.connection.socket, wait);
                }
                Ok(())
            }
        }
    }
}

fn counted(server: &Server, session: &Session) -> Result<(), Rejection> {
    let rates = &server.config.rates;
    if !rates.has_messages() {
        return Ok(());
    }
    session.principal().map_or(Ok(()), |principal| rates.message(&principal))
}

/// How much too early what a service says has come.
fn early(server: &Server, session: &Session) -> Option<Duration> {
    let rates = &server.config.rates;
    if !rates.has_messages() {
        return None;
    }
    rates.report(&session.principal()?)
}

/// The event as text, within its limits.
fn text_of(value: &Value, bytes_max: usize) -> Result<&str, Rejection> {
    let Value::Str(text, None) = value else {
        let message =
            "the event is binary or has binary attachments; encode them as text, or pass a reference";
        return Err(Rejection::new(INVALID_ARGUMENT, message));
    };
    if text.len() > bytes_max {
        let message = format!("the message has {} bytes; the limit is {bytes_max}", text.len());
        return Err(Rejection::new(PAYLOAD_TOO_LARGE, message));
    }
    Ok(text)
}

/// Answers events that nobody knows.
#[derive(Debug, Clone)]
pub(super) struct Fallback {
    pub server: Arc<Server>,
    pub session: Arc<Session>,
}

impl MessageHandler<LocalAdapter, InReadLoop> for Fallback {
    fn call(&self, socket: Arc<Socket>, value: Value, ack_id: Option<i64>) {
        let fallback = self.clone();
        self.session.opening.defer(move || fallback.take(socket, &value, ack_id));
    }
}

impl Fallback {
    fn take(&self, socket: Arc<Socket>, value: &Value, ack_id: Option<i64>) {
        let connection = Connection { session: Arc::clone(&self.session), socket };
        let name = value.as_str().and_then(|text| event_name(text)).unwrap_or_default();
        let shown = name.get(..name.floor_char_boundary(SHOWN_BYTES_MAX)).unwrap_or_default().to_owned();
        let near = suggestion(&shown, EVENTS.iter().map(|event| event.name));
        let message = format!("there is no event `{shown}`{near}");
        let caller = Caller { connection, event: Cow::Owned(shown), ack_id };
        if self.session.role().is_some() {
            let early = counted(&self.server, &self.session).err();
            let unknown = || Rejection::new(METHOD_OR_PATH_UNKNOWN, message);
            caller.refuse(&early.unwrap_or_else(unknown));
        } else {
            auth::refuse_stranger(&caller);
        }
    }
}

/// How much of a foreign name a message repeats.
const SHOWN_BYTES_MAX: usize = 80;
