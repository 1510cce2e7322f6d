//! What the node holds: running attempts, unacknowledged reports, counters. Shared by the node's tasks.
//!
//! One lock guards it all, because the server compares `active` with its grants: an attempt must be visible
//! here before its `task:accepted` is queued, a heartbeat must be composed and queued in one go, and a result
//! must move from running to the outbox without a moment in which it is nowhere.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashSet;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::error::NodeError;
use super::outbox::Outbox;
use super::report::{Outcome, ProgressReport, Report};
use super::task::{ActiveTask, Cancellation, TaskKey};
use crate::client::wire::Socket;

/// Finished attempts that are still recognised when they are assigned once more.
const RECENT_ATTEMPTS: usize = 1_024;

#[derive(Debug)]
pub(super) struct Ledger {
    state: Mutex<State>,
    /// Wakes the actor: there is something to send, or to stop.
    pub(super) work: Notify,
    /// Wakes those who wait for a state of the node.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) running: BTreeMap<(TaskKey, u32), Running>,
    pub(super) outbox: Outbox,
    pub(super) recent: Recent,
    pub(super) phase: Phase,
    pub(super) draining: bool,
    /// Set once the node is to stop: until when it may go on delivering.
    pub(super) stop_by: Option<Instant>,
    pub(super) link: Option<Socket>,
    pub(super) session: Option<String>,
    pub(super) last_error: Option<Arc<NodeError>>,
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) cancelled: u64,
    pub(super) registrations: u64,
    pub(super) started: Instant,
}

#[derive(Debug)]
pub(super) struct Running {
    cancel: watch::Sender<bool>,
    /// Nobody waits for the end of an attempt that the server has given up.
    forgotten: bool,
}

/// Where the node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not connected; the node keeps trying.
    Connecting,
    /// The server knows the node and may assign tasks.
    Registered,
    /// For good.
    Stopped,
}

/// What to do with an assignment.
#[derive(Debug)]
pub(super) enum Admission {
    Start(Cancellation),
    /// The very attempt is running: the server may have missed that it was accepted.
    AlreadyRunning,
    /// The very attempt has ended here; its report is delivered or on its way.
    AlreadyEnded,
    /// A later attempt is running.
    Outdated,
    AtCapacity,
}

impl Ledger {
    pub(super) fn new() -> Self {
        let state = State {
            running: BTreeMap::new(),
            outbox: Outbox::default(),
            recent: Recent::default(),
            phase: Phase::Connecting,
            draining: false,
            stop_by: None,
            link: None,
            session: None,
            last_error: None,
            completed: 0,
            failed: 0,
            cancelled: 0,
            registrations: 0,
            started: Instant::now(),
        };
        Self { state: Mutex::new(state), work: Notify::new(), changed: watch::Sender::new(()) }
    }

    /// Every update leaves the state whole, so a panic elsewhere does not spoil it.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then wakes the actor and everybody who waits.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.work.notify_one();
        self.changed.send_replace(());
        result
    }

    /// Waits until the state answers with something.
    pub(super) async fn wait_for<T>(&self, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = look(&self.lock()) {
                return found;
            }
            if changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The end of an attempt, from running to the outbox in one step.
    pub(super) fn finish(&self, report: Report) {
        self.update(|state| {
            let running = state.running.remove(&(report.key.clone(), report.attempt));
            match report.outcome {
                Outcome::Completed => state.completed += 1,
                Outcome::Failed => state.failed += 1,
                Outcome::Cancelled => state.cancelled += 1,
            }
            if running.is_none_or(|running| !running.forgotten) {
                state.outbox.push(report);
            }
        });
    }

    pub(super) fn emit_progress(&self, report: &ProgressReport<'_>) {
        let link = self.lock().link.clone();
        if let Some(Err(error)) = link.map(|link| link.try_emit("task:progress", report)) {
            tracing::debug!(task = report.task_id, %error, "progress was not sent");
        }
    }
}

impl State {
    pub(super) fn admit(&mut self, key: &TaskKey, attempt: u32, capacity: usize) -> Admission {
        if self.running.contains_key(&(key.clone(), attempt)) {
            return Admission::AlreadyRunning;
        }
        if self.outbox.holds(key, attempt) || self.recent.contains(key, attempt) {
            return Admission::AlreadyEnded;
        }
        let (earlier, later): (Vec<u32>, Vec<u32>) =
            self.attempts_of(key).into_iter().partition(|running| *running < attempt);
        if !later.is_empty() {
            return Admission::Outdated;
        }
        // The server has given the earlier one up, or it would not assign the task again.
        for earlier in earlier {
            self.cancel(key, earlier);
        }
        let stopping = self.draining || self.stop_by.is_some();
        if stopping || self.running.len() >= capacity || !self.outbox.has_room(self.running.len()) {
            return Admission::AtCapacity;
        }
        let (cancel, cancelled) = Cancellation::new();
        self.running.insert((key.clone(), attempt), Running { cancel, forgotten: false });
        Admission::Start(cancelled)
    }

    fn attempts_of(&self, key: &TaskKey) -> Vec<u32> {
        let range = (key.clone(), 0)..=(key.clone(), u32::MAX);
        self.running.range(range).map(|((_, attempt), _)| *attempt).collect()
    }

    /// The running attempts that a `task:cancel` means. Old servers name the task only.
    pub(super) fn matching(
        &self,
        task_id: &str,
        workflow_id: Option<&str>,
        attempt: Option<u32>,
    ) -> Vec<(TaskKey, u32)> {
        let first = TaskKey { task_id: task_id.into(), workflow_id: "".into() };
        self.running
            .range((first, 0)..)
            .map(|(running, _)| running)
            .take_while(|(key, _)| &*key.task_id == task_id)
            .filter(|(key, _)| workflow_id.is_none_or(|workflow_id| &*key.workflow_id == workflow_id))
            .filter(|(_, running)| attempt.is_none_or(|attempt| *running == attempt))
            .cloned()
            .collect()
    }

    pub(super) fn cancel(&mut self, key: &TaskKey, attempt: u32) {
        if let Some(running) = self.running.get(&(key.clone(), attempt)) {
            running.cancel.send_replace(true);
        }
    }

    fn cancel_all(&mut self) {
        for running in self.running.values() {
            running.cancel.send_replace(true);
        }
    }

    /// The running attempts whose end the server waits for.
    pub(super) fn wanted(&self) -> Vec<(TaskKey, u32)> {
        let wanted = self.running.iter().filter(|(_, running)| !running.forgotten);
        wanted.map(|(attempt, _)| attempt.clone()).collect()
    }

    /// Ends every attempt that the server does not know of any more; returns how many.
    pub(super) fn forget_all_but(&mut self, held: &[String]) -> usize {
        let mut forgotten = 0;
        for ((key, _), running) in &mut self.running {
            if !held.iter().any(|task_id| **task_id == *key.task_id) {
                running.forgotten = true;
                running.cancel.send_replace(true);
                forgotten += 1;
            }
        }
        forgotten
    }

    /// Everything the server must not take for lost, results on their way included.
    pub(super) fn active(&self) -> Vec<ActiveTask> {
        let name = |(key, attempt): &(TaskKey, u32)| ActiveTask {
            task_id: Arc::clone(&key.task_id),
            workflow_id: Arc::clone(&key.workflow_id),
            attempt: *attempt,
        };
        self.running.keys().chain(self.outbox.attempts()).map(name).collect()
    }

    pub(super) fn registered(&mut self, link: Socket, session: String) {
        self.phase = Phase::Registered;
        self.link = Some(link);
        self.session = Some(session);
        self.registrations += 1;
    }

    pub(super) fn disconnected(&mut self, error: NodeError) {
        self.phase = Phase::Connecting;
        self.link = None;
        self.last_error = Some(Arc::new(error));
        self.outbox.connection_lost();
    }

    /// Ends what runs; the first request decides how long delivery may take.
    pub(super) fn request_stop(&mut self, limit: Duration) {
        self.stop_by.get_or_insert_with(|| Instant::now() + limit);
        self.cancel_all();
    }

    /// Nothing runs and everything is delivered.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.outbox.len() == 0
    }
}

/// The last finished attempts.
#[derive(Debug, Default)]
pub(super) struct Recent {
    order: VecDeque<(TaskKey, u32)>,
    known: FxHashSet<(TaskKey, u32)>,
}

impl Recent {
    pub(super) fn insert(&mut self, key: TaskKey, attempt: u32) {
        if self.order.len() == RECENT_ATTEMPTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        if self.known.insert((key.clone(), attempt)) {
            self.order.push_back((key, attempt));
        }
    }

    fn contains(&self, key: &TaskKey, attempt: u32) -> bool {
        self.known.contains(&(key.clone(), attempt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(task: &str) -> TaskKey {
        TaskKey { task_id: task.into(), workflow_id: "w".into() }
    }

    #[test]
    fn the_same_attempt_starts_once_and_a_later_one_ends_it() {
        let ledger = Ledger::new();
        let mut state = ledger.lock();
        let Admission::Start(first) = state.admit(&key("a"), 1, 2) else { panic!("not started") };
        assert!(matches!(state.admit(&key("a"), 1, 2), Admission::AlreadyRunning));
        let Admission::Start(second) = state.admit(&key("a"), 2, 2) else { panic!("not started") };
        assert!(first.is_cancelled() && !second.is_cancelled());
        assert!(matches!(state.admit(&key("a"), 1, 2), Admission::AlreadyRunning));
        assert!(matches!(state.admit(&key("b"), 1, 2), Admission::AtCapacity));
        state.running.remove(&(key("a"), 1));
        assert!(matches!(state.admit(&key("a"), 1, 2), Admission::Outdated));
    }

    #[test]
    fn a_cancel_without_a_workflow_means_every_task_of_that_id() {
        let ledger = Ledger::new();
        let mut state = ledger.lock();
        let other = TaskKey { task_id: "a".into(), workflow_id: "v".into() };
        for key in [&key("a"), &other, &key("ab"), &key("")] {
            assert!(matches!(state.admit(key, 1, 9), Admission::Start(_)));
        }
        assert_eq!(state.matching("a", None, None).len(), 2);
        assert_eq!(state.matching("a", Some("v"), Some(1)), [(other, 1)]);
        assert!(state.matching("a", Some("v"), Some(2)).is_empty());
    }

    #[test]
    fn what_the_server_no_longer_holds_is_ended() {
        let ledger = Ledger::new();
        let mut state = ledger.lock();
        let Admission::Start(kept) = state.admit(&key("a"), 1, 9) else { panic!("not started") };
        let Admission::Start(lost) = state.admit(&key("b"), 1, 9) else { panic!("not started") };
        assert_eq!(state.forget_all_but(&["a".to_owned()]), 1);
        assert!(!kept.is_cancelled() && lost.is_cancelled());
    }
}
