//! The store of the simulation: a queue of jobs, shelves in memory, and what of them survives a power cut.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, RwLock};

use gleitzeit::core::ids::{Fingerprint, Seq, TaskId, Timestamp, WorkflowId, canonical_uuid};
use gleitzeit::core::limits::Limits;
use gleitzeit::core::listing::{ListFilter, Listed, Place, Summary};
use gleitzeit::core::rejection::Rejection;
use gleitzeit::core::state::{StatusKind, Workflow};
use gleitzeit::engine::{FailurePage, Views};
use gleitzeit::store::{CheckpointInput, StoreJob};

use super::planted::Planted;
use super::rng::Rng;

type Shelves = BTreeMap<WorkflowId, Arc<Workflow>>;

/// What the engine asks: workflows that have left its memory.
#[derive(Debug, Default)]
pub struct MemoryViews {
    shelves: RwLock<Shelves>,
    /// A planted bug: which end of a workflow was read last is taken for the one that is here.
    trusting: Option<Mutex<BTreeMap<WorkflowId, Option<Seq>>>>,
}

impl MemoryViews {
    pub fn trusting() -> Self {
        Self { trusting: Some(Mutex::default()), ..Self::default() }
    }

    pub fn all(&self) -> Vec<Arc<Workflow>> {
        self.shelves.read().unwrap().values().cloned().collect()
    }

    pub fn put(&self, workflow: Workflow) {
        self.shelves.write().unwrap().insert(workflow.id, Arc::new(workflow));
    }
}

impl Views for MemoryViews {
    fn find_submission(
        &self,
        id: WorkflowId,
        key: Option<Fingerprint>,
        now: Timestamp,
    ) -> Result<Option<(WorkflowId, Fingerprint)>, Rejection> {
        let shelves = self.shelves.read().unwrap();
        let remembered =
            |workflow: &Workflow| now.since(workflow.created_at) < Limits::default().idempotency_ms;
        let keyed = |workflow: &&Arc<Workflow>| key.is_some() && workflow.key == key && remembered(workflow);
        let found = shelves.get(&id).or_else(|| shelves.values().find(keyed));
        Ok(found.map(|found| (found.id, found.body)))
    }

    fn load(&self, id: WorkflowId) -> Result<Option<Arc<Workflow>>, Rejection> {
        let found = self.shelves.read().unwrap().get(&id).cloned();
        if let (Some(read), Some(found)) = (&self.trusting, &found) {
            read.lock().unwrap().insert(id, found.ended_seq);
        }
        Ok(found)
    }

    fn archived_end(&self, id: WorkflowId) -> Result<Option<Seq>, Rejection> {
        if let Some(read) = &self.trusting
            && let Some(end) = read.lock().unwrap().get(&id)
        {
            return Ok(*end);
        }
        Ok(self.shelves.read().unwrap().get(&id).and_then(|known| known.ended_seq))
    }

    fn list(&self, filter: &ListFilter, before: Option<Place>, limit: usize) -> Result<Listed, Rejection> {
        let shelves = self.shelves.read().unwrap();
        let wanted = shelves.values().filter(|workflow| filter.accepts(workflow));
        let mut all: Vec<Summary> = wanted.map(|workflow| Summary::of(workflow)).collect();
        all.retain(|item| before.is_none_or(|place| item.place < place));
        all.sort_by_key(|item| std::cmp::Reverse(item.place));
        let next = (all.len() > limit).then(|| all[limit - 1].place);
        all.truncate(limit);
        Ok(Listed { items: all, next })
    }

    fn with_failures(&self, before: Option<Place>, limit: usize) -> Result<FailurePage, Rejection> {
        let shelves = self.shelves.read().unwrap();
        let failed = |workflow: &&Arc<Workflow>| workflow.counts.of(StatusKind::Failed) > 0;
        let mut places: Vec<Place> =
            shelves.values().filter(failed).map(|workflow| workflow.listed_at()).collect();
        places.retain(|place| before.is_none_or(|before| *place < before));
        places.sort_by_key(|place| std::cmp::Reverse(*place));
        let next = (places.len() > limit).then(|| places[limit - 1]);
        places.truncate(limit);
        Ok((places, next))
    }

    fn find_task(&self, own_id: u128) -> Result<Option<TaskId>, Rejection> {
        let shelves = self.shelves.read().unwrap();
        let found = shelves.values().flat_map(|workflow| {
            let named = workflow.spec.tasks.iter().enumerate().filter_map(|(at, task)| {
                let uuid = canonical_uuid(task.own_id.as_deref()?)?;
                Some((uuid, workflow.task_id(u32::try_from(at).unwrap())))
            });
            named.collect::<Vec<_>>()
        });
        Ok(found.into_iter().find(|(uuid, _)| *uuid == own_id).map(|(_, task)| task))
    }
}

/// The store's thread, as far as the engine can tell.
#[derive(Debug, Default)]
pub struct Store {
    pub views: Arc<MemoryViews>,
    jobs: VecDeque<StoreJob>,
    /// What a power cut leaves.
    synced: Shelves,
    checkpoint: Option<CheckpointInput>,
}

impl Store {
    pub fn new(planted: Option<Planted>) -> Self {
        let trusting = planted == Some(Planted::OldCopyTrusted);
        let views = Arc::new(if trusting { MemoryViews::trusting() } else { MemoryViews::default() });
        Self { views, ..Self::default() }
    }

    pub fn push(&mut self, job: StoreJob) {
        self.jobs.push_back(job);
    }

    /// Does the next job. An archived workflow is what the engine is told of.
    pub fn work(&mut self) -> Option<(WorkflowId, Seq)> {
        match self.jobs.pop_front()? {
            StoreJob::Archive(workflow) => {
                let told = (workflow.id, workflow.ended_seq.expect("only ended workflows are archived"));
                self.views.put(*workflow);
                Some(told)
            }
            // Everything that had ended before it is synced first: the picture does not hold it.
            StoreJob::Checkpoint(input) => {
                self.synced = self.views.shelves.read().unwrap().clone();
                self.checkpoint = Some(*input);
                None
            }
        }
    }

    /// The last checkpoint that is whole.
    pub fn checkpoint(&self) -> Option<CheckpointInput> {
        self.checkpoint.clone()
    }

    /// The process has ended: jobs that were not done are gone.
    pub fn killed(&mut self) {
        self.jobs.clear();
    }

    /// Of what was not synced any part may be there afterwards.
    pub fn power_cut(&mut self, rng: &mut Rng) {
        self.killed();
        let mut shelves = self.views.shelves.write().unwrap();
        let before = std::mem::take(&mut *shelves);
        for (id, workflow) in before {
            if rng.chance(500) {
                self.synced.insert(id, workflow);
            }
        }
        *shelves = self.synced.clone();
    }
}
