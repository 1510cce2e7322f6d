//! Workflows that enter memory: submitted, carried, or restored from a checkpoint.

use std::sync::Arc;

use crate::core::carried::{CarriedTasks, CarriedWorkflow, settled_spec};
use crate::core::graph::Graph;
use crate::core::ids::{
    AttemptNo, Fingerprint, Seq, TaskId, Timestamp, WorkerId, WorkflowId, canonical_uuid,
};
use crate::core::spec::WorkflowSpec;
use crate::core::state::{Arriving, Chunks, Counts, Grant, State, Task, Timer, Workflow, WorkflowStatus};

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

    /// Begins to take a workflow over. What memory knew of it before is replaced when it is whole.
    pub(super) fn carry(&mut self, carried: &CarriedWorkflow, seq: Seq) {
        self.arrive(Arriving::new(carried, seq));
    }

    pub(super) fn carry_tasks(&mut self, id: WorkflowId, tasks: &CarriedTasks, seq: Seq) {
        if let Some(mut arriving) = self.arriving.remove(&id) {
            arriving.take(tasks, seq);
            self.arrive(arriving);
        }
    }

    fn arrive(&mut self, arriving: Arriving) {
        if !arriving.is_whole() {
            self.arriving.insert(arriving.head.id, arriving);
            return;
        }
        let Arriving { head, seq, tasks, grants } = arriving;
        let tasks: Chunks<Task> = tasks.into_iter().collect();
        self.restore(Workflow {
            id: head.id,
            graph: Arc::new(graph_of(&head.spec)),
            spec: head.spec,
            spec_seq: seq,
            body: head.body,
            key: head.key,
            status: head.status,
            created_at: head.created_at,
            timed_from: head.timed_from,
            started_at: head.started_at,
            ended_at: head.ended_at,
            ended_seq: head.ended_at.map(|_| seq),
            second_round: head.second_round,
            counts: count(&tasks),
            tasks,
            classes: Arc::default(),
        });
        for (worker, task, attempt, grant) in grants {
            self.free(&worker, task, attempt);
            self.hold(&worker, task, attempt, grant);
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
            self.take_out(id, &old.classes);
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
        self.census.add(workflow.status);
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
