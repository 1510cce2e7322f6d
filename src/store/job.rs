//! What the engine asks of the store's thread.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::core::access::Access;
use crate::core::ids::{AttemptNo, Seq, SubscriptionId, TaskId, Timestamp, WorkerId};
use crate::core::state::{Grant, Leap, ServiceTotals, State, Workflow};
use crate::core::subscription::Subscription;

/// Work for the store's thread, in order: a checkpoint comes after everything that had ended before it.
#[derive(Debug)]
pub enum StoreJob {
    /// A workflow that has ended.
    Archive(Box<Workflow>),
    Checkpoint(Box<CheckpointInput>),
}

/// A picture of the state, made of cheap handles.
#[derive(Debug, Clone)]
pub struct CheckpointInput {
    /// The first event that the picture does not hold.
    pub next_seq: Seq,
    pub now: Timestamp,
    pub released: Seq,
    pub leap: Option<Leap>,
    /// Workflows that have not ended, and ended ones of which workers may still run something.
    pub workflows: Vec<Workflow>,
    pub grants: Vec<(WorkerId, TaskId, AttemptNo, Grant)>,
    pub services: BTreeMap<Arc<str>, ServiceTotals>,
    pub workers: BTreeMap<WorkerId, Arc<str>>,
    pub subscriptions: BTreeMap<SubscriptionId, Arc<Subscription>>,
    pub access: Arc<Access>,
}

impl CheckpointInput {
    pub fn of(state: &State) -> Self {
        let stays = |workflow: &&Workflow| !workflow.status.has_ended() || state.lingers(workflow.id);
        let live = state.workflows.values().filter(stays);
        let grants = state.grants.all();
        Self {
            next_seq: state.next_seq,
            now: state.now,
            released: state.released,
            leap: state.leap,
            workflows: live.cloned().collect(),
            grants: grants
                .map(|(worker, task, attempt, grant)| (worker.clone(), task, attempt, grant))
                .collect(),
            services: state.services.clone(),
            workers: state.workers.clone(),
            subscriptions: state.subscriptions.clone(),
            access: Arc::clone(&state.access),
        }
    }

    /// The state that the picture shows.
    pub fn restore(self) -> State {
        let mut state = State::default();
        (state.next_seq, state.now, state.released) = (self.next_seq, self.now, self.released);
        state.leap = self.leap;
        state.services = self.services;
        state.workers = self.workers;
        state.subscriptions = self.subscriptions;
        state.access = self.access;
        for workflow in self.workflows {
            state.restore(workflow);
        }
        for (worker, task, attempt, grant) in self.grants {
            state.restore_grant(&worker, task, attempt, grant);
        }
        state
    }
}

/// How far the store lags behind.
#[derive(Debug, Default)]
pub struct StoreStatus {
    backlog: AtomicUsize,
    frozen: OnceLock<String>,
}

impl StoreStatus {
    /// Ended workflows that are not archived yet.
    pub fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Why nothing more is archived in this run, if that is so.
    pub fn frozen(&self) -> Option<&str> {
        self.frozen.get().map(String::as_str)
    }

    /// The store has failed and is left alone until the next start. The first reason counts.
    pub fn freeze(&self, why: String) {
        let _ = self.frozen.set(why);
    }

    pub fn add(&self, workflows: usize) {
        self.backlog.fetch_add(workflows, Ordering::Relaxed);
    }

    pub fn remove(&self, workflows: usize) {
        self.backlog.fetch_sub(workflows, Ordering::Relaxed);
    }
}
