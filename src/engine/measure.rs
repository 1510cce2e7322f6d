//! What the engine thread measures of the facts that it decides. It runs for every event, so it looks nothing up that is
//! not at hand: some nanoseconds of the microseconds that a task costs.

use std::sync::Arc;

use crate::core::event::{AfterFailure, Event, Outcome};
use crate::core::ids::{TaskId, Timestamp, WorkerId};
use crate::core::state::{State, Task, TaskStatus, Workflow};
use crate::figures::{Figures, Histogram};

/// Workers whose figures are found without a search. Two that share a place cost each other one now and then.
const REMEMBERED: usize = 64;

/// Fills the figures of the engine.
#[derive(Debug)]
pub(super) struct Measure {
    figures: Arc<Figures>,
    remembered: Box<[Option<OfWorker>]>,
}

/// Where the times of a worker with tasks of this type are counted.
#[derive(Debug)]
struct OfWorker {
    worker: WorkerId,
    task_type: Arc<str>,
    runs: Arc<Histogram>,
    accepts: Arc<Histogram>,
}

/// The task that a fact is about, as it is before the fact.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub workflow: &'a Workflow,
    pub task: &'a Task,
    pub index: u32,
}

impl<'a> About<'a> {
    pub fn of(state: &'a State, id: TaskId) -> Option<Self> {
        let workflow = state.workflow(id.workflow)?;
        Some(Self { workflow, task: workflow.tasks.get(id.at())?, index: id.index })
    }
}

impl Measure {
    pub fn new(figures: Arc<Figures>) -> Self {
        Self { figures, remembered: (0..REMEMBERED).map(|_| None).collect() }
    }

    /// Looks at a fact before it is applied.
    pub fn see(&mut self, state: &State, event: &Event, about: Option<About<'_>>, now: Timestamp) {
        let counted = &self.figures.counted;
        match event {
            Event::TaskOffered { .. } => {
                counted.started.count();
                self.offered(about, now);
            }
            Event::TaskAccepted { .. } => self.accepted(state, about, now),
            Event::TaskCompleted { .. } => {
                counted.completed.count();
                self.completed(state, about, now);
            }
            Event::TaskFailed { failure, next, .. } => {
                if *next == AfterFailure::Final {
                    counted.failed.count();
                }
                self.figures.failures.of([&failure.code.to_string()]).count();
                if let Some(worker) = about.and_then(|about| about.task.holder())
                    && failure.is_of_worker()
                {
                    self.figures.service_failures.of([&*state.service_of(worker)]).count();
                }
            }
            Event::AttemptLost { reason, .. } => self.figures.losses.of([reason.name()]).count(),
            Event::AttemptRefused { .. } => counted.refused.count(),
            Event::WorkflowSubmitted { .. } => counted.workflows_submitted.count(),
            Event::WorkflowCancelled { .. } => counted.workflows_cancelled.count(),
            Event::WorkflowEnded { outcome: Outcome::Completed, .. } => counted.workflows_completed.count(),
            Event::WorkflowEnded { outcome: Outcome::Failed | Outcome::TimedOut, .. } => {
                counted.workflows_failed.count();
            }
            // The worker's reports count for another service from now on.
            Event::WorkerNamed { .. } => self.remembered.fill_with(|| None),
            Event::EngineStarted { .. }
            | Event::WorkflowPaused { .. }
            | Event::WorkflowResumed { .. }
            | Event::RoundStarted { .. }
            | Event::TasksRetried { .. }
            | Event::TaskRequeued { .. }
            | Event::TaskCancelled { .. }
            | Event::TaskSkipped { .. }
            | Event::TaskSettledByHand { .. }
            | Event::ParametersEdited { .. }
            | Event::DeliveryTried { .. }
            | Event::GrantReleased { .. }
            | Event::LateReportSeen { .. }
            | Event::WorkflowCarried { .. }
            | Event::TasksCarried { .. }
            | Event::PayloadsCarried { .. }
            | Event::ServicesCarried { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::Subscription { .. }
            | Event::Access { .. }
            | Event::Released { .. } => {}
        }
    }

    fn offered(&self, about: Option<About<'_>>, now: Timestamp) {
        let Some(About { workflow, task, index }) = about else { return };
        if let TaskStatus::Queued { since } = task.status {
            let priority = workflow.spec.policy_of(index).priority;
            self.figures.queue_wait(priority).record(micros(now, since));
        }
    }

    fn accepted(&mut self, state: &State, about: Option<About<'_>>, now: Timestamp) {
        if let Some((about, worker, since)) = about.and_then(held) {
            self.of_worker(state, about, worker).accepts.record(micros(now, since));
        }
    }

    fn completed(&mut self, state: &State, about: Option<About<'_>>, now: Timestamp) {
        if let Some((about, worker, since)) = about.and_then(held) {
            self.of_worker(state, about, worker).runs.record(micros(now, since));
        }
    }

    fn of_worker(&mut self, state: &State, about: About<'_>, worker: &WorkerId) -> &OfWorker {
        let task_type = &about.workflow.spec.route_of(about.index).task_type;
        let place = place_of(worker);
        let known = self.remembered.get_mut(place).expect("a remainder is a place");
        let fits = |known: &OfWorker| known.worker == *worker && known.task_type == *task_type;
        if !known.as_ref().is_some_and(fits) {
            *known = Some(OfWorker::new(&self.figures, state, worker, task_type));
        }
        known.as_ref().expect("it is filled now")
    }
}

impl OfWorker {
    fn new(figures: &Figures, state: &State, worker: &WorkerId, task_type: &Arc<str>) -> Self {
        let service = state.service_of(worker);
        Self {
            worker: worker.clone(),
            task_type: Arc::clone(task_type),
            runs: Arc::clone(figures.runs.of([task_type, &service])),
            accepts: Arc::clone(figures.accepts.of([&*service])),
        }
    }
}

/// The worker that holds the task, and since when.
fn held(about: About<'_>) -> Option<(About<'_>, &WorkerId, Timestamp)> {
    match &about.task.status {
        TaskStatus::Assigned { worker, since } | TaskStatus::Processing { worker, since } => {
            Some((about, worker, *since))
        }
        TaskStatus::Pending { .. }
        | TaskStatus::Queued { .. }
        | TaskStatus::Retrying { .. }
        | TaskStatus::Completed { .. }
        | TaskStatus::Failed { .. }
        | TaskStatus::Cancelled { .. }
        | TaskStatus::Skipped { .. } => None,
    }
}

/// By the address of its name, which one registration shares with all of its attempts.
fn place_of(worker: &WorkerId) -> usize {
    (Arc::as_ptr(&worker.0).addr() >> 4) % REMEMBERED
}

const fn micros(now: Timestamp, since: Timestamp) -> u64 {
    now.since(since) * 1_000
}
