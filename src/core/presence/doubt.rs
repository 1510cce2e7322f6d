//! Whether a worker that came back still has what it held before.
//!
//! A registration that names nothing may come from the process that went on behind a lost connection, or from a new one under the
//! same node id, which holds nothing of what the one before it held. Nothing in the base protocol tells them apart at once.
//! So whatever the worker held is in doubt until it shows a sign of life: a report of it, or a heartbeat that names it or
//! counts it. Without one the worker is told to stop it, in case it runs after all, and then it is given up.

use super::{Presence, Present};
use crate::core::command::{TaskRef, WorkerKind};
use crate::core::ids::{AttemptNo, TaskId, Timestamp, WorkerId};
use crate::core::limits::Limits;
use crate::core::state::{Grant, Phase, State};

/// An attempt that the worker had when this connection began.
#[derive(Debug, Clone, Copy)]
pub(in crate::core) struct Older {
    pub task: TaskId,
    pub attempt: AttemptNo,
    pub doubt: Option<Doubt>,
}

impl Older {
    /// All that the worker holds, or may still run.
    pub(super) fn all(state: &State, worker: &WorkerId) -> Vec<Self> {
        state.grants.of(worker).map(|(task, attempt, _)| Self { task, attempt, doubt: None }).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It has until then to show that it still works on it.
    Unheard { until: Timestamp },
    /// It was told to stop it, and has until then to say that it has.
    Told { until: Timestamp },
}

impl Doubt {
    const fn until(self) -> Timestamp {
        match self {
            Self::Unheard { until } | Self::Told { until } => until,
        }
    }
}

/// What follows for an attempt whose doubt is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::core) enum Resolved {
    /// The worker is told to stop it.
    Tell,
    /// The worker does not have it.
    Gone,
}

impl Present {
    /// How long it may keep silent about what it held before it came back.
    fn confirm_ms(&self, limits: &Limits) -> u64 {
        // The first heartbeat comes a whole interval late. One that is very rare is not waited for.
        let interval_ms = self.facts.heartbeat_ms.unwrap_or_else(|| self.pulse.interval_ms());
        limits.confirm_ms.max((interval_ms + interval_ms / 2).min(2 * limits.liveness_ms))
    }

    /// What the worker held before this connection and has not ended yet, with what is still in doubt of it.
    pub(in crate::core) fn older(&self, state: &State) -> impl Iterator<Item = (Older, Grant)> {
        let id = &self.facts.worker;
        let older = self.older.iter().copied();
        older.filter_map(move |older| Some((older, state.grants.get(id, older.task, older.attempt)?)))
    }

    /// What is due of it, and what follows. A heartbeat that counts too few has told already that it is not there.
    pub(in crate::core) fn doubts_due(
        &self,
        state: &State,
        now: Timestamp,
    ) -> impl Iterator<Item = (Older, Grant, Resolved)> {
        let due =
            self.older(state).filter(move |(older, _)| older.doubt.is_some_and(|doubt| doubt.until() <= now));
        due.filter(|_| self.is_connected()).filter_map(|(older, grant)| {
            let resolved = match older.doubt? {
                Doubt::Unheard { .. } if self.low_counts == 0 => Resolved::Tell,
                Doubt::Unheard { .. } | Doubt::Told { .. } => Resolved::Gone,
            };
            Some((older, grant, resolved))
        })
    }

    /// Until when this attempt is in doubt, if it is: then it is handed out again.
    pub fn doubted_until(&self, task: TaskId, attempt: AttemptNo, limits: &Limits) -> Option<Timestamp> {
        let older = self.older.iter().find(|older| (older.task, older.attempt) == (task, attempt))?;
        Some(match older.doubt? {
            Doubt::Unheard { until } if self.low_counts == 0 => until.plus(limits.accept_ms),
            Doubt::Unheard { until } | Doubt::Told { until } => until,
        })
    }

    /// Whether the worker was told to stop this attempt because nobody knew whether it runs.
    pub(in crate::core) fn was_told_in_doubt(&self, task: TaskId, attempt: AttemptNo) -> bool {
        let told = |older: &&Older| matches!(older.doubt, Some(Doubt::Told { .. }));
        self.older.iter().filter(told).any(|older| (older.task, older.attempt) == (task, attempt))
    }

    /// A report of something that it held before: it works on that, as on whatever it accepts from now on.
    pub(super) fn show_life(&mut self, state: &State, reference: &TaskRef, attempt: Option<AttemptNo>) {
        self.older.retain(|older| {
            attempt.is_some_and(|attempt| attempt != older.attempt) || !is_about(state, reference, older.task)
        });
    }

    /// It works on something that it held before, though nobody knows on what.
    pub(super) fn settle_doubts(&mut self) {
        for older in &mut self.older {
            older.doubt = None;
        }
    }

    /// The doubts with which a connection begins that did not say what the worker holds. What it had been told to stop before it
    /// is told again, because the word may not have reached it.
    fn begin_doubts(&mut self, state: &State, limits: &Limits, now: Timestamp) {
        let until = now.plus(self.confirm_ms(limits));
        let id = &self.facts.worker;
        for older in &mut self.older {
            older.doubt = state.grants.get(id, older.task, older.attempt).map(|grant| match grant.phase {
                Phase::Offered | Phase::Accepted | Phase::Delivered => Doubt::Unheard { until },
                Phase::Releasing { .. } => Doubt::Told { until },
            });
        }
    }
}

impl Presence {
    /// Follows a registration on a new connection that named nothing. Those inside the binary live and die with it.
    pub(super) fn doubt(&mut self, id: &WorkerId, state: &State, now: Timestamp) {
        let Some(worker) = self.workers.get_mut(id) else { return };
        if worker.facts.kind == WorkerKind::BuiltIn {
            return;
        }
        worker.begin_doubts(state, &self.limits, now);
        self.watch_doubts(id, now);
    }

    /// Follows the doubts that were due: who was told to stop has its time to say that it has, and what is gone is forgotten.
    pub(super) fn after_doubts(&mut self, id: &WorkerId, state: &State, now: Timestamp) {
        let Some(worker) = self.workers.get_mut(id) else { return };
        let told = Doubt::Told { until: now.plus(self.limits.accept_ms) };
        let due: Vec<(TaskId, AttemptNo, Resolved)> = worker
            .doubts_due(state, now)
            .map(|(older, _, resolved)| (older.task, older.attempt, resolved))
            .collect();
        let tell = |older: &Older| due.contains(&(older.task, older.attempt, Resolved::Tell));
        for older in worker.older.iter_mut().filter(|older| tell(older)) {
            older.doubt = Some(told);
        }
        worker.older.retain(|older| state.grants.get(id, older.task, older.attempt).is_some());
        self.watch_doubts(id, now);
        self.refresh(id, state, now);
    }

    /// What was due while the worker was away is no doubt of this connection any more.
    fn watch_doubts(&mut self, id: &WorkerId, now: Timestamp) {
        let Some(worker) = self.workers.get(id) else { return };
        let ahead = worker.older.iter().filter_map(|older| older.doubt).map(Doubt::until);
        for until in ahead.filter(|until| *until > now) {
            self.deadlines.doubt(until, id);
        }
    }

    pub(super) fn shift_doubts(&mut self, gap_ms: u64) {
        for older in self.workers.values_mut().flat_map(|worker| &mut worker.older) {
            older.doubt = older.doubt.map(|doubt| match doubt {
                Doubt::Unheard { until } => Doubt::Unheard { until: until.plus(gap_ms) },
                Doubt::Told { until } => Doubt::Told { until: until.plus(gap_ms) },
            });
        }
    }
}

/// Whether a report that names a task so may be about this one.
fn is_about(state: &State, reference: &TaskRef, task: TaskId) -> bool {
    match reference {
        TaskRef::Id(id) => *id == task,
        TaskRef::Own { id, workflow } => {
            let own_id = || state.workflow(task.workflow)?.spec.task(task.index).own_id.as_deref();
            let there = workflow.is_none_or(|workflow| workflow == task.workflow);
            state.by_own_uuid(id) == Some(task) || (there && own_id() == Some(&**id))
        }
    }
}
