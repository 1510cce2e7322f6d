//! The store's thread: takes what has ended, in groups, and checkpoints, in order.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tracing::{info, warn};

use super::error::{StoreError, StoreHealth};
use super::job::{CheckpointInput, StoreJob, StoreStatus};
use super::views::Store;
use crate::core::ids::{Seq, WorkflowId};
use crate::core::state::Workflow;

/// Workflows that are put together.
const GROUP_MAX: usize = 100;
/// How long a group waits for more. Several workflows in one page cost little more than one.
const LINGER: Duration = Duration::from_millis(20);
/// How often a thread that waits for room looks again.
const SPACE_PAUSE: Duration = Duration::from_secs(1);
/// sled cannot be opened again once a write has failed for lack of space, so it never writes into the last of it:
/// a sixteenth of the disk, within these bounds. The smaller one is three segments of sled.
const SPACE_KEPT_MIN: u64 = 3 * (512 << 10);
const SPACE_KEPT_MAX: u64 = 32 << 20;

/// What the thread works with.
#[derive(Debug)]
pub struct Archiver {
    pub store: Arc<Store>,
    pub jobs: Receiver<StoreJob>,
    pub status: Arc<StoreStatus>,
    /// The directory on whose disk the store lies.
    pub directory: PathBuf,
}

impl Archiver {
    /// Works until all senders are gone. `on_archived` hears of each workflow that the store holds, so that
    /// memory can drop it.
    pub fn run(self, on_archived: impl Fn(WorkflowId, Seq)) {
        let mut waiting = VecDeque::new();
        while self.gather(&mut waiting) {
            if self.has_room() {
                self.work(&mut waiting, &on_archived);
            } else if !self.wait_for_room(&mut waiting) {
                break;
            }
        }
        match self.store.close() {
            Ok(()) => info!("the store is closed"),
            Err(error) => warn!(%error, "the store was not closed cleanly"),
        }
    }

    /// Waits for work, and a little for more of it. Says whether there is any.
    fn gather(&self, waiting: &mut VecDeque<StoreJob>) -> bool {
        if waiting.is_empty() {
            let Ok(job) = self.jobs.recv() else { return false };
            waiting.push_back(job);
        }
        while waiting.len() < GROUP_MAX && !matches!(waiting.back(), Some(StoreJob::Checkpoint(_))) {
            let Ok(job) = self.jobs.recv_timeout(LINGER) else { break };
            waiting.push_back(job);
        }
        true
    }

    /// Archives the workflows at the front, or writes the checkpoint there.
    fn work(&self, waiting: &mut VecDeque<StoreJob>, on_archived: &impl Fn(WorkflowId, Seq)) {
        let mut group: Vec<Workflow> = Vec::new();
        while let Some(job) = waiting.pop_front() {
            match job {
                StoreJob::Archive(workflow) => group.push(*workflow),
                StoreJob::Checkpoint(input) => {
                    self.archive(&group, on_archived);
                    self.checkpoint(&input);
                    return;
                }
            }
            if group.len() == GROUP_MAX {
                break;
            }
        }
        self.archive(&group, on_archived);
    }

    /// A frozen store takes nothing. What it did not take stays in memory and counts as backlog, which at its
    /// limit stops new work.
    fn archive(&self, group: &[Workflow], on_archived: &impl Fn(WorkflowId, Seq)) {
        if let Err(error) = self.store.archive(group) {
            self.status.freeze(error.to_string());
            return;
        }
        for workflow in group {
            on_archived(workflow.id, workflow.ended_seq.unwrap_or(workflow.spec_seq));
        }
        self.status.remove(group.len());
    }

    fn checkpoint(&self, input: &CheckpointInput) {
        match self.store.checkpoint(input) {
            Ok(()) | Err(StoreError::Frozen { .. }) => {}
            Err(error) => warn!(%error, "no checkpoint was written: the next start replays more of the log"),
        }
    }

    /// Says whether anybody can still send anything.
    fn wait_for_room(&self, waiting: &mut VecDeque<StoreJob>) -> bool {
        if self.store.health() == StoreHealth::Healthy {
            warn!("the disk is nearly full: ended workflows wait in memory until there is room in the store");
        }
        self.store.set_waiting(true);
        match self.jobs.recv_timeout(SPACE_PAUSE) {
            Ok(job) => waiting.push_back(job),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        true
    }

    fn has_room(&self) -> bool {
        let room = free_space(&self.directory)
            .is_none_or(|(free, total)| free >= (total / 16).clamp(SPACE_KEPT_MIN, SPACE_KEPT_MAX));
        if room && self.store.health() == StoreHealth::WaitsForSpace {
            info!("the disk has room again: archiving goes on");
            self.store.set_waiting(false);
        }
        room
    }
}

/// Free and total bytes of the disk, as far as the system says.
fn free_space(directory: &Path) -> Option<(u64, u64)> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    Some((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
}
