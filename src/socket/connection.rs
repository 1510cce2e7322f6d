//! A new socket in the namespace: whether it may come in, its handlers, its greeting, its end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{ConnectHandler, DisconnectHandler, Value};
use socketioxide::socket::{DisconnectReason, Socket};
use tokio::time::MissedTickBehavior;
use tracing::{debug, warn};

use super::Server;
use super::arrivals;
use super::handler::{self, Fallback, Handler};
use super::session::Session;
use super::sessions::Connection;
use crate::core::command::{Command, Disconnected};
use crate::core::errors::OVERLOADED;
use crate::core::ids::SessionId;
use crate::core::rejection::Rejection;
use crate::protocol::socket::Connected;

/// Marks the handlers of this module and of [`super::handler`], which run in the read loop of their socket.
#[derive(Debug)]
pub(super) enum InReadLoop {}

/// Meets new sockets.
#[derive(Debug, Clone)]
pub(super) struct Door(pub Arc<Server>);

type Refusal = Box<dyn fmt::Display + Send>;

impl ConnectHandler<LocalAdapter, InReadLoop> for Door {
    /// Before the client is told that it is connected: its first event finds its handler.
    fn call_middleware<'a>(
        &'a self,
        socket: Arc<Socket>,
        _auth: &'a Option<Value>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>> {
        // The client sees nothing of a refusal but its text, so the code stands in it.
        let admitted = self.admit(&socket).map_err(|rejection| Box::new(rejection) as Refusal);
        Box::pin(std::future::ready(admitted))
    }

    fn call(&self, socket: Arc<Socket>, _auth: Option<Value>) {
        let sid = socket.id.to_string();
        let greeting = Connected { message: GREETING, sid: &sid };
        if let Err(error) = socket.emit("connected", &greeting) {
            debug!(%sid, %error, "a client could not be greeted");
        }
        if let Some(session) = socket.extensions.get::<Arc<Session>>() {
            session.opening.end();
        }
    }
}

const GREETING: &str = concat!("Gleitzeit ", env!("CARGO_PKG_VERSION"));

impl Door {
    fn admit(&self, socket: &Arc<Socket>) -> Result<(), Rejection> {
        let server = &self.0;
        let limit = server.config.connections_max;
        if server.sessions.count() >= limit {
            let message = format!("{limit} clients are connected, which is the limit");
            return Err(Rejection::new(OVERLOADED, message));
        }
        let session = Arc::new(Session::new(server.sessions.next_id()));
        let doorkeeper = &server.config.doorkeeper;
        if !doorkeeper.is_guarded() {
            session.admit(doorkeeper.admit(None, None)?);
            arrivals::welcome(socket);
        }
        for event in handler::EVENTS {
            socket
                .on(event.name, Handler { server: Arc::clone(server), session: Arc::clone(&session), event });
        }
        socket.extensions.insert(Arc::clone(&session));
        socket.on_fallback(Fallback { server: Arc::clone(server), session: Arc::clone(&session) });
        socket.on_disconnect(Farewell { server: Arc::clone(server), session: Arc::clone(&session) });
        // The engine may assign as soon as the first event has been handled.
        server.sessions.insert(&Connection { session, socket: Arc::clone(socket) });
        Ok(())
    }
}

/// What is done when a socket has left the namespace.
#[derive(Debug, Clone)]
struct Farewell {
    server: Arc<Server>,
    session: Arc<Session>,
}

impl DisconnectHandler<LocalAdapter, InReadLoop> for Farewell {
    fn call_with_defer(&self, socket: Arc<Socket>, reason: DisconnectReason, defer: fn(Arc<Socket>)) {
        let how = meaning(reason);
        debug!(session = self.session.id.0, %reason, ?how, "a client is gone");
        if reason == DisconnectReason::PacketParsingError {
            let service = self.session.worker().map(|facts| facts.name.to_string());
            warn!(
                session = self.session.id.0,
                service,
                "a client sent a message that is no JSON, such as NaN or Infinity in Python: its connection was closed"
            );
        }
        self.server.forget(&self.session, how);
        defer(socket);
    }
}

/// A client that leaves the namespace says goodbye, and so does one that closes its transport in good order: the
/// Python client closes its websocket before its goodbye has left. A client that is killed or cut off does neither;
/// one that misses a ping closes a connection that does not carry the word any more, as a rule. Where it does, its
/// tasks run once more elsewhere, and its reports are stale.
const fn meaning(reason: DisconnectReason) -> Disconnected {
    match reason {
        DisconnectReason::ClientNSDisconnect | DisconnectReason::TransportClose => Disconnected::Cleanly,
        DisconnectReason::MultipleHttpPollingError
        | DisconnectReason::TransportError
        | DisconnectReason::HeartbeatTimeout
        | DisconnectReason::ClosingServer => Disconnected::Broken,
        DisconnectReason::ServerNSDisconnect => Disconnected::Refused,
        DisconnectReason::PacketParsingError => Disconnected::Unreadable,
    }
}

impl Server {
    /// Ends what a connection has here. A hint for the engine, which has its own deadlines.
    fn forget(&self, session: &Session, how: Disconnected) {
        self.sessions.remove(session.id);
        self.leave_everything(session.id);
        session.opening.end();
        self.tell_of_end(session, how);
    }

    /// Takes a connection out of whatever it listens to.
    pub(super) fn leave_everything(&self, session: SessionId) {
        self.rooms.leave_all(session);
        self.monitor.unsubscribe(session);
    }

    fn tell_of_end(&self, session: &Session, how: Disconnected) {
        if session.was_announced() {
            let command = Command::Disconnect { session: session.id, how };
            if let Err(rejection) = self.engine.report(command, None) {
                debug!(session = session.id.0, %rejection, "the engine did not hear of a disconnect");
            }
        }
    }
}

/// How often connections are looked at.
const ROUND: Duration = Duration::from_secs(5);
/// A connection is open after this time, or never.
const OPENING_MAX: Duration = Duration::from_secs(30);

/// Gives up workers that have stopped reading, and drops connections whose end nobody was told of: a socket that
/// is gone before it has quite come in has no end.
pub(super) async fn keep_house(server: Arc<Server>) {
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        for Connection { session, socket } in server.sessions.all() {
            if !socket.connected() && session.age() > OPENING_MAX {
                server.forget(&session, Disconnected::Broken);
            } else if session.role().is_none() && session.age() > server.config.bounds.opening {
                debug!(session = session.id.0, "a client has shown no key in time and is disconnected");
                arrivals::dismiss(&socket);
                // A socket that is too full to be told goes at its next ping.
                let _ = socket.disconnect();
            } else if session.give_up_if_stuck() {
                warn!(session = session.id.0, "a client has stopped reading and counts as gone");
                server.tell_of_end(&session, Disconnected::Broken);
            }
        }
    }
}
