//! A whole workflow in records of its own: written again when the log before it is released, or when it is reopened.
//!
//! The first record says everything but for tasks that did not fit in; those follow, and with the last of them the
//! workflow counts. Large payloads are moved before, so that what refers to them is small.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::ids::{AttemptNo, Fingerprint, Seq, TaskId, Timestamp, WorkerId, WorkflowId};
use super::payload::Stored;
use super::spec::WorkflowSpec;
use super::state::{Grant, State, Task, Workflow, WorkflowStatus};

/// Tasks of one record take about this; it fits into the smallest segment with any one task more.
const TASKS_BYTES_MAX: u64 = 4 << 10;
/// A grant takes at most this, but for the name of its worker.
const GRANT_BYTES: u64 = 48;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedWorkflow {
    pub id: WorkflowId,
    pub spec: Arc<WorkflowSpec>,
    pub body: Fingerprint,
    pub key: Option<Fingerprint>,
    pub status: WorkflowStatus,
    pub created_at: Timestamp,
    pub timed_from: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub second_round: bool,
    /// What the release of old log takes away of its history.
    pub released: Option<History>,
    pub first: CarriedTasks,
}

/// Some tasks of a workflow, in a row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CarriedTasks {
    /// The index of the first one.
    pub from: u32,
    pub tasks: Vec<Task>,
    /// Attempts of these that workers hold or may still run.
    pub grants: Vec<(WorkerId, TaskId, AttemptNo, Grant)>,
}

/// Records of a workflow that are not kept: what proves that a copy of them is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    pub records: u64,
    /// Of the last record; see [`Self::add`].
    pub digest: Fingerprint,
}

/// Where payloads have been moved: from the record and its part, to another.
pub type Moved = BTreeMap<(Seq, u32), (Seq, u32)>;

impl CarriedWorkflow {
    /// The workflow as it stands.
    pub fn of(workflow: &Workflow, state: &State) -> Self {
        let mut carried = Self::without_grants(workflow);
        carried.take_grants(state);
        carried
    }

    /// Adds what workers hold of it, or may still run although it has ended.
    pub fn take_grants(&mut self, state: &State) {
        let grants = state.grants.of_workflow(self.id);
        let grants = grants.map(|(worker, task, attempt, grant)| (worker.clone(), task, attempt, grant));
        self.first.grants = grants.collect();
    }

    /// The workflow as it stands, but for what workers hold of it.
    pub fn without_grants(workflow: &Workflow) -> Self {
        let tasks = workflow.tasks.iter().cloned().collect();
        Self {
            id: workflow.id,
            spec: Arc::clone(&workflow.spec),
            body: workflow.body,
            key: workflow.key,
            status: workflow.status,
            created_at: workflow.created_at,
            timed_from: workflow.timed_from,
            started_at: workflow.started_at,
            ended_at: workflow.ended_at,
            second_round: workflow.second_round,
            released: None,
            first: CarriedTasks { from: 0, tasks, grants: Vec::new() },
        }
    }

    /// Refers to payloads where they are now.
    pub fn follow(&mut self, moved: &Moved) {
        let follow = |stored: &mut Stored| {
            if let Stored::Logged { seq, part, .. } = stored
                && let Some(now) = moved.get(&(*seq, *part))
            {
                (*seq, *part) = *now;
            }
        };
        if !moved.is_empty() {
            Arc::make_mut(&mut self.spec).payloads_mut().for_each(follow);
            self.first.tasks.iter_mut().flat_map(Task::payloads_mut).for_each(follow);
        }
    }

    /// Every payload of a workflow that lies before `up_to` in the log.
    pub fn references_below(workflow: &Workflow, up_to: Seq) -> Vec<(Seq, u32)> {
        Self::payloads_below(workflow, up_to).map(|(place, _)| place).collect()
    }

    /// What it takes to write those payloads again, in bytes.
    pub fn payload_bytes_below(workflow: &Workflow, up_to: Seq) -> u64 {
        let once: BTreeMap<(Seq, u32), u32> = Self::payloads_below(workflow, up_to).collect();
        once.into_values().map(u64::from).sum()
    }

    fn payloads_below(workflow: &Workflow, up_to: Seq) -> impl Iterator<Item = ((Seq, u32), u32)> {
        let submitted = workflow.spec.payloads();
        let kept = workflow.tasks.iter().flat_map(Task::payloads);
        submitted.chain(kept).filter_map(move |stored| match stored {
            Stored::Logged { seq, part, len } if *seq < up_to => Some(((*seq, *part), *len)),
            Stored::Logged { .. } | Stored::Inline(_) | Stored::Own(_) => None,
        })
    }

    /// Takes the large payloads out, for the record at `seq`, and refers to them there.
    pub fn lay_out(&mut self, seq: Seq) -> Vec<Stored> {
        let mut texts = Vec::new();
        let mut next_part = 0;
        let tasks = self.first.tasks.iter_mut().flat_map(Task::payloads_mut);
        for stored in Arc::make_mut(&mut self.spec).payloads_mut().chain(tasks) {
            if let Some(text) = stored.own_text().cloned() {
                let own = Stored::fresh(text, &mut next_part);
                *stored = own.settled(seq);
                texts.push(own);
            }
        }
        texts
    }

    /// The records in which the workflow is written.
    pub fn into_events(mut self) -> Vec<Event> {
        let workflow = self.id;
        let mut parts = std::mem::take(&mut self.first).cut().into_iter();
        self.first = parts.next().unwrap_or_default();
        let first = Event::WorkflowCarried { workflow: Box::new(self) };
        let others = parts.map(|tasks| Event::TasksCarried { workflow, tasks: Box::new(tasks) });
        [first].into_iter().chain(others).collect()
    }
}

impl History {
    pub const NONE: Self = Self { records: 0, digest: Fingerprint(0) };

    /// Adds a record: the digest is the one of the record before it, its seq, and its pieces with their lengths, all
    /// numbers as 64 bits with the highest byte first, but for the digest, which has 128.
    pub fn add<'a>(&mut self, seq: Seq, pieces: impl Iterator<Item = &'a [u8]>) {
        let mut hashed = self.digest.0.to_be_bytes().to_vec();
        hashed.extend(seq.0.to_be_bytes());
        for piece in pieces {
            hashed.extend((piece.len() as u64).to_be_bytes());
            hashed.extend_from_slice(piece);
        }
        self.digest = Fingerprint::of(&hashed);
        self.records += 1;
    }
}

impl CarriedTasks {
    fn cut(self) -> Vec<Self> {
        let mut parts = vec![Self { from: self.from, ..Self::default() }];
        let mut bytes = 0;
        let mut grants: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for grant in self.grants {
            grants.entry(grant.1.index).or_default().push(grant);
        }
        for (index, task) in (self.from..).zip(self.tasks) {
            let grants = grants.remove(&index).unwrap_or_default();
            let size = bincode::serialized_size(&task).expect("plain types in memory always encode")
                + grants.iter().map(|(worker, ..)| GRANT_BYTES + worker.0.len() as u64).sum::<u64>();
            if bytes > 0 && bytes + size > TASKS_BYTES_MAX {
                parts.push(Self { from: index, ..Self::default() });
                bytes = 0;
            }
            bytes += size;
            let part = parts.last_mut().expect("there is always one");
            part.tasks.push(task);
            part.grants.extend(grants);
        }
        parts
    }
}

/// A specification whose large parameters are seen from outside the record at `seq`.
pub fn settled_spec(spec: &Arc<WorkflowSpec>, seq: Seq) -> Arc<WorkflowSpec> {
    let own = |stored: &Stored| matches!(stored, Stored::Own(_));
    if !spec.payloads().any(own) {
        return Arc::clone(spec);
    }
    let mut spec = WorkflowSpec::clone(spec);
    for stored in spec.payloads_mut() {
        *stored = stored.settled(seq);
    }
    Arc::new(spec)
}

/// A specification with large parameters is shared with nobody: the state has one without their texts.
pub(super) fn drop_spec_texts(spec: &mut Arc<WorkflowSpec>) {
    if spec.payloads().any(|stored| stored.own_text().is_some()) {
        Arc::make_mut(spec).payloads_mut().for_each(Stored::drop_text);
    }
}
