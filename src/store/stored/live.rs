//! What a checkpoint holds beside workflows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::head::{Head, Tasks, pack_whole};
use crate::core::access::{Access, Key, User};
use crate::core::ids::{AttemptNo, KeyId, Seq, SubscriptionId, TaskId, Timestamp, WorkerId, WorkflowId};
use crate::core::state::{Grant, Leap, Phase, ServiceTotals, Workflow};
use crate::core::subscription::Subscription;
use crate::store::bytes::{self, Undecodable};
use crate::store::job::CheckpointInput;

/// One thing in a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    State {
        next_seq: u64,
        now: u64,
        released: u64,
        /// From when to when the clock leapt.
        leap: Option<(u64, u64)>,
    },
    Service {
        name: String,
        totals: StoredService,
    },
    Worker {
        worker: String,
        name: String,
    },
    Grant {
        worker: String,
        workflow: [u8; 16],
        index: u32,
        attempt: u32,
        phase: StoredPhase,
        since: u64,
    },
    Workflow {
        time: u64,
        id: [u8; 16],
        head: Vec<u8>,
    },
    /// As the log has it when it is carried.
    Subscription {
        id: [u8; 16],
        subscription: Box<Subscription>,
    },
    /// As the log has it when it is carried; keys follow their users.
    User {
        name: String,
        user: User,
    },
    Key {
        id: [u8; 16],
        key: Box<Key>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredService {
    pub completed: u64,
    pub failed: u64,
    pub run_ms: u64,
    pub consecutive_failures: u32,
    pub open_until: Option<u64>,
    pub last_seen_at: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredPhase {
    Offered,
    Accepted,
    Releasing { until: u64 },
    Delivered,
}

/// The picture as a sequence of items, made one by one.
pub fn items(input: &CheckpointInput) -> impl Iterator<Item = Item> {
    let state = Item::State {
        next_seq: input.next_seq.0,
        now: input.now.0,
        released: input.released.0,
        leap: input.leap.map(|leap| (leap.from.0, leap.to.0)),
    };
    let services = input
        .services
        .iter()
        .map(|(name, totals)| Item::Service { name: name.to_string(), totals: StoredService::of(totals) });
    let workers = input
        .workers
        .iter()
        .map(|(worker, name)| Item::Worker { worker: worker.to_string(), name: name.to_string() });
    let grants = input.grants.iter().map(|(worker, task, attempt, grant)| Item::Grant {
        worker: worker.to_string(),
        workflow: task.workflow.0.to_be_bytes(),
        index: task.index,
        attempt: attempt.0,
        phase: StoredPhase::of(grant.phase),
        since: grant.since.0,
    });
    let workflows = input.workflows.iter().map(|workflow: &Workflow| {
        let (time, id) = workflow.listed_at();
        Item::Workflow { time: time.0, id: id.0.to_be_bytes(), head: pack_whole(workflow) }
    });
    let subscriptions = input.subscriptions.iter().map(|(id, known)| Item::Subscription {
        id: id.0.to_be_bytes(),
        subscription: Box::new((**known).clone()),
    });
    let users =
        input.access.users.iter().map(|(name, user)| Item::User { name: name.to_string(), user: *user });
    let keys = input
        .access
        .keys
        .iter()
        .map(|(id, key)| Item::Key { id: id.0.to_be_bytes(), key: Box::new(key.clone()) });
    let first = [state].into_iter().chain(services).chain(workers).chain(grants);
    first.chain(workflows).chain(subscriptions).chain(users).chain(keys)
}

/// A picture on its way back. The workflows still want to see their records.
#[derive(Debug)]
pub struct Picture {
    pub input: CheckpointInput,
    pub drafts: Vec<Draft>,
}

impl Picture {
    pub fn new() -> Self {
        let input = CheckpointInput {
            next_seq: Seq::FIRST,
            now: Timestamp(0),
            released: Seq(0),
            leap: None,
            workflows: Vec::new(),
            grants: Vec::new(),
            services: std::collections::BTreeMap::new(),
            workers: std::collections::BTreeMap::new(),
            subscriptions: std::collections::BTreeMap::new(),
            access: Arc::default(),
        };
        Self { input, drafts: Vec::new() }
    }

    pub fn add(&mut self, item: Item) -> Result<(), Undecodable> {
        let input = &mut self.input;
        match item {
            Item::State { next_seq, now, released, leap } => {
                (input.next_seq, input.now, input.released) = (Seq(next_seq), Timestamp(now), Seq(released));
                input.leap = leap.map(|(from, to)| Leap { from: Timestamp(from), to: Timestamp(to) });
            }
            Item::Service { name, totals } => {
                input.services.insert(name.into(), totals.thaw());
            }
            Item::Worker { worker, name } => {
                input.workers.insert(WorkerId::new(&worker), Arc::from(name));
            }
            Item::Grant { worker, workflow, index, attempt, phase, since } => {
                let task = TaskId::new(WorkflowId(u128::from_be_bytes(workflow)), index);
                let grant = Grant { phase: phase.thaw(), since: Timestamp(since) };
                input.grants.push((WorkerId::new(&worker), task, AttemptNo(attempt), grant));
            }
            Item::Subscription { id, subscription } => {
                let id = SubscriptionId(u128::from_be_bytes(id));
                input.subscriptions.insert(id, Arc::new(*subscription));
            }
            Item::User { name, user } => self.access().restore_user(Arc::from(name), user),
            Item::Key { id, key } => self.access().restore_key(KeyId(u128::from_be_bytes(id)), *key),
            Item::Workflow { time, id, head } => {
                let place = (Timestamp(time), WorkflowId(u128::from_be_bytes(id)));
                let head = Head::decode(&head)?;
                let Tasks::Inline(tasks) = head.tasks else {
                    return Err(Undecodable::new("a checkpoint", "a workflow is not in one piece"));
                };
                self.drafts.push(Draft::new(place, &head, tasks)?);
            }
        }
        Ok(())
    }
}

impl Picture {
    /// Nobody else has it yet, so nothing is copied.
    fn access(&mut self) -> &mut Access {
        Arc::make_mut(&mut self.input.access)
    }
}

impl StoredService {
    fn of(totals: &ServiceTotals) -> Self {
        Self {
            completed: totals.completed,
            failed: totals.failed,
            run_ms: totals.run_ms,
            consecutive_failures: totals.consecutive_failures,
            open_until: totals.open_until.map(|time| time.0),
            last_seen_at: totals.last_seen_at.0,
        }
    }

    fn thaw(self) -> ServiceTotals {
        ServiceTotals {
            completed: self.completed,
            failed: self.failed,
            run_ms: self.run_ms,
            consecutive_failures: self.consecutive_failures,
            open_until: self.open_until.map(Timestamp),
            last_seen_at: Timestamp(self.last_seen_at),
        }
    }
}

impl StoredPhase {
    const fn of(phase: Phase) -> Self {
        match phase {
            Phase::Offered => Self::Offered,
            Phase::Accepted => Self::Accepted,
            Phase::Releasing { until } => Self::Releasing { until: until.0 },
            Phase::Delivered => Self::Delivered,
        }
    }

    const fn thaw(self) -> Phase {
        match self {
            Self::Offered => Phase::Offered,
            Self::Accepted => Phase::Accepted,
            Self::Releasing { until } => Phase::Releasing { until: Timestamp(until) },
            Self::Delivered => Phase::Delivered,
        }
    }
}

/// An item with its length before it.
pub fn frame(item: &Item, stream: &mut Vec<u8>) {
    let encoded = bytes::encode(item);
    let length = u32::try_from(encoded.len()).expect("an item is below 4 GiB");
    stream.extend_from_slice(&length.to_le_bytes());
    stream.extend_from_slice(&encoded);
}

/// Takes whole items off the front of the stream, and says how many bytes they were.
pub fn take_items(
    stream: &[u8],
    mut each: impl FnMut(Item) -> Result<(), Undecodable>,
) -> Result<usize, Undecodable> {
    let mut rest = stream;
    while let Some((length, body)) = rest.split_first_chunk::<4>() {
        let Some((item, after)) = body.split_at_checked(u32::from_le_bytes(*length) as usize) else { break };
        each(bytes::decode("a checkpoint", item)?)?;
        rest = after;
    }
    Ok(stream.len() - rest.len())
}
