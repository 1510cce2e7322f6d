//! What is open: the workflows that have not ended, and their attempts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::span::{Kind, Span};
use crate::core::command::WorkerFacts;
use crate::core::event::{ByHand, Event, Failure, Outcome, Record};
use crate::core::ids::{AttemptNo, TaskId, Timestamp, WorkerId, WorkflowId};
use crate::core::spec::WorkflowSpec;
use crate::core::state::{TaskStatus, Workflow};
use crate::core::trace::{Sampling, TraceContext, attempt_span, workflow_span};

/// Workflows that are followed at once: about a kilobyte each, and some dozen bytes for each of their tasks.
pub(super) const WORKFLOWS_MAX: usize = 50_000;
/// Names of workers that are remembered.
const WORKERS_MAX: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct Book {
    workflows: BTreeMap<WorkflowId, Known>,
    services: BTreeMap<WorkerId, Arc<str>>,
}

#[derive(Debug)]
struct Known {
    spec: Arc<WorkflowSpec>,
    context: TraceContext,
    submitted: Timestamp,
    /// When tasks ended, or came back from a worker or a backoff: what waits for them is ready then.
    ended: BTreeMap<u32, Timestamp>,
    returned: BTreeMap<u32, Timestamp>,
    open: BTreeMap<u32, Open>,
}

/// An attempt that a worker holds.
#[derive(Debug)]
struct Open {
    attempt: AttemptNo,
    ready: Timestamp,
    offered: Timestamp,
    accepted: Option<Timestamp>,
    worker: WorkerId,
}

/// How an attempt ended.
enum End<'a> {
    Completed,
    Failed(&'a Failure),
    /// Through no fault of the task, or because somebody wanted it so.
    Other(&'static str),
}

impl Book {
    pub fn knows(&self, id: WorkflowId) -> bool {
        self.workflows.contains_key(&id)
    }

    pub fn is_full(&self) -> bool {
        self.workflows.len() >= WORKFLOWS_MAX
    }

    /// Forgets what is open.
    pub fn forget(&mut self) {
        self.workflows.clear();
    }

    /// A worker goes by this name.
    pub fn meet(&mut self, facts: &WorkerFacts) {
        if self.services.len() >= WORKERS_MAX {
            self.services.pop_first();
        }
        self.services.insert(facts.worker.clone(), Arc::clone(&facts.name));
    }

    /// Takes over a workflow as it stands.
    pub fn learn(&mut self, workflow: &Workflow) {
        let mut known = Known::new(workflow.id, &workflow.spec, workflow.created_at);
        for (index, task) in (0..workflow.spec.total()).zip(workflow.tasks.iter()) {
            known.ended.extend(task.ended_at.map(|at| (index, at)));
            let (worker, since) = match &task.status {
                TaskStatus::Assigned { worker, since } | TaskStatus::Processing { worker, since } => {
                    (worker.clone(), *since)
                }
                TaskStatus::Queued { since } if task.attempt > AttemptNo(0) => {
                    known.returned.insert(index, *since);
                    continue;
                }
                TaskStatus::Pending { .. }
                | TaskStatus::Queued { .. }
                | TaskStatus::Retrying { .. }
                | TaskStatus::Completed { .. }
                | TaskStatus::Failed { .. }
                | TaskStatus::Cancelled { .. }
                | TaskStatus::Skipped { .. } => continue,
            };
            let is_first = task.attempt == AttemptNo(1);
            let offered = task.started_at.filter(|_| is_first).unwrap_or(since);
            let ready = if is_first { known.ready_at(index).min(offered) } else { offered };
            let accepted = matches!(task.status, TaskStatus::Processing { .. }).then_some(since);
            known.open.insert(index, Open { attempt: task.attempt, ready, offered, accepted, worker });
        }
        self.workflows.insert(workflow.id, known);
    }

    /// Follows a fact, and gives the spans that have ended with it.
    pub fn take(&mut self, record: &Record) -> Vec<Span> {
        let at = record.at;
        match &record.event {
            Event::WorkflowSubmitted { workflow, spec, .. } => {
                if !self.is_full() {
                    self.workflows.insert(*workflow, Known::new(*workflow, spec, at));
                }
            }
            Event::TaskOffered { task, attempt, worker } => self.offered(*task, *attempt, worker, at),
            Event::TaskAccepted { task, attempt } => {
                let open = self.known(*task).and_then(|known| known.open.get_mut(&task.index));
                if let Some(open) = open.filter(|open| open.attempt == *attempt) {
                    open.accepted = Some(at);
                }
            }
            Event::TaskCompleted { task, .. } => return self.ended(*task, &End::Completed, at),
            Event::TaskFailed { task, failure, .. } => return self.ended(*task, &End::Failed(failure), at),
            Event::AttemptLost { task, reason, .. } => {
                return self.came_back(*task, &End::Other(reason.name()), at);
            }
            Event::AttemptRefused { task, .. } => {
                return self.came_back(*task, &End::Other("refused"), at);
            }
            Event::TaskRequeued { task } => {
                if let Some(known) = self.known(*task) {
                    known.returned.insert(task.index, at);
                }
            }
            Event::TasksRetried { workflow, tasks, .. } => self.retried(*workflow, tasks, at),
            Event::TaskCancelled { task, .. } => return self.ended(*task, &End::Other("cancelled"), at),
            Event::TaskSettledByHand { task, how, again, .. } => {
                let spans = self.ended(*task, &by_hand(how), at);
                self.retried(task.workflow, again, at);
                return spans;
            }
            Event::TaskSkipped { task, .. } => {
                if let Some(known) = self.known(*task) {
                    known.ended.insert(task.index, at);
                }
            }
            Event::WorkflowCancelled { workflow, .. } => return self.closed(*workflow, "cancelled", at),
            Event::WorkflowEnded { workflow, outcome, .. } => {
                let status = match outcome {
                    Outcome::Completed => "completed",
                    Outcome::Failed | Outcome::TimedOut => "failed",
                };
                return self.closed(*workflow, status, at);
            }
            Event::EngineStarted { .. }
            | Event::WorkflowPaused { .. }
            | Event::WorkflowResumed { .. }
            | Event::RoundStarted { .. }
            | Event::WorkerNamed { .. }
            | Event::GrantReleased { .. }
            | Event::LateReportSeen { .. }
            | Event::WorkflowCarried { .. }
            | Event::ServicesCarried { .. }
            | Event::Released { .. }
            | Event::ParametersEdited { .. }
            | Event::DeliveryTried { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::Access { .. }
            | Event::Subscription { .. }
            | Event::TasksCarried { .. }
            | Event::PayloadsCarried { .. } => {}
        }
        Vec::new()
    }

    fn known(&mut self, task: TaskId) -> Option<&mut Known> {
        self.workflows.get_mut(&task.workflow)
    }

    fn offered(&mut self, task: TaskId, attempt: AttemptNo, worker: &WorkerId, at: Timestamp) {
        let Some(known) = self.known(task) else { return };
        let ready = known.returned.remove(&task.index).unwrap_or_else(|| known.ready_at(task.index));
        let open =
            Open { attempt, ready: ready.min(at), offered: at, accepted: None, worker: worker.clone() };
        known.open.insert(task.index, open);
    }

    fn retried(&mut self, workflow: WorkflowId, tasks: &[u32], at: Timestamp) {
        if let Some(known) = self.workflows.get_mut(&workflow) {
            for index in tasks {
                known.ended.remove(index);
                known.returned.insert(*index, at);
            }
        }
    }

    fn ended(&mut self, task: TaskId, end: &End<'_>, at: Timestamp) -> Vec<Span> {
        let spans = self.over(task, end, at);
        if let Some(known) = self.known(task) {
            known.ended.insert(task.index, at);
        }
        spans.into_iter().collect()
    }

    /// The attempt is over, and the task waits for a worker again.
    fn came_back(&mut self, task: TaskId, end: &End<'_>, at: Timestamp) -> Vec<Span> {
        let spans = self.over(task, end, at);
        if let Some(known) = self.known(task) {
            known.returned.insert(task.index, at);
        }
        spans.into_iter().collect()
    }

    /// The span of the attempt that the task had open.
    fn over(&mut self, task: TaskId, end: &End<'_>, at: Timestamp) -> Option<Span> {
        let known = self.workflows.get_mut(&task.workflow)?;
        let open = known.open.remove(&task.index)?;
        let service = self.services.get(&open.worker).unwrap_or(&open.worker.0);
        known.attempt(task, &open, service, end, at)
    }

    /// The workflow is over, and with it whatever it had open.
    fn closed(&mut self, id: WorkflowId, status: &'static str, at: Timestamp) -> Vec<Span> {
        let Some(known) = self.workflows.remove(&id) else { return Vec::new() };
        let cut = known.open.iter().filter_map(|(index, open)| {
            let service = self.services.get(&open.worker).unwrap_or(&open.worker.0);
            known.attempt(TaskId::new(id, *index), open, service, &End::Other("cancelled"), at)
        });
        cut.chain(known.whole(id, status, at)).collect()
    }
}

const fn by_hand(how: &ByHand) -> End<'_> {
    match how {
        ByHand::Completed { .. } => End::Other("completed_by_hand"),
        ByHand::Failed { failure, .. } => End::Failed(failure),
        ByHand::Skipped { .. } => End::Other("skipped_by_hand"),
    }
}

impl Known {
    fn new(id: WorkflowId, spec: &Arc<WorkflowSpec>, submitted: Timestamp) -> Self {
        Self {
            context: TraceContext::of(id, spec.traceparent.as_deref()),
            spec: Arc::clone(spec),
            submitted,
            ended: BTreeMap::new(),
            returned: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// When the last of the dependencies ended.
    fn ready_at(&self, index: u32) -> Timestamp {
        let dependencies = self.spec.task(index).dependencies.iter();
        let ends = dependencies.filter_map(|dependency| self.ended.get(dependency).copied());
        ends.max().unwrap_or(self.submitted)
    }

    fn attempt(
        &self,
        task: TaskId,
        open: &Open,
        service: &str,
        end: &End<'_>,
        at: Timestamp,
    ) -> Option<Span> {
        if self.context.sampling == Sampling::Dropped {
            return None;
        }
        let spec = self.spec.task(task.index);
        let id = task.to_string();
        let name = [&spec.name, &spec.key, &spec.own_id].into_iter().flatten().next();
        let name = name.map_or(id.as_str(), |name| &**name);
        let ids = (attempt_span(task, open.attempt), Some(workflow_span(task.workflow)));
        let span = Span::new(&self.context, ids, (name, Kind::Client), (open.ready, at))
            .text("gleitzeit.task.id", &id)
            .text("gleitzeit.task.type", &self.spec.route_of(task.index).task_type)
            .number("gleitzeit.attempt", u64::from(open.attempt.0))
            .text("gleitzeit.service", service)
            .text("gleitzeit.worker", &open.worker.0)
            .number("gleitzeit.queue_wait_ms", open.offered.since(open.ready))
            .event("offered", open.offered);
        let span = open.accepted.into_iter().fold(span, |span, at| span.event("accepted", at));
        Some(match end {
            End::Completed => span.text("gleitzeit.outcome", "completed"),
            End::Failed(failure) => {
                let span = span.text("gleitzeit.outcome", "failed");
                span.failed(&failure.code.to_string(), &failure.message)
            }
            End::Other(outcome) => span.text("gleitzeit.outcome", outcome),
        })
    }

    /// The span of the whole workflow.
    fn whole(&self, id: WorkflowId, status: &'static str, at: Timestamp) -> Option<Span> {
        if self.context.sampling == Sampling::Dropped {
            return None;
        }
        let label = self.spec.label.as_ref().map_or_else(|| id.to_string(), ToString::to_string);
        let ids = (workflow_span(id), self.context.parent);
        let span = Span::new(&self.context, ids, (&self.spec.name, Kind::Internal), (self.submitted, at))
            .text("gleitzeit.workflow.id", &label)
            .text("gleitzeit.workflow.status", status)
            .number("gleitzeit.workflow.tasks", u64::from(self.spec.total()));
        Some(if status == "failed" { span.failed("workflow_failed", "") } else { span })
    }
}
