//! The writer's loop: waits for input or a deadline, takes one step, hands the turn to the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tracing::info;

use super::admission::Admission;
use super::commit::Committer;
use super::step::{Engine, Input};
use super::turn::{Output, Turn};
use crate::clock::EngineClock;
use crate::core::ids::Timestamp;
use crate::store::{CheckpointInput, StoreStatus};

/// Inputs of one step. More would make the first of them wait for the last.
const INPUTS_PER_STEP: usize = 1_024;
/// A checkpoint is due after this much log, and not more often than once in this time.
const CHECKPOINT_BYTES: u64 = 64 << 20;
const CHECKPOINT_INTERVAL_MS: u64 = 60_000;
/// Ended workflows that may wait for the store before new work is refused: about 100 MiB of memory.
const ARCHIVE_BACKLOG_MAX: usize = 50_000;

/// What the loop works with.
#[derive(Debug)]
pub(super) struct Writer {
    pub engine: Engine,
    pub inbox: Receiver<Input>,
    pub waiting: Arc<AtomicUsize>,
    pub committer: Committer,
    pub store: Arc<StoreStatus>,
    pub clock: EngineClock,
    pub checkpoint: CheckpointPace,
}

/// Why a turn begins.
enum Wake {
    /// There is input, or something is due.
    Up(Option<Input>),
    /// Nobody is left who could send anything.
    Abandoned,
}

/// When the last checkpoint was asked for.
#[derive(Debug, Default)]
pub(super) struct CheckpointPace {
    pub bytes: u64,
    pub at: Timestamp,
}

impl Writer {
    /// Runs until `stop` says so, and leaves a last checkpoint behind.
    pub(super) fn run(mut self, stop: &std::sync::atomic::AtomicBool) {
        let turn = self.engine.recover(self.clock.now());
        self.committer.submit(turn);
        while !stop.load(Ordering::Acquire) {
            let Wake::Up(first) = self.wait() else { break };
            self.admit();
            let taken = AtomicUsize::new(0);
            let rest = std::iter::from_fn(|| self.inbox.try_recv().ok());
            let inputs = first.into_iter().chain(rest).take(INPUTS_PER_STEP).inspect(|_| {
                taken.fetch_add(1, Ordering::Relaxed);
            });
            let began = self.clock.uptime();
            self.engine.turn_began = began;
            let mut turn = self.engine.step(self.clock.at(began), inputs);
            self.waiting.fetch_sub(taken.into_inner(), Ordering::Relaxed);
            self.checkpoint_if_due(&mut turn);
            if !turn.is_empty() {
                self.committer.submit(turn);
            }
        }
        self.stop();
    }

    /// Waits for the first input of a turn, or for a deadline.
    fn wait(&self) -> Wake {
        let Some(due) = self.engine.next_deadline() else {
            return self.inbox.recv().map_or(Wake::Abandoned, |input| Wake::Up(Some(input)));
        };
        let pause = due.since(self.clock.now());
        match self.inbox.recv_timeout(Duration::from_millis(pause)) {
            Ok(input) => Wake::Up(Some(input)),
            Err(RecvTimeoutError::Timeout) => Wake::Up(None),
            Err(RecvTimeoutError::Disconnected) => Wake::Abandoned,
        }
    }

    fn admit(&mut self) {
        self.engine.admission = if let Some(room) = self.committer.status.reserve() {
            Admission::DiskFull { room, lack: self.committer.status.lack() }
        } else if self.store.backlog() > ARCHIVE_BACKLOG_MAX {
            Admission::StoreLags
        } else {
            Admission::Open
        };
    }

    fn checkpoint_if_due(&mut self, turn: &mut Turn) {
        let bytes = self.committer.status.bytes.load(Ordering::Relaxed);
        let now = self.engine.state.now;
        let enough = bytes.saturating_sub(self.checkpoint.bytes) >= CHECKPOINT_BYTES;
        if enough && now.since(self.checkpoint.at) >= CHECKPOINT_INTERVAL_MS {
            self.checkpoint = CheckpointPace { bytes, at: now };
            turn.outputs.push(Output::Checkpoint(Box::new(CheckpointInput::of(&self.engine.state))));
        }
    }

    fn stop(self) {
        // Whoever still waits for an answer learns that nothing was done.
        for input in self.inbox.try_iter() {
            let reply = match input {
                Input::Command { reply, .. } => reply,
                Input::Found(found) => found.lookup.reply,
                Input::Query(_) | Input::Checkpoint | Input::Archived { .. } => None,
            };
            if let Some(reply) = reply {
                reply(Err(super::handle::stopping()));
            }
        }
        let mut turn = Turn::new(self.engine.state.next_seq);
        turn.outputs.push(Output::Checkpoint(Box::new(CheckpointInput::of(&self.engine.state))));
        self.committer.submit(turn);
        self.committer.close();
        info!(seq = self.engine.state.next_seq.0, "the engine has stopped");
    }
}
