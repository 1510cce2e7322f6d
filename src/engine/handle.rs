//! The way to the engine for everybody else: commands and queries, each answered after the commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::commit::CommitStatus;
use super::condition::Condition;
use super::feed::Feed;
use super::start::EngineParts;
use super::step::{Input, View};
use super::turn::{Accepted, Answer, Delivery, Reply};
use super::views::Views;
use crate::clock::EngineClock;
use crate::core::access::{Access, Times};
use crate::core::command::Command;
use crate::core::errors;
use crate::core::ids::{KeyId, Timestamp, WorkflowId};
use crate::core::rejection::Rejection;
use crate::figures::{Figures, Recent};
use crate::log::LogRead;
use crate::store::StoreStatus;

/// Requests that may wait. At about 2 KiB each this is 16 MiB; a full queue answers with `Retry-After`.
const REQUESTS_MAX: usize = 8_192;
/// Reports of workers that may wait. Their number is bounded by the slots of all workers; this is the backstop.
const REPORTS_MAX: usize = 524_288;

/// A cheap handle to the engine.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    inbox: Sender<Input>,
    waiting: Arc<AtomicUsize>,
    feed: Feed,
    views: Arc<dyn Views>,
    log: Arc<dyn LogRead>,
    clock: EngineClock,
    commits: Arc<CommitStatus>,
    store: Arc<StoreStatus>,
    figures: Arc<Figures>,
    access: watch::Receiver<Arc<Access>>,
    condition: Arc<Condition>,
}

impl EngineHandle {
    pub(super) fn new(
        inbox: Sender<Input>,
        waiting: Arc<AtomicUsize>,
        feed: Feed,
        log: Arc<dyn LogRead>,
        (commits, figures): (Arc<CommitStatus>, Arc<Figures>),
        parts: &EngineParts,
        access: watch::Receiver<Arc<Access>>,
    ) -> Self {
        let (views, store) = (Arc::clone(&parts.views), Arc::clone(&parts.store_status));
        let (clock, condition) = (parts.clock, Arc::default());
        Self { inbox, waiting, feed, views, log, clock, commits, store, figures, access, condition }
    }

    /// How the commit thread fares.
    pub fn commits(&self) -> &CommitStatus {
        &self.commits
    }

    /// What has been measured since the start.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// What happened in the last minutes.
    pub fn recent(&self) -> Recent {
        self.figures.history().recent(&self.figures, self.now())
    }

    /// An offer that was decided at this uptime has reached its worker's connection.
    pub(super) fn measure_dispatch(&self, decided: Duration) {
        self.figures.dispatch.record(self.clock.micros_since(decided));
    }

    /// Inputs that wait for the engine.
    pub fn waiting_inputs(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Ended workflows that wait for the store.
    pub fn archive_backlog(&self) -> usize {
        self.store.backlog()
    }

    /// Why the store takes nothing more in this run, if that is so.
    pub fn store_frozen(&self) -> Option<&str> {
        self.store.frozen()
    }

    /// Users and keys: as every answer left them that has been given, without a word to the engine.
    pub fn access(&self) -> watch::Receiver<Arc<Access>> {
        self.access.clone()
    }

    /// Engine time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Engine time, and what the machine's clock says.
    pub fn times(&self) -> Times {
        Times { engine: self.now(), wall: crate::clock::wall() }
    }

    /// What needs attention although everything works.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// How long this run has lasted.
    pub fn uptime(&self) -> Duration {
        self.clock.uptime()
    }

    /// A new id that sorts by the time of its making.
    pub fn fresh_workflow_id(&self) -> WorkflowId {
        let random = Uuid::new_v4().into_bytes();
        let tail = random.last_chunk::<10>().expect("a UUID has 16 bytes");
        WorkflowId(uuid::Builder::from_unix_timestamp_millis(self.clock.now().0, tail).into_uuid().as_u128())
    }

    pub fn fresh_key_id(&self) -> KeyId {
        KeyId(self.fresh_workflow_id().0)
    }

    /// Sends a request and waits for its answer, which comes when everything that it rests on is on the disk.
    ///
    /// # Errors
    /// The engine's rejection, or that it is overloaded or stopping.
    pub async fn submit(&self, command: Command) -> Result<Accepted, Rejection> {
        let (sender, receiver) = oneshot::channel();
        let reply: Reply = Box::new(move |answer| {
            // Whoever asked may have gone; the command counts all the same.
            let _ = sender.send(answer);
        });
        self.request(command, reply)?;
        Self::answered(receiver).await
    }

    /// What the engine answers to a command that it took.
    ///
    /// # Errors
    /// The engine's rejection, or that nobody can say any more whether the command counts.
    pub async fn answered(receiver: oneshot::Receiver<Answer>) -> Answer {
        receiver.await.unwrap_or_else(|_| Err(unknown()))
    }

    /// Sends a request without waiting for its answer, so that several of one client keep their order.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping; `reply` is not called then.
    pub fn request(&self, command: Command, reply: Reply) -> Result<(), Rejection> {
        self.send(Input::Command { command, reply: Some(reply) }, REQUESTS_MAX)
    }

    /// Sends a worker's report. Never waits, so that a socket's read loop can call it.
    ///
    /// # Errors
    /// When the engine is stopping, or beyond the last limit.
    pub fn report(&self, command: Command, reply: Option<Reply>) -> Result<(), Rejection> {
        self.send(Input::Command { command, reply }, REPORTS_MAX)
    }

    /// As [`Self::submit`], for a thread of its own.
    ///
    /// # Errors
    /// The engine's rejection, or that it is overloaded or stopping.
    pub(super) fn submit_blocking(&self, command: Command) -> Result<Accepted, Rejection> {
        let (sender, receiver) = oneshot::channel();
        let reply: Reply = Box::new(move |answer| {
            let _ = sender.send(answer);
        });
        self.request(command, reply)?;
        receiver.blocking_recv().unwrap_or_else(|_| Err(unknown()))
    }

    /// Asks for a checkpoint now; it is written when the store's thread comes to it.
    pub(super) fn ask_for_checkpoint(&self) -> Result<(), Rejection> {
        self.send(Input::Checkpoint, REQUESTS_MAX)
    }

    /// Looks at the state between two commands. `look` runs in the writer: it takes handles and copies
    /// nothing large. The answer comes when what it saw is durable.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn query<T, F>(&self, look: F) -> Result<T, Rejection>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> T + Send + 'static,
    {
        self.look(look)?.await.map_err(|_| stopping())
    }

    /// As [`Self::query`], for a thread of its own.
    pub(super) fn query_blocking<T, F>(&self, look: F) -> Result<T, Rejection>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> T + Send + 'static,
    {
        self.look(look)?.blocking_recv().map_err(|_| stopping())
    }

    fn look<T, F>(&self, look: F) -> Result<oneshot::Receiver<T>, Rejection>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> T + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let query = Box::new(move |view: &View<'_>| -> Delivery {
            let seen = look(view);
            Box::new(move || {
                let _ = sender.send(seen);
            })
        });
        self.send(Input::Query(query), REQUESTS_MAX)?;
        Ok(receiver)
    }

    fn send(&self, input: Input, limit: usize) -> Result<(), Rejection> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= limit {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Rejection::new(
                errors::OVERLOADED,
                format!("{limit} requests are waiting for the engine already"),
            )
            .retry_after(1_000));
        }
        self.inbox.send(input).map_err(|_| stopping())
    }

    /// Every durable record, and announcements.
    pub const fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(super) fn views(&self) -> &Arc<dyn Views> {
        &self.views
    }

    pub(super) fn log(&self) -> &Arc<dyn LogRead> {
        &self.log
    }
}

/// The command was taken and its answer is gone, which happens when a write or sync fails: the bytes may be on the disk.
fn unknown() -> Rejection {
    Rejection::new(errors::OUTCOME_UNKNOWN, "the server ended before it could tell whether this is stored")
}

pub(super) fn stopping() -> Rejection {
    Rejection::new(errors::SHUTTING_DOWN, "the server is stopping").retry_after(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A refusal would promise that nothing is stored, and whoever sends again would have it done twice.
    #[tokio::test]
    async fn an_answer_that_is_gone_is_no_refusal() {
        let (sender, receiver) = oneshot::channel::<Answer>();
        drop(sender);
        let rejection = EngineHandle::answered(receiver).await.unwrap_err();
        assert_eq!(rejection.code, errors::OUTCOME_UNKNOWN, "GZ1032");
    }
}
