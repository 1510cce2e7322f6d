//! Everything the engine knows for a fact: a fold of the log, and the indexes that follow from it.

mod arriving;
mod census;
mod chunks;
mod grants;
mod lanes;
mod leap;
mod ready;
mod services;
mod task;
mod timers;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

pub(in crate::core) use arriving::Arriving;
pub use census::Census;
pub use chunks::Chunks;
pub use grants::{Grant, Grants, Phase};
pub use leap::Leap;
pub(in crate::core) use ready::Standing;
pub use ready::{ClassId, Ready, Turn};
pub use services::{Breaker, ServiceTotals};
pub use task::{AttemptNote, Edited, HISTORY_MAX, SkipCause, StatusKind, Task, TaskStatus, Trouble};
pub use timers::{Timer, Timers};
pub use workflow::{Counts, Workflow, WorkflowStatus};

use super::access::Access;
use super::ids::{Fingerprint, Seq, SubscriptionId, TaskId, Timestamp, WorkerId, WorkflowId, canonical_uuid};
use super::subscription::Subscription;

#[derive(Debug)]
pub struct State {
    /// The seq that the next event will have.
    pub next_seq: Seq,
    /// Time of the latest event.
    pub now: Timestamp,
    /// Workflows that have not ended, and ended ones that the store does not hold yet.
    pub workflows: BTreeMap<WorkflowId, Workflow>,
    pub grants: Grants,
    /// Totals by service name.
    pub services: BTreeMap<Arc<str>, ServiceTotals>,
    /// The service name of each worker that was ever seen, oldest dropped first.
    pub workers: BTreeMap<WorkerId, Arc<str>>,
    pub ready: Ready,
    /// Webhooks. Readers share them; a change copies one.
    pub subscriptions: BTreeMap<SubscriptionId, Arc<Subscription>>,
    /// Users and their keys. Readers share them; a change copies them.
    pub access: Arc<Access>,
    pub timers: Timers,
    /// Events before this seq have been released.
    pub released: Seq,
    /// The latest start found a clock that may be wrong.
    pub leap: Option<Leap>,
    /// Workflows that are being written again, and of which not all tasks have come yet.
    pub(in crate::core) arriving: BTreeMap<WorkflowId, Arriving>,
    /// The workflows in memory, by status.
    pub census: Census,
    /// The workflows in memory in the order of their creation.
    pub listed: BTreeSet<(Timestamp, WorkflowId)>,
    /// Idempotency keys of the workflows in memory.
    pub(in crate::core) keys: FxHashMap<Fingerprint, WorkflowId>,
    /// Tasks of the workflows in memory whose own id is a UUID.
    pub(in crate::core) own_ids: FxHashMap<u128, TaskId>,
}

impl Default for State {
    /// Before the first event.
    fn default() -> Self {
        Self {
            next_seq: Seq::FIRST,
            now: Timestamp::default(),
            workflows: BTreeMap::new(),
            grants: Grants::default(),
            services: BTreeMap::new(),
            workers: BTreeMap::new(),
            ready: Ready::default(),
            subscriptions: BTreeMap::new(),
            access: Arc::default(),
            timers: Timers::default(),
            released: Seq::default(),
            leap: None,
            arriving: BTreeMap::new(),
            census: Census::default(),
            listed: BTreeSet::new(),
            keys: FxHashMap::default(),
            own_ids: FxHashMap::default(),
        }
    }
}

impl State {
    pub fn workflow(&self, id: WorkflowId) -> Option<&Workflow> {
        self.workflows.get(&id)
    }

    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.workflows.get(&id.workflow)?.tasks.get(id.at())
    }

    /// The workflow in memory that was submitted with this idempotency key.
    pub fn by_key(&self, key: Fingerprint) -> Option<&Workflow> {
        self.workflows.get(self.keys.get(&key)?)
    }

    /// The task whose own id is this UUID.
    pub fn by_own_uuid(&self, id: &str) -> Option<TaskId> {
        self.own_ids.get(&canonical_uuid(id)?).copied()
    }

    /// Whether a worker holds, or may still run, a task of this workflow.
    pub fn lingers(&self, id: WorkflowId) -> bool {
        self.grants.of_workflow(id).next().is_some()
    }

    /// The service name under which a worker's reports are counted.
    pub fn service_of(&self, worker: &WorkerId) -> Arc<str> {
        self.workers.get(worker).map_or_else(|| Arc::clone(&worker.0), Arc::clone)
    }

    /// The breaker of a service.
    pub fn breaker(&self, service: &str, now: Timestamp) -> Breaker {
        self.services.get(service).map_or(Breaker::Closed, |totals| totals.breaker(now))
    }
}

/// Two states are equal when they hold the same facts; queues and timers follow from them.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.next_seq == other.next_seq
            && self.leap == other.leap
            && self.services == other.services
            && self.subscriptions == other.subscriptions
            && self.access == other.access
            && self.grants == other.grants
            && self.timers == other.timers
            && self.workflows.len() == other.workflows.len()
            && self.workflows.values().zip(other.workflows.values()).all(|(a, b)| {
                // Class numbers are handed out anew after a restart.
                *a == Workflow { classes: Arc::clone(&a.classes), ..b.clone() }
            })
    }
}
