//! All connections, by the number that the engine knows them by.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError};
use tracing::debug;

use super::session::Session;
use crate::core::ids::SessionId;
use crate::engine::Undelivered;

/// While more clients than this are connected, workers are not told of each other's coming and going: of 5,000 that
/// come back together each would be told 5,000 times.
const ALL_TOLD_MAX: usize = 256;
/// A client that is no worker after this time will hardly become one.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// A session and its socket.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub session: Arc<Session>,
    pub socket: Arc<Socket>,
}

#[derive(Debug)]
pub(super) struct Sessions {
    next: AtomicU64,
    connections: RwLock<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    all: BTreeMap<SessionId, Connection>,
    /// Those on which no worker is registered.
    onlookers: BTreeMap<SessionId, Connection>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { next: AtomicU64::new(SessionId::FIRST_CONNECTION.0), connections: RwLock::default() }
    }
}

impl Sessions {
    pub(super) fn next_id(&self) -> SessionId {
        SessionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn insert(&self, connection: &Connection) {
        let mut connections = self.write();
        connections.all.insert(connection.session.id, connection.clone());
        connections.onlookers.insert(connection.session.id, connection.clone());
    }

    pub(super) fn note_worker(&self, id: SessionId) {
        self.write().onlookers.remove(&id);
    }

    pub(super) fn remove(&self, id: SessionId) {
        let mut connections = self.write();
        connections.all.remove(&id);
        connections.onlookers.remove(&id);
    }

    pub(super) fn get(&self, id: SessionId) -> Option<Connection> {
        self.read().all.get(&id).cloned()
    }

    pub(super) fn all(&self) -> Vec<Connection> {
        self.read().all.values().cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.read().all.len()
    }

    pub(super) fn count_authenticated(&self) -> usize {
        self.read().all.values().filter(|connection| connection.session.is_authenticated()).count()
    }

    /// Who is told what concerns everybody.
    pub(super) fn audience(&self) -> Vec<Connection> {
        let connections = self.read();
        let few = connections.all.len() <= ALL_TOLD_MAX;
        let told = if few { &connections.all } else { &connections.onlookers };
        let wanted = |session: &Session| session.role().is_some() && (few || session.age() > SETTLED_AFTER);
        told.values().filter(|connection| wanted(&connection.session)).cloned().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Connections> {
        self.connections.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Connections> {
        self.connections.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Queues an event. Never waits.
    ///
    /// # Errors
    /// When the socket is gone, or does not read as fast as it is written to.
    pub(super) fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> Result<(), Undelivered> {
        self.sent(event, self.socket.emit(event, data))
    }

    /// Queues an event for somebody who only listens, unless a lot waits for it already.
    ///
    /// # Errors
    /// As above, and when too much was queued lately.
    pub(super) fn tell(&self, event: &str, data: &RawValue) -> Result<(), Undelivered> {
        if !self.session.backlog.takes_event(data.get().len()) {
            debug!(session = self.session.id.0, event, "too much waits for a client; an event is left out");
            return Err(Undelivered);
        }
        self.emit(event, data)
    }

    /// Queues an event that only matters while it is new: it replaces one that still waits.
    pub(super) fn emit_volatile<T: Serialize + ?Sized>(&self, event: &str, data: &T) {
        // Nothing that is volatile can find a full buffer.
        let _ = self.sent(event, self.socket.volatile().emit(event, data));
    }

    /// Notes what became of an attempt to queue something.
    pub(super) fn sent(&self, event: &str, result: Result<(), SendError>) -> Result<(), Undelivered> {
        let session = &self.session;
        match result {
            Ok(()) => {
                session.note_room();
                return Ok(());
            }
            Err(SendError::Socket(SocketError::InternalChannelFull)) => {
                debug!(session = session.id.0, event, "the buffer of a socket is full");
                session.note_full();
            }
            Err(SendError::Socket(SocketError::Closed)) => {}
            Err(SendError::Serialize(error)) => {
                debug!(session = session.id.0, event, %error, "an event could not be written");
            }
        }
        Err(Undelivered)
    }
}
