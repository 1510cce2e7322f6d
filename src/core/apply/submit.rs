//! Workflows that enter memory: submitted, carried, or restored from a checkpoint.

use std::sync::Arc;

use crate::core::carried::{CarriedWorkflow, settled_spec};
use crate::core::graph::Graph;
use crate::core::ids::{
    AttemptNo, Fingerprint, Seq, TaskId, Timestamp, WorkerId, WorkflowId, canonical_uuid,
};
use crate::core::spec::WorkflowSpec;
use crate::core::state::{Chunks, Counts, Grant, State, Task, Timer, Workflow, WorkflowStatus};

impl State {
    pub(super) fn submit(
        &mut self,
        id: WorkflowId,
        spec: &Arc<WorkflowSpec>,
        body: Fingerprint,
        key: Option<Fingerprint>,
        seq: Seq,
        at: Timestamp,
    ) {
        let waiting =
            |dependencies: &Vec<u32>| u32::try_from(dependencies.len()).expect("at most 200,000 tasks");
        let tasks: Chunks<Task> =
            spec.tasks.iter().map(|task| Task::new(waiting(&task.dependencies), at)).collect();
        self.insert(Workflow {
            id,
            spec: settled_spec(spec, seq),
            graph: Arc::new(graph_of(spec)),
            spec_seq: seq,
            body,
            key,
            status: WorkflowStatus::Pending,
            created_at: at,
            timed_from: at,
            started_at: None,
            ended_at: None,
            ended_seq: None,
            second_round: false,
            counts: count(&tasks),
            tasks,
            classes: Arc::default(),
        });
    }

    /// Takes a workflow over from a record that holds all of it. What memory knew of it before is replaced.
    pub(super) fn carry(&mut self, carried: &CarriedWorkflow, seq: Seq) {
        let mut tasks = carried.tasks.clone();
        for task in &mut tasks {
            for stored in task.payloads_mut() {
                *stored = stored.settled(seq);
            }
            task.ended_seq = task.ended_seq.map(|_| seq);
            // Those of a workflow that was not in memory may have been released meanwhile.
            if let Some(trouble) = &mut task.trouble {
                trouble.lingering = 0;
            }
        }
        for (_, task, _, grant) in &carried.grants {
            let trouble = tasks.get_mut(task.at()).and_then(|task| task.trouble.as_mut());
            if let (Some(trouble), false) = (trouble, grant.phase.is_current()) {
                trouble.lingering += 1;
            }
        }
        let tasks: Chunks<Task> = tasks.into_iter().collect();
        self.restore(Workflow {
            id: carried.id,
            spec: settled_spec(&carried.spec, seq),
            graph: Arc::new(graph_of(&carried.spec)),
            spec_seq: seq,
            body: carried.body,
            key: carried.key,
            status: carried.status,
            created_at: carried.created_at,
            timed_from: carried.timed_from,
            started_at: carried.started_at,
            ended_at: carried.ended_at,
            ended_seq: carried.ended_at.map(|_| seq),
            second_round: carried.second_round,
            counts: count(&tasks),
            tasks,
            classes: Arc::default(),
        });
        for (worker, task, attempt, grant) in &carried.grants {
            self.free(worker, *task, *attempt);
            self.hold(worker, *task, *attempt, *grant);
        }
    }

    /// Puts a workflow into memory as it stands, in place of an older picture of it.
    pub fn restore(&mut self, workflow: Workflow) {
        let id = workflow.id;
        if let Some(old) = self.workflows.get(&id).cloned() {
            for index in 0..old.spec.total() {
                self.leave_for_good(TaskId::new(id, index));
            }
            self.clear_total(&old);
            self.drop_indexes(id);
            self.workflows.remove(&id);
            for class in old.classes.iter() {
                self.ready.leave(*class);
            }
        }
        self.insert(workflow);
    }

    /// Puts a grant of a checkpoint back.
    pub fn restore_grant(&mut self, worker: &WorkerId, task: TaskId, attempt: AttemptNo, grant: Grant) {
        self.hold(worker, task, attempt, grant);
    }

    fn insert(&mut self, mut workflow: Workflow) {
        let id = workflow.id;
        let classes = workflow.spec.routes.iter().map(|route| self.ready.enter(route)).collect();
        workflow.classes = Arc::new(classes);
        if let Some(key) = workflow.key {
            // An earlier workflow that comes back does not take its expired key from a later one.
            let later = self.by_key(key).is_some_and(|known| known.created_at > workflow.created_at);
            if !later {
                self.keys.insert(key, id);
            }
        }
        for (index, task) in (0..).zip(&workflow.spec.tasks) {
            if let Some(uuid) = task.own_id.as_deref().and_then(canonical_uuid) {
                self.own_ids.insert(uuid, TaskId::new(id, index));
            }
        }
        if let Some(deadline) = workflow.total_deadline().filter(|_| !workflow.status.has_ended()) {
            self.timers.set(deadline, Timer::Total(id));
        }
        let total = workflow.spec.total();
        self.listed.insert(workflow.listed_at());
        self.workflows.insert(id, workflow);
        for index in 0..total {
            self.enter_restored(TaskId::new(id, index));
        }
    }

    pub(super) fn clear_total(&mut self, workflow: &Workflow) {
        if let Some(deadline) = workflow.total_deadline() {
            self.timers.clear(deadline, Timer::Total(workflow.id));
        }
    }
}

/// The dependents of each task.
pub fn graph_of(spec: &WorkflowSpec) -> Graph {
    Graph::build(spec.tasks.iter().map(|task| task.dependencies.as_slice()))
}

/// Tasks by status.
pub fn count(tasks: &Chunks<Task>) -> Counts {
    let mut counts = Counts::default();
    for task in tasks.iter() {
        counts.add(task.status.kind());
    }
    counts
}
