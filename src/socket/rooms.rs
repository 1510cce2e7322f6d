//! Who is told what happens to a workflow: whoever submitted it, and whoever watches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::core::errors::OVERLOADED;
use crate::core::ids::{Seq, SessionId, WorkflowId};
use crate::core::rejection::Rejection;

/// Rooms that one connection may be in: its unfinished workflows, and what it watches. Some 10 MiB at most.
const ROOMS_PER_SESSION_MAX: usize = 50_000;

/// What a connection listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Room {
    /// The events of a workflow that it has submitted.
    Submitted(WorkflowId),
    /// Frames with all records of a workflow, or of all there is.
    Watched(Option<WorkflowId>),
}

/// Whether joining changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    Newly,
    Before,
}

#[derive(Debug, Default)]
pub(super) struct Rooms {
    inner: Mutex<Inner>,
    /// Whether anybody is in any room; looked at for every batch of records.
    occupied: AtomicBool,
    /// The first room was entered.
    pub opened: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    members: BTreeMap<Room, BTreeSet<SessionId>>,
    of_session: BTreeMap<SessionId, BTreeSet<Room>>,
    /// Where the record was when each watched room was entered first.
    watched_from: BTreeMap<Option<WorkflowId>, Seq>,
    /// Where the record was when the first room was entered.
    opened_at: Seq,
}

impl Rooms {
    /// `at` is the position of the first record that will be told.
    ///
    /// # Errors
    /// When the connection is in too many rooms already.
    pub(super) fn join(&self, session: SessionId, room: Room, at: Seq) -> Result<Joined, Rejection> {
        let mut inner = self.lock();
        let joined = inner.of_session.entry(session).or_default();
        if joined.contains(&room) {
            return Ok(Joined::Before);
        }
        if joined.len() >= ROOMS_PER_SESSION_MAX {
            return Err(Rejection::new(
                OVERLOADED,
                format!(
                    "this connection follows {ROOMS_PER_SESSION_MAX} unfinished workflows already; wait for \
                     some to end, or use another connection"
                ),
            ));
        }
        joined.insert(room);
        if inner.members.is_empty() {
            inner.opened_at = at;
            self.occupied.store(true, Ordering::Release);
            self.opened.notify_one();
        }
        inner.members.entry(room).or_default().insert(session);
        if let Room::Watched(what) = room {
            inner.watched_from.entry(what).or_insert(at);
        }
        Ok(Joined::Newly)
    }

    /// Takes back a `join` that turned out to be for nothing.
    pub(super) fn undo(&self, session: SessionId, room: Room, joined: Joined) {
        if joined == Joined::Newly {
            self.leave(session, room);
        }
    }

    pub(super) fn leave(&self, session: SessionId, room: Room) {
        let mut inner = self.lock();
        if let Some(joined) = inner.of_session.get_mut(&session) {
            joined.remove(&room);
            if joined.is_empty() {
                inner.of_session.remove(&session);
            }
        }
        self.remove(&mut inner, session, room);
    }

    pub(super) fn leave_all(&self, session: SessionId) {
        let mut inner = self.lock();
        for room in inner.of_session.remove(&session).unwrap_or_default() {
            self.remove(&mut inner, session, room);
        }
    }

    /// Nothing more is to be told in this room.
    pub(super) fn close(&self, room: Room) {
        let members: Vec<SessionId> = self.members(room);
        for session in members {
            self.leave(session, room);
        }
    }

    pub(super) fn members(&self, room: Room) -> Vec<SessionId> {
        self.lock().members.get(&room).map(|members| members.iter().copied().collect()).unwrap_or_default()
    }

    pub(super) fn is_occupied(&self) -> bool {
        self.occupied.load(Ordering::Acquire)
    }

    /// Where the record was when the first room was entered.
    pub(super) fn opened_at(&self) -> Seq {
        self.lock().opened_at
    }

    pub(super) fn watched_from(&self, what: Option<WorkflowId>) -> Option<Seq> {
        self.lock().watched_from.get(&what).copied()
    }

    /// Whether anybody is told of records about this workflow, or about none.
    pub(super) fn want(&self, workflow: Option<WorkflowId>) -> Wanted {
        let inner = self.lock();
        let has = |room: Room| inner.members.contains_key(&room);
        Wanted {
            submitted: workflow.is_some_and(|id| has(Room::Submitted(id))),
            watched: workflow.is_some_and(|id| has(Room::Watched(Some(id)))),
            everything: has(Room::Watched(None)),
        }
    }

    fn remove(&self, inner: &mut Inner, session: SessionId, room: Room) {
        let Some(members) = inner.members.get_mut(&room) else { return };
        members.remove(&session);
        if members.is_empty() {
            inner.members.remove(&room);
            if let Room::Watched(what) = room {
                inner.watched_from.remove(&what);
            }
        }
        if inner.members.is_empty() {
            self.occupied.store(false, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which rooms a record belongs into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub submitted: bool,
    pub watched: bool,
    pub everything: bool,
}

impl Wanted {
    pub(super) const fn by_anybody(self) -> bool {
        self.submitted || self.watched || self.everything
    }
}
