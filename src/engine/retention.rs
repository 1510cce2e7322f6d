//! Giving disk back: what has expired leaves the store, what is alive in the oldest part of the log is written
//! again, and then that part goes.
//!
//! The order is what makes it safe at every moment: carry, durable; archive and checkpoint, synced; `Released`,
//! durable; delete. A crash between any two of these leaves a log that still holds everything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tracing::{info, warn};

use super::handle::EngineHandle;
use super::subscriptions;
use crate::core::carried::CarriedWorkflow;
use crate::core::command::Command;
use crate::core::ids::{Seq, Timestamp, WorkflowId};
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::core::state::Workflow;
use crate::log::{LogError, LogRead};
use crate::store::{Store, StoreError};

/// How often it looks. Disk fills over days.
const INTERVAL: Duration = Duration::from_mins(10);
/// Logs below this are left alone: there is nothing to win.
const RECORDS_MIN: u64 = 100_000;
/// The part of the log that is released at a time: its oldest quarter.
const SHARE: u64 = 4;
/// Carrying more than one workflow for each so many records would write more than it frees.
const RECORDS_PER_CARRIED: u64 = 20;
/// Workflows that are taken out of the store at a time.
const EXPIRED_GROUP: usize = 1_000;
/// A checkpoint comes within a minute or so; one that does not ends this attempt.
const CHECKPOINT_WAIT: Duration = Duration::from_mins(2);

/// What the thread works with.
#[derive(Debug)]
pub struct Retention {
    pub engine: EngineHandle,
    pub store: Arc<Store>,
    pub log: Arc<dyn LogRead>,
    /// Ended workflows are kept for this long.
    pub keep_ms: u64,
}

/// Why a part of the log is kept for now.
#[derive(Debug, thiserror::Error)]
pub enum Kept {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("no checkpoint came in time")]
    NoCheckpoint,
}

impl Retention {
    /// Runs until the sender of `stop` is gone.
    pub fn run(self, stop: &Receiver<()>) {
        while stop.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if let Err(kept) = self.pass(stop) {
                warn!(%kept, "old log is kept until the next attempt");
            }
        }
    }

    /// One round: expires, and releases the oldest part of the log where that is worth it.
    ///
    /// # Errors
    /// What stood in the way; nothing is lost by it.
    pub fn pass(&self, stop: &Receiver<()>) -> Result<(), Kept> {
        self.expire()?;
        let (first, end) = (self.log.first_seq(), self.log.durable_end());
        let up_to = Seq(first.0 + (end.0 - first.0) / SHARE);
        if end.0 - first.0 < RECORDS_MIN || !self.is_worth_it(first, up_to)? {
            return Ok(());
        }
        self.release(up_to, stop)
    }

    fn expire(&self) -> Result<(), Kept> {
        let before = Timestamp(self.engine.now().0.saturating_sub(self.keep_ms));
        loop {
            let removed = self.store.expire(before, EXPIRED_GROUP)?;
            if removed > 0 {
                info!(workflows = removed, "ended workflows have expired");
            }
            if removed < EXPIRED_GROUP {
                return Ok(());
            }
        }
    }

    fn is_worth_it(&self, first: Seq, up_to: Seq) -> Result<bool, Kept> {
        let limit = usize::try_from((up_to.0 - first.0) / RECORDS_PER_CARRIED).unwrap_or(usize::MAX);
        Ok(self.store.holding_back(up_to, None, limit)?.next.is_none())
    }

    /// Carries what is alive before `up_to`, waits until it is safe, and releases. Where subscriptions have yet to be
    /// told of it, less is released, or nothing.
    ///
    /// # Errors
    /// What stood in the way; nothing is lost by it.
    pub fn release(&self, up_to: Seq, stop: &Receiver<()>) -> Result<(), Kept> {
        let up_to = subscriptions::held_back(&self.engine, up_to)?;
        if up_to <= self.log.first_seq() {
            return Ok(());
        }
        for id in self.live_below(up_to)? {
            self.carry_live(id, up_to)?;
        }
        let mut from = None;
        let mut carried = 0_usize;
        loop {
            let holding = self.store.holding_back(up_to, from, EXPIRED_GROUP)?;
            carried += holding.workflows.len();
            for id in holding.workflows {
                self.carry_archived(id)?;
            }
            from = holding.next;
            if from.is_none() {
                break;
            }
        }
        let safe = self.engine.submit_blocking(Command::CarryServices)?.seq;
        self.wait_for_checkpoint(safe, stop)?;
        // A workflow that was archived while this went on may refer to the old part still.
        if !self.store.holding_back(up_to, None, 1)?.workflows.is_empty()
            || !self.live_below(up_to)?.is_empty()
        {
            return Err(Kept::NoCheckpoint);
        }
        self.engine.submit_blocking(Command::ReleaseLog { up_to })?;
        info!(up_to = up_to.0, carried, "released the oldest part of the log");
        Ok(())
    }

    fn live_below(&self, up_to: Seq) -> Result<Vec<WorkflowId>, Kept> {
        let live = self.engine.query_blocking(move |view| {
            let below = |workflow: &&Workflow| {
                workflow.spec_seq < up_to || !CarriedWorkflow::references_below(workflow, up_to).is_empty()
            };
            view.state.workflows.values().filter(below).map(|workflow| workflow.id).collect()
        })?;
        Ok(live)
    }

    fn carry_live(&self, id: WorkflowId, up_to: Seq) -> Result<(), Kept> {
        let seen = self.engine.query_blocking(move |view| view.state.workflow(id).cloned())?;
        let Some(workflow) = seen else { return Ok(()) };
        let payloads = self.payloads(&workflow, up_to)?;
        self.engine.submit_blocking(Command::CarryLive { workflow: id, payloads })?;
        Ok(())
    }

    fn carry_archived(&self, id: WorkflowId) -> Result<(), Kept> {
        let Some(workflow) = self.store.load(id)? else { return Ok(()) };
        let payloads = self.payloads(&workflow, Seq(u64::MAX))?;
        let mut carried = CarriedWorkflow::ended(&workflow);
        carried.embed(|seq, part| payloads.get(&(seq, part)).cloned());
        self.engine.submit_blocking(Command::CarryArchived { workflow: Box::new(carried) })?;
        Ok(())
    }

    fn payloads(&self, workflow: &Workflow, up_to: Seq) -> Result<BTreeMap<(Seq, u32), Payload>, Kept> {
        let references = CarriedWorkflow::references_below(workflow, up_to);
        references
            .into_iter()
            .map(|(seq, part)| Ok(((seq, part), Payload::new(self.log.part(seq, part)?))))
            .collect()
    }

    /// The checkpoint stands in the store's queue behind everything that had ended before it, so all of that is
    /// archived when it is written.
    fn wait_for_checkpoint(&self, safe: Seq, stop: &Receiver<()>) -> Result<(), Kept> {
        self.engine.ask_for_checkpoint()?;
        let pause = Duration::from_millis(100);
        for _ in 0..CHECKPOINT_WAIT.as_millis() / pause.as_millis() {
            if self.store.checkpointed()?.is_some_and(|seq| seq > safe) {
                return Ok(());
            }
            if stop.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        Err(Kept::NoCheckpoint)
    }
}
