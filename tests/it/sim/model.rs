//! A second, naive reading of the log: what each record may say, given those before it. It shares no code with
//! the state of the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gleitzeit::core::event::{AfterFailure, ByHand, DeliveryOutcome, Event, GrantAfter, Outcome, Record};
use gleitzeit::core::ids::{AttemptNo, Fingerprint, Seq, TaskId, WorkerId, WorkflowId};
use gleitzeit::core::payload::Stored;
use gleitzeit::core::spec::{ErrorStrategy, Trigger, WorkflowSpec};

use super::admins::Admins;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Not offered, or between two attempts.
    Open,
    Held(WorkerId),
    Completed,
    Failed,
    Cancelled,
    Skipped,
    /// Left out, with a value for those that depend on it.
    SkippedWith,
}

/// What becomes of the extra round of the `retry` strategy when a workflow is opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Anew,
    Kept,
}

#[derive(Debug, Clone)]
pub struct TaskModel {
    pub fate: Fate,
    pub attempt: u32,
}

#[derive(Debug)]
pub struct WorkflowModel {
    pub spec: Arc<WorkflowSpec>,
    pub body: Fingerprint,
    pub tasks: Vec<TaskModel>,
    pub ended: Option<Ended>,
    second_round: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Cancelled,
    With(Outcome),
}

/// A completion in the log.
#[derive(Debug, Clone)]
pub struct Completion {
    pub seq: Seq,
    pub attempt: AttemptNo,
    pub worker: WorkerId,
    pub result: Stored,
    pub acknowledged: bool,
}

/// What is known of a worker for good.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    pub capacity: u32,
    pub fences: bool,
}

#[derive(Debug, Default)]
pub struct Model {
    pub workflows: BTreeMap<WorkflowId, WorkflowModel>,
    pub completions: BTreeMap<TaskId, Vec<Completion>>,
    /// Attempts that a worker holds or may still run; `true` while they count.
    pub grants: BTreeMap<(WorkerId, TaskId, AttemptNo), bool>,
    pub promises: BTreeMap<WorkerId, Promise>,
    pub offers: BTreeSet<(TaskId, AttemptNo, WorkerId)>,
    /// Records that ended an attempt without success, by task and attempt.
    pub setbacks: BTreeSet<(TaskId, AttemptNo)>,
    /// Attempts that receivers outside have taken.
    pub delivered: BTreeSet<(TaskId, AttemptNo)>,
    admins: Admins,
}

impl Model {
    /// Checks one record against everything before it, and remembers it.
    pub fn follow(&mut self, seq: Seq, record: &Record) -> Result<(), String> {
        let judged = self.admins.follow(record).and_then(|()| self.judge(seq, &record.event));
        judged.map_err(|why| format!("record {} {:?}: {why}", seq.0, record.event))
    }

    fn judge(&mut self, seq: Seq, event: &Event) -> Result<(), String> {
        match event {
            Event::WorkflowSubmitted { workflow, spec, body, .. } => {
                self.submitted(*workflow, spec, *body)?;
            }
            Event::WorkflowPaused { workflow } | Event::WorkflowResumed { workflow } => {
                self.open(*workflow)?;
            }
            Event::WorkflowCancelled { workflow, .. } => self.cut(*workflow, Ended::Cancelled)?,
            Event::WorkflowEnded { workflow, outcome, .. } => self.cut(*workflow, Ended::With(*outcome))?,
            Event::RoundStarted { workflow } => self.round(*workflow)?,
            Event::TasksRetried { workflow, tasks, .. } => self.retried(*workflow, tasks, Round::Anew)?,
            Event::TaskSettledByHand { task, how, again, .. } => self.settled(*task, how, again)?,
            Event::ParametersEdited { task, .. } => self.edited(*task)?,
            Event::TaskOffered { task, attempt, worker } => self.offered(*task, *attempt, worker)?,
            Event::TaskAccepted { task, attempt } => {
                self.holder(*task, *attempt)?;
            }
            Event::TaskCompleted { task, attempt, result, .. } => {
                self.completed(seq, *task, *attempt, result)?;
            }
            Event::TaskFailed { task, attempt, next, grant, .. } => {
                self.failed(*task, *attempt, *next, *grant)?;
            }
            Event::AttemptLost { task, attempt, grant, .. } => {
                self.attempt_over(*task, *attempt, *grant)?;
            }
            Event::AttemptRefused { task, attempt, .. } => {
                self.attempt_over(*task, *attempt, GrantAfter::Freed)?;
            }
            Event::TaskRequeued { task } => {
                if self.task(*task)?.fate != Fate::Open {
                    return Err("the task does not wait".to_owned());
                }
            }
            Event::TaskCancelled { task, .. } => self.ends(*task, Fate::Cancelled)?,
            Event::TaskSkipped { task, .. } => self.ends(*task, Fate::Skipped)?,
            Event::GrantReleased { task, attempt, worker } => {
                let key = (worker.clone(), *task, *attempt);
                if self.grants.remove(&key) != Some(false) {
                    return Err("this grant was not being released".to_owned());
                }
            }
            Event::DeliveryTried { task, attempt, delivery } => {
                self.delivery(*task, *attempt, &delivery.outcome)?;
            }
            Event::EngineStarted { .. }
            | Event::WorkerNamed { .. }
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
        Ok(())
    }

    fn edited(&self, id: TaskId) -> Result<(), String> {
        let edited = self.workflows.get(&id.workflow).ok_or("there is no such workflow")?;
        if edited.tasks[id.at()].fate == Fate::Completed {
            return Err("the task has a result".to_owned());
        }
        Ok(())
    }

    fn completed(
        &mut self,
        seq: Seq,
        task: TaskId,
        attempt: AttemptNo,
        result: &Stored,
    ) -> Result<(), String> {
        let worker = self.holder(task, attempt)?;
        self.settle(&worker, task, attempt, GrantAfter::Freed);
        self.task(task)?.fate = Fate::Completed;
        let completion = Completion { seq, attempt, worker, result: result.clone(), acknowledged: false };
        self.completions.entry(task).or_default().push(completion);
        Ok(())
    }

    fn delivery(&mut self, id: TaskId, attempt: AttemptNo, outcome: &DeliveryOutcome) -> Result<(), String> {
        self.holder(id, attempt)?;
        if matches!(outcome, DeliveryOutcome::Taken { .. }) {
            self.delivered.insert((id, attempt));
        }
        Ok(())
    }

    fn submitted(
        &mut self,
        id: WorkflowId,
        spec: &Arc<WorkflowSpec>,
        body: Fingerprint,
    ) -> Result<(), String> {
        let tasks = spec.tasks.iter().map(|_| TaskModel { fate: Fate::Open, attempt: 0 }).collect();
        let model = WorkflowModel { spec: Arc::clone(spec), body, tasks, ended: None, second_round: false };
        match self.workflows.insert(id, model) {
            None => Ok(()),
            Some(_) => Err("the same workflow is made twice".to_owned()),
        }
    }

    fn open(&mut self, id: WorkflowId) -> Result<&mut WorkflowModel, String> {
        let workflow = self.workflows.get_mut(&id).ok_or("there is no such workflow")?;
        if workflow.ended.is_some() { Err("the workflow has ended".to_owned()) } else { Ok(workflow) }
    }

    /// A task of a workflow that has not ended.
    fn task(&mut self, id: TaskId) -> Result<&mut TaskModel, String> {
        self.open(id.workflow)?.tasks.get_mut(id.at()).ok_or_else(|| "there is no such task".to_owned())
    }

    fn holder(&mut self, id: TaskId, attempt: AttemptNo) -> Result<WorkerId, String> {
        let task = self.task(id)?;
        match &task.fate {
            Fate::Held(worker) if task.attempt == attempt.0 => Ok(worker.clone()),
            fate @ (Fate::Open
            | Fate::Held(_)
            | Fate::Completed
            | Fate::Failed
            | Fate::Cancelled
            | Fate::Skipped
            | Fate::SkippedWith) => Err(format!("the task is {fate:?} at attempt {}", task.attempt)),
        }
    }

    fn offered(&mut self, id: TaskId, attempt: AttemptNo, worker: &WorkerId) -> Result<(), String> {
        let workflow = self.open(id.workflow)?;
        let blocked: Vec<u32> = blockers(workflow, id.index);
        if !blocked.is_empty() {
            return Err(format!("it waits for {blocked:?}"));
        }
        if let Some(limit) = workflow.spec.max_parallel_tasks {
            let running = workflow.tasks.iter().filter(|task| matches!(task.fate, Fate::Held(_))).count();
            if running >= limit as usize {
                return Err(format!("its workflow runs {running} tasks already"));
            }
        }
        let task = self.task(id)?;
        if task.fate != Fate::Open || attempt.0 != task.attempt + 1 {
            return Err(format!("the task is {:?} at attempt {}", task.fate, task.attempt));
        }
        (task.fate, task.attempt) = (Fate::Held(worker.clone()), attempt.0);
        let of_worker = || self.grants.keys().filter(|(holder, _, _)| holder == worker);
        let promise = self.promises.get(worker).ok_or("nobody knows this worker")?;
        if !promise.fences && of_worker().any(|(_, task, _)| *task == id) {
            return Err("the worker may still run an earlier attempt and cannot tell two apart".to_owned());
        }
        let held = of_worker().count();
        if held >= promise.capacity as usize {
            return Err(format!("the worker holds {held} attempts with {} slots", promise.capacity));
        }
        self.grants.insert((worker.clone(), id, attempt), true);
        self.offers.insert((id, attempt, worker.clone()));
        Ok(())
    }

    fn failed(
        &mut self,
        id: TaskId,
        attempt: AttemptNo,
        next: AfterFailure,
        grant: GrantAfter,
    ) -> Result<(), String> {
        let task = self.task(id)?;
        // A task that nobody took in time fails without a holder.
        if task.fate == Fate::Open && next == AfterFailure::Final {
            task.fate = Fate::Failed;
            return Ok(());
        }
        self.attempt_over(id, attempt, grant)?;
        if next == AfterFailure::Final {
            self.task(id)?.fate = Fate::Failed;
        }
        Ok(())
    }

    fn attempt_over(&mut self, id: TaskId, attempt: AttemptNo, grant: GrantAfter) -> Result<(), String> {
        let worker = self.holder(id, attempt)?;
        self.settle(&worker, id, attempt, grant);
        self.task(id)?.fate = Fate::Open;
        self.setbacks.insert((id, attempt));
        Ok(())
    }

    fn settle(&mut self, worker: &WorkerId, id: TaskId, attempt: AttemptNo, grant: GrantAfter) {
        let key = (worker.clone(), id, attempt);
        match grant {
            GrantAfter::Freed => self.grants.remove(&key),
            GrantAfter::ReleasingUntil(_) => self.grants.insert(key, false),
        };
    }

    fn ends(&mut self, id: TaskId, fate: Fate) -> Result<(), String> {
        let task = self.task(id)?;
        let attempt = AttemptNo(task.attempt);
        match std::mem::replace(&mut task.fate, fate) {
            Fate::Open => {}
            Fate::Held(worker) => {
                self.grants.insert((worker, id, attempt), false);
                self.setbacks.insert((id, attempt));
            }
            ended
            @ (Fate::Completed | Fate::Failed | Fate::Cancelled | Fate::Skipped | Fate::SkippedWith) => {
                return Err(format!("the task is {ended:?} already"));
            }
        }
        Ok(())
    }

    fn cut(&mut self, id: WorkflowId, how: Ended) -> Result<(), String> {
        let workflow = self.open(id)?;
        let total = workflow.spec.total();
        let open = |task: &&TaskModel| matches!(task.fate, Fate::Open | Fate::Held(_));
        if how == Ended::With(Outcome::Completed) && workflow.tasks.iter().any(|task| open(&task)) {
            return Err("it completes with open tasks".to_owned());
        }
        for index in 0..total {
            let task = TaskId::new(id, index);
            if matches!(self.task(task)?.fate, Fate::Open | Fate::Held(_)) {
                self.ends(task, Fate::Cancelled)?;
            }
        }
        self.open(id)?.ended = Some(how);
        Ok(())
    }

    fn round(&mut self, id: WorkflowId) -> Result<(), String> {
        let workflow = self.open(id)?;
        if workflow.second_round || workflow.spec.error_strategy != ErrorStrategy::Retry {
            return Err("there is no round to start".to_owned());
        }
        workflow.second_round = true;
        for task in workflow.tasks.iter_mut().filter(|task| task.fate == Fate::Failed) {
            task.fate = Fate::Open;
        }
        Ok(())
    }

    /// A person's word: what has a result keeps it, everything else may change.
    fn settled(&mut self, id: TaskId, how: &ByHand, again: &[u32]) -> Result<(), String> {
        let workflow = self.workflows.get_mut(&id.workflow).ok_or("there is no such workflow")?;
        let task = workflow.tasks.get_mut(id.at()).ok_or("there is no such task")?;
        let (before, attempt) = (task.fate.clone(), AttemptNo(task.attempt));
        let has_result = matches!(before, Fate::Completed | Fate::SkippedWith);
        let fails = matches!(how, ByHand::Failed { .. });
        if has_result || (fails && !matches!(before, Fate::Open | Fate::Held(_))) {
            return Err(format!("the task is {before:?} already"));
        }
        task.fate = match how {
            ByHand::Completed { .. } => Fate::Completed,
            ByHand::Skipped { with: Some(_) } => Fate::SkippedWith,
            ByHand::Skipped { with: None } => Fate::Skipped,
            ByHand::Failed { next: AfterFailure::Final, .. } => Fate::Failed,
            ByHand::Failed { next: AfterFailure::RetryAt(_), .. } => Fate::Open,
        };
        if let Fate::Held(worker) = before {
            self.grants.insert((worker, id, attempt), false);
            self.setbacks.insert((id, attempt));
        }
        self.retried(id.workflow, again, Round::Kept)
    }

    fn retried(&mut self, id: WorkflowId, tasks: &[u32], round: Round) -> Result<(), String> {
        let workflow = self.workflows.get_mut(&id).ok_or("there is no such workflow")?;
        if workflow.ended.take().is_some() && round == Round::Anew {
            workflow.second_round = false;
        }
        for index in tasks {
            let task = &mut workflow.tasks[*index as usize];
            match task.fate {
                Fate::Failed | Fate::Cancelled | Fate::Skipped => task.fate = Fate::Open,
                Fate::Open | Fate::Held(_) | Fate::Completed | Fate::SkippedWith => {
                    return Err(format!("task {index} is {:?}", task.fate));
                }
            }
        }
        Ok(())
    }
}

/// The dependencies that do not let a task start.
fn blockers(workflow: &WorkflowModel, index: u32) -> Vec<u32> {
    let spec = &workflow.spec;
    let tolerant =
        spec.error_strategy == ErrorStrategy::Skip || spec.policy_of(index).trigger == Trigger::OnEnd;
    let comes_again = spec.error_strategy == ErrorStrategy::Retry && !workflow.second_round;
    let dependencies = spec.task(index).dependencies.iter().copied();
    dependencies
        .filter(|dependency| match workflow.tasks[*dependency as usize].fate {
            Fate::Completed | Fate::SkippedWith => false,
            Fate::Failed => !tolerant || comes_again,
            Fate::Cancelled | Fate::Skipped => !tolerant,
            Fate::Open | Fate::Held(_) => true,
        })
        .collect()
}
