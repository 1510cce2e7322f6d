//! One connection: who it is, what it may do, and how its outgoing buffer fares.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backlog::Backlog;
use super::lane::Lane;
use super::opening::Opening;
use crate::clock;
use crate::core::access::{Principal, Role};
use crate::core::command::WorkerFacts;
use crate::core::ids::SessionId;

/// A buffer that was found full twice, so far apart and never with room between, belongs to a client that has
/// stopped reading. As long as the time that a worker has to accept a task.
const FULL_MAX: Duration = Duration::from_secs(10);

/// Wrong tokens of one connection; then it is closed. A client that asks its user has enough with ten.
pub(super) const WRONG_TOKENS_MAX: u32 = 10;

/// The number of no role.
const STRANGER: u8 = u8::MAX;

/// What is known of a connection. It does not hold the socket, whose handlers hold it.
pub(super) struct Session {
    pub id: SessionId,
    pub lane: Lane,
    pub backlog: Backlog,
    pub opening: Opening,
    opened_at: Instant,
    /// What it may do, as the number of its role; read for every event.
    role: AtomicU8,
    /// Who it is, as far as it has been let in.
    principal: Mutex<Option<Principal>>,
    authenticated: AtomicBool,
    wrong_tokens: AtomicU32,
    /// Whether the engine was told of a worker on it.
    announced: AtomicBool,
    worker: Mutex<Option<Arc<WorkerFacts>>>,
    outgoing: Mutex<Outgoing>,
}

/// What the last attempts to queue something say of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outgoing {
    Reading,
    FullSince(Instant),
    /// Full for too long; the engine does not know it yet.
    Stuck,
    /// The engine was told that the connection is lost, although nobody closed it.
    GivenUp,
}

impl Outgoing {
    fn full(self, now: Instant) -> Self {
        match self {
            Self::Reading => Self::FullSince(now),
            Self::FullSince(since) if now.duration_since(since) >= FULL_MAX => Self::Stuck,
            unchanged @ (Self::FullSince(_) | Self::Stuck | Self::GivenUp) => unchanged,
        }
    }
}

impl Session {
    pub(super) fn new(id: SessionId) -> Self {
        Self {
            id,
            lane: Lane::default(),
            backlog: Backlog::default(),
            opening: Opening::default(),
            opened_at: clock::instant(),
            role: AtomicU8::new(STRANGER),
            principal: Mutex::default(),
            authenticated: AtomicBool::new(false),
            wrong_tokens: AtomicU32::new(0),
            announced: AtomicBool::new(false),
            worker: Mutex::default(),
            outgoing: Mutex::new(Outgoing::Reading),
        }
    }

    pub(super) fn age(&self) -> Duration {
        clock::instant().duration_since(self.opened_at)
    }

    /// What it may do; nothing but authenticate before it has.
    pub(super) fn role(&self) -> Option<Role> {
        let number = self.role.load(Ordering::Acquire);
        Role::ALL.into_iter().find(|role| *role as u8 == number)
    }

    pub(super) fn principal(&self) -> Option<Principal> {
        self.principal_slot().clone()
    }

    /// Lets it in. Whoever shows another key later is somebody else from then on.
    pub(super) fn admit(&self, principal: Principal) {
        let number = principal.role as u8;
        let mut slot = self.principal_slot();
        *slot = Some(principal);
        self.role.store(number, Ordering::Release);
    }

    /// It may do nothing any more.
    pub(super) fn expel(&self) {
        let mut slot = self.principal_slot();
        self.role.store(STRANGER, Ordering::Release);
        *slot = None;
    }

    /// Whether it introduced itself, which it need not while no key is asked for.
    pub(super) fn is_authenticated(&self) -> bool {
        self.authenticated.load(Ordering::Acquire)
    }

    pub(super) fn authenticate(&self, principal: Principal) {
        self.authenticated.store(true, Ordering::Release);
        self.admit(principal);
    }

    /// How many wrong tokens it has sent, this one included.
    pub(super) fn count_wrong_token(&self) -> u32 {
        self.wrong_tokens.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The worker that is registered on it.
    pub(super) fn worker(&self) -> Option<Arc<WorkerFacts>> {
        self.worker_slot().clone()
    }

    /// A registration is on its way to the engine, which from now on must hear of the end of the connection.
    pub(super) fn announce(&self) {
        self.announced.store(true, Ordering::Release);
    }

    pub(super) fn was_announced(&self) -> bool {
        self.announced.load(Ordering::Acquire)
    }

    pub(super) fn register(&self, facts: Arc<WorkerFacts>) {
        *self.worker_slot() = Some(facts);
    }

    /// Something could be queued.
    pub(super) fn note_room(&self) {
        let mut outgoing = self.outgoing_slot();
        if *outgoing != Outgoing::GivenUp {
            *outgoing = Outgoing::Reading;
        }
    }

    /// Nothing could be queued.
    pub(super) fn note_full(&self) {
        let now = clock::instant();
        let mut outgoing = self.outgoing_slot();
        *outgoing = outgoing.full(now);
    }

    /// Whether the engine is to be told now that this connection is lost.
    pub(super) fn give_up_if_stuck(&self) -> bool {
        let mut outgoing = self.outgoing_slot();
        let stuck = *outgoing == Outgoing::Stuck;
        if stuck {
            *outgoing = Outgoing::GivenUp;
        }
        stuck
    }

    /// Whether it was given up. It speaks again, so that it no longer is.
    pub(super) fn take_given_up(&self) -> bool {
        let mut outgoing = self.outgoing_slot();
        let given_up = *outgoing == Outgoing::GivenUp;
        if given_up {
            *outgoing = Outgoing::Reading;
        }
        given_up
    }

    fn principal_slot(&self) -> MutexGuard<'_, Option<Principal>> {
        self.principal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn worker_slot(&self) -> MutexGuard<'_, Option<Arc<WorkerFacts>>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outgoing_slot(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("worker", &self.worker())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_read_for_long_is_given_up_until_it_speaks() {
        let now = clock::instant();
        let full = Outgoing::Reading.full(now);
        assert_eq!(full.full(now + FULL_MAX / 2), Outgoing::FullSince(now));
        assert_eq!(full.full(now + FULL_MAX), Outgoing::Stuck);

        let session = Session::new(SessionId(1));
        session.note_full();
        assert!(!session.give_up_if_stuck() && !session.take_given_up());
        *session.outgoing_slot() = Outgoing::Stuck;
        assert!(session.give_up_if_stuck() && !session.give_up_if_stuck());
        // Room in the buffer alone does not tell the engine that it is back.
        session.note_room();
        assert!(session.take_given_up() && !session.take_given_up());
    }
}
