//! Giving disk back: what has expired leaves the store, what is alive in the oldest part of the log is written
//! again, and then that part goes.
//!
//! The order is what makes it safe at every moment: carry, durable; archive and checkpoint, synced; `Released`,
//! durable; delete. A crash between any two of these leaves a log that still holds everything.

mod worth;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tracing::{info, warn};

use self::worth::Looked;
use super::handle::EngineHandle;
use super::keep::Keep;
use super::subscriptions;
use crate::core::access::Times;
use crate::core::carried::{CarriedWorkflow, History, Moved};
use crate::core::command::Command;
use crate::core::effect::Receipt;
use crate::core::ids::{Seq, Timestamp, WorkflowId};
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::core::state::Workflow;
use crate::log::{LogError, LogRead, Snapshots};
use crate::store::record::decode;
use crate::store::{Store, StoreError};

/// How often it looks. Disk fills over days.
const INTERVAL: Duration = Duration::from_mins(10);
/// What is released at a time is the oldest of so many parts of the log.
const PARTS: usize = 4;
/// Parts of the log that one pass releases for the sake of its size; the next pass goes on.
const PARTS_MAX: usize = 64;
/// Workflows that are taken out of the store, or listed, at a time.
const GROUP: usize = 1_000;
/// Payloads that are written again as one record. A larger one goes alone.
const PAYLOADS_BYTES_MAX: usize = 32 << 10;
/// A checkpoint comes within a minute or so; one that does not ends this attempt.
const CHECKPOINT_WAIT: Duration = Duration::from_mins(2);

const DAY_MS: u64 = 86_400_000;

/// What the thread works with.
#[derive(Debug)]
pub struct Retention {
    engine: EngineHandle,
    store: Arc<Store>,
    log: Arc<dyn LogRead>,
    /// The same log, for its sizes.
    files: Snapshots,
    keep: Arc<Keep>,
    looked: Option<Looked>,
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
    #[error("something that ended meanwhile refers to it")]
    StillWanted,
}

impl Retention {
    pub fn new(
        engine: EngineHandle,
        store: Arc<Store>,
        (log, files): (Arc<dyn LogRead>, Snapshots),
        keep: Arc<Keep>,
    ) -> Self {
        Self { engine, store, log, files, keep, looked: None }
    }

    /// Runs until the sender of `stop` is gone; whoever sends has a round begin at once.
    pub fn run(mut self, stop: &Receiver<()>) {
        // Whoever looks after the server need not wait for the first round to hear of its clock.
        drop(self.clock_counts());
        while stop.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Disconnected) {
            if let Err(kept) = self.pass(stop) {
                warn!(%kept, "old log is kept until the next attempt");
            }
        }
    }

    /// One round: expires, and releases the oldest part of the log where that is worth it.
    ///
    /// # Errors
    /// What stood in the way; nothing is lost by it.
    pub fn pass(&mut self, stop: &Receiver<()>) -> Result<(), Kept> {
        let terms = self.keep.terms();
        let gone = self.expire(terms.ms)? + self.thin(terms.workflows)?;
        if self.files.file_bytes() > terms.log_bytes {
            self.looked = None;
            return self.shrink(terms.log_bytes, stop);
        }
        match self.files.oldest_part(PARTS) {
            Some(part) if self.is_worth_it(part, gone)? => self.release(part.up_to, stop),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes out what is beyond the number of ended workflows that are kept, and returns how many went.
    fn thin(&self, kept: u64) -> Result<u64, Kept> {
        let all = self.store.totals().workflows().saturating_sub(kept);
        let mut beyond = all;
        while beyond > 0 {
            let group = usize::try_from(beyond).unwrap_or(usize::MAX).min(GROUP);
            let removed = self.store.expire_first(group)?;
            info!(workflows = removed, "ended workflows beyond the number that is kept are gone");
            beyond -= removed as u64;
            if removed < group {
                break;
            }
        }
        Ok(all - beyond)
    }

    /// Gives ended workflows up, with the oldest part of the log each time, until the log is small enough. What has not
    /// ended is written again, so a log of nothing else cannot shrink.
    fn shrink(&self, limit: u64, stop: &Receiver<()>) -> Result<(), Kept> {
        for _ in 0..PARTS_MAX {
            let (bytes, next) = (self.files.file_bytes(), self.files.second_segment());
            let Some(next) = next.filter(|_| bytes > limit) else { return Ok(()) };
            let (first, end) = (self.log.first_seq(), self.log.durable_end());
            let up_to = next.max(Seq(first.0 + (end.0 - first.0) / PARTS as u64));
            let mut gone = 0;
            loop {
                let removed = self.store.expire_before(up_to, GROUP)?;
                gone += removed;
                if removed < GROUP {
                    break;
                }
            }
            info!(
                workflows = gone,
                bytes, limit, "ended workflows are given up, because the log is too large"
            );
            self.release(up_to, stop)?;
            if self.files.file_bytes() >= bytes {
                warn!(bytes, limit, "the log is too large, and what is left of it is needed");
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes out what has been kept for long enough, and returns how many went.
    fn expire(&self, keep_ms: u64) -> Result<u64, Kept> {
        if !self.clock_counts()? {
            return Ok(0);
        }
        // The clock may have been set right since the engine began to go by it.
        let Times { engine, wall } = self.engine.times();
        let before = Timestamp(engine.min(wall).0.saturating_sub(keep_ms));
        let mut gone = 0;
        loop {
            let removed = self.store.expire(before, GROUP)?;
            gone += removed as u64;
            if removed > 0 {
                info!(workflows = removed, "ended workflows have expired");
            }
            if removed < GROUP {
                return Ok(gone);
            }
        }
    }

    /// Whether the clock is to be believed, which is said where it is not.
    fn clock_counts(&self) -> Result<bool, Kept> {
        let now = self.engine.now();
        let leap =
            self.engine.query_blocking(|view| view.state.leap)?.filter(|leap| now < leap.trusted_from());
        let why = leap.map(|leap| {
            let days = leap.to.since(leap.from) / DAY_MS;
            format!(
                "the clock stood {days} days ahead of the newest event at the start, so it may be wrong; ended workflows are \
                 kept whatever their age until the server has run for an hour; set the clock if it is wrong"
            )
        });
        let counts = why.is_none();
        self.engine.condition().change(|noted| {
            if let Some(why) = why.as_ref().filter(|why| noted.history_kept.as_ref() != Some(*why)) {
                warn!("{why}");
            }
            noted.history_kept = why;
        });
        Ok(counts)
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
        let (live, archived) = (self.live_below(up_to)?, self.archived_below(up_to)?);
        let released = self.histories(up_to, &live.iter().chain(&archived).copied().collect())?;
        for id in live {
            self.carry_live(id, up_to, released.get(&id).copied())?;
        }
        let carried = archived.len();
        for id in archived {
            self.carry_archived(id, up_to, released.get(&id).copied())?;
        }
        let safe = self.engine.submit_blocking(Command::CarryServices)?.seq;
        self.wait_for_checkpoint(safe, stop)?;
        // A workflow that was archived while this went on may refer to the old part still.
        if !self.store.holding_back(up_to, None, 1)?.workflows.is_empty()
            || !self.live_below(up_to)?.is_empty()
        {
            return Err(Kept::StillWanted);
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

    fn archived_below(&self, up_to: Seq) -> Result<Vec<WorkflowId>, Kept> {
        let mut all = Vec::new();
        let mut from = None;
        loop {
            let holding = self.store.holding_back(up_to, from, GROUP)?;
            all.extend(holding.workflows);
            from = holding.next;
            if from.is_none() {
                return Ok(all);
            }
        }
    }

    /// What the release will take away of each of these workflows.
    fn histories(
        &self,
        up_to: Seq,
        wanted: &BTreeSet<WorkflowId>,
    ) -> Result<BTreeMap<WorkflowId, History>, Kept> {
        let mut histories: BTreeMap<WorkflowId, History> = BTreeMap::new();
        let mut broken = None;
        self.log.scan(self.log.first_seq(), &mut |view| {
            if view.seq >= up_to {
                return ControlFlow::Break(());
            }
            match decode(&view) {
                Ok(record) => {
                    if let Some(id) = record.event.workflow().filter(|id| wanted.contains(id)) {
                        let parts = view.parts.iter().map(str::as_bytes);
                        let pieces = [view.body].into_iter().chain(parts);
                        histories.entry(id).or_insert(History::NONE).add(view.seq, pieces);
                    }
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    broken = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        broken.map_or(Ok(histories), |error| Err(StoreError::from(error).into()))
    }

    fn carry_live(&self, id: WorkflowId, up_to: Seq, released: Option<History>) -> Result<(), Kept> {
        let seen = self.engine.query_blocking(move |view| view.state.workflow(id).cloned())?;
        let Some(workflow) = seen else { return Ok(()) };
        let moved = self.move_payloads(&workflow, up_to)?;
        self.engine.submit_blocking(Command::CarryLive { workflow: id, moved, released })?;
        Ok(())
    }

    fn carry_archived(&self, id: WorkflowId, up_to: Seq, released: Option<History>) -> Result<(), Kept> {
        let Some(workflow) = self.store.load(id)? else { return Ok(()) };
        let mut carried = CarriedWorkflow::without_grants(&workflow);
        carried.follow(&self.move_payloads(&workflow, up_to)?);
        carried.released = released;
        let ended_seq = workflow.ended_seq;
        self.engine.submit_blocking(Command::CarryArchived { workflow: Box::new(carried), ended_seq })?;
        Ok(())
    }

    /// Writes the payloads before `up_to` again, several in a record, and says where they are now.
    fn move_payloads(&self, workflow: &Workflow, up_to: Seq) -> Result<Moved, Kept> {
        let mut moved = Moved::new();
        let mut group = Vec::new();
        let mut bytes = 0;
        let wanted: BTreeSet<(Seq, u32)> =
            CarriedWorkflow::references_below(workflow, up_to).into_iter().collect();
        for place in wanted {
            let payload = Payload::new(self.log.part(place.0, place.1)?);
            let size = payload.as_str().len();
            if bytes + size > PAYLOADS_BYTES_MAX && !group.is_empty() {
                self.write_payloads(workflow.id, std::mem::take(&mut group), &mut moved)?;
                bytes = 0;
            }
            bytes += size;
            group.push((place, payload));
        }
        if !group.is_empty() {
            self.write_payloads(workflow.id, group, &mut moved)?;
        }
        Ok(moved)
    }

    fn write_payloads(
        &self,
        workflow: WorkflowId,
        group: Vec<((Seq, u32), Payload)>,
        moved: &mut Moved,
    ) -> Result<(), Kept> {
        let (places, payloads): (Vec<(Seq, u32)>, Vec<Payload>) = group.into_iter().unzip();
        let accepted = self.engine.submit_blocking(Command::CarryPayloads { workflow, payloads })?;
        if let Receipt::Carried { seq } = accepted.receipt {
            moved.extend(places.into_iter().zip((0..).map(|part| (seq, part))));
        }
        Ok(())
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
            if stop.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        Err(Kept::NoCheckpoint)
    }
}
