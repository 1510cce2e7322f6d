//! A workflow on its way back into memory: it waits for what only the log holds.

use std::sync::Arc;

use super::base::Base;
use super::head::Head;
use super::task::{StoredTasks, Thawed};
use crate::core::apply::{count, graph_of};
use crate::core::carried::{CarriedTasks, settled_spec};
use crate::core::event::Event;
use crate::core::ids::{Fingerprint, Seq, TaskId, WorkflowId};
use crate::core::listing::Place;
use crate::core::payload::Stored;
use crate::core::spec::WorkflowSpec;
use crate::core::state::{Chunks, Task, TaskStatus, Workflow, WorkflowStatus};
use crate::store::bytes::{self, Undecodable};
use crate::store::error::StoreError;

#[derive(Debug)]
pub struct Draft {
    id: WorkflowId,
    base: Base,
    status: WorkflowStatus,
    body: Fingerprint,
    key: Option<Fingerprint>,
    timed_from: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    ended_seq: Option<i64>,
    second_round: bool,
    tasks: Vec<Task>,
    spec: Option<Arc<WorkflowSpec>>,
    /// Results that are in events, by the event, ascending.
    missing: Vec<(Seq, u32)>,
}

impl Draft {
    /// `tasks` are the encoded tasks, wherever they were.
    pub fn new(place: Place, head: &Head<'_>, tasks: &[u8]) -> Result<Self, Undecodable> {
        let base = head.base(place);
        let stored: StoredTasks = bytes::decode("the tasks of a workflow", tasks)?;
        let Thawed { tasks, missing } = stored.thaw(base)?;
        Ok(Self {
            id: place.1,
            base,
            status: head.status(),
            body: head.body(),
            key: head.key(),
            timed_from: head.timed_from,
            started_at: head.started_at,
            ended_at: head.ended_at,
            ended_seq: head.ended_seq,
            second_round: head.second_round,
            tasks,
            spec: None,
            missing,
        })
    }

    /// Records that it has to see; one may come several times.
    pub fn wanted(&self) -> impl Iterator<Item = Seq> {
        self.missing.iter().map(|(seq, _)| *seq).chain([self.base.seq])
    }

    /// Takes what it needs out of a record.
    pub fn see(&mut self, seq: Seq, event: &Event) -> Result<(), StoreError> {
        if seq == self.base.seq {
            let spec = self.spec_in(event).ok_or(self.misled(seq, "specification"))?;
            if spec.tasks.len() != self.tasks.len() {
                return Err(self.misled(seq, "tasks"));
            }
            self.spec = Some(settled_spec(spec, seq));
        }
        let from = self.missing.partition_point(|(other, _)| *other < seq);
        let to = self.missing.partition_point(|(other, _)| *other <= seq);
        for (_, index) in self.missing.drain(from..to).collect::<Vec<_>>() {
            let found = self.result_in(event, index).ok_or(self.misled(seq, "result"))?.settled(seq);
            let task = self.tasks.get_mut(index as usize);
            if let Some(TaskStatus::Completed { result, .. }) = task.map(|task| &mut task.status) {
                *result = found;
            }
        }
        Ok(())
    }

    fn spec_in<'a>(&self, event: &'a Event) -> Option<&'a Arc<WorkflowSpec>> {
        if let Event::WorkflowSubmitted { workflow, spec, .. } = event {
            return (*workflow == self.id).then_some(spec);
        }
        let Event::WorkflowCarried { workflow } = event else { return None };
        (workflow.id == self.id).then_some(&workflow.spec)
    }

    fn result_in<'a>(&self, event: &'a Event, index: u32) -> Option<&'a Stored> {
        if let Event::TaskCompleted { task, result, .. } = event {
            return (*task == TaskId::new(self.id, index)).then_some(result);
        }
        let carried = self.carried_in(event)?;
        let task = carried.tasks.get(index.checked_sub(carried.from)? as usize)?;
        if let TaskStatus::Completed { result, .. } = &task.status { Some(result) } else { None }
    }

    fn carried_in<'a>(&self, event: &'a Event) -> Option<&'a CarriedTasks> {
        if let Event::WorkflowCarried { workflow } = event {
            return (workflow.id == self.id).then_some(&workflow.first);
        }
        let Event::TasksCarried { workflow, tasks } = event else { return None };
        (*workflow == self.id).then_some(tasks)
    }

    fn misled(&self, seq: Seq, what: &'static str) -> StoreError {
        StoreError::Misled { workflow: self.id, seq, what }
    }

    /// The workflow, once it has seen all it wanted.
    pub fn finish(self) -> Result<Workflow, StoreError> {
        if let Some((seq, _)) = self.missing.first() {
            return Err(self.misled(*seq, "result"));
        }
        let Some(spec) = &self.spec else { return Err(self.misled(self.base.seq, "specification")) };
        let spec = Arc::clone(spec);
        let base = self.base;
        let tasks: Chunks<Task> = self.tasks.into_iter().collect();
        Ok(Workflow {
            id: self.id,
            graph: Arc::new(graph_of(&spec)),
            spec,
            spec_seq: base.seq,
            body: self.body,
            key: self.key,
            status: self.status,
            created_at: base.time,
            timed_from: base.time(self.timed_from),
            started_at: self.started_at.map(|distance| base.time(distance)),
            ended_at: self.ended_at.map(|distance| base.time(distance)),
            ended_seq: self.ended_seq.map(|distance| base.seq(distance)),
            second_round: self.second_round,
            counts: count(&tasks),
            tasks,
            classes: Arc::default(),
        })
    }
}
