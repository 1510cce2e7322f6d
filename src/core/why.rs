//! Why a task is where it is: what it waits for, and until when.

use std::sync::Arc;

use super::ids::{AttemptNo, TaskId, Timestamp, WorkerId, WorkflowId};
use super::match_workers::can_run;
use super::nearest::nearest;
use super::presence::{Bar, Presence, Present};
use super::spec::Route;
use super::state::{Breaker, Phase, State, StatusKind, TaskStatus, Workflow, WorkflowStatus};

/// Dependencies that an answer lists; their number is always exact.
const LISTED_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    pub task: TaskId,
    pub status: StatusKind,
    /// One sentence for a person.
    pub summary: String,
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// These dependencies have not ended; `waiting_on` counts all of them.
    Dependencies {
        waiting_on: u32,
        listed: Vec<(u32, Arc<str>, StatusKind)>,
    },
    WorkflowPaused {
        workflow: WorkflowId,
    },
    /// The workflow runs as many tasks at once as it may.
    ParallelLimit {
        limit: u32,
    },
    /// Nobody who is connected could run it.
    NoWorker {
        wanted: String,
        connected: usize,
        /// What would bring a worker, where that is known.
        advice: &'static str,
        /// Of a function that nobody has: the most similar one that somebody has.
        nearest: Option<String>,
        /// What connected workers say about this type of task.
        remarks: Vec<(WorkerId, Arc<str>)>,
    },
    /// All who could run it are busy, draining or unhealthy.
    WorkersBusy {
        workers: Vec<Busy>,
    },
    BreakerOpen {
        service: Arc<str>,
        until: Timestamp,
    },
    /// A worker refused it and is asked again later.
    Refused {
        worker: WorkerId,
        until: Timestamp,
    },
    /// An earlier attempt may still run there, and the worker cannot tell two attempts apart.
    EarlierAttempt {
        worker: WorkerId,
    },
    /// A task of another workflow that goes by the same id may run there, and the worker cannot tell them apart.
    SameId {
        worker: WorkerId,
    },
    /// The worker is connected, but has said nothing for too long.
    Unheard {
        worker: WorkerId,
        since: Timestamp,
    },
    /// The worker said that it has no handler for it.
    NoHandler {
        worker: WorkerId,
    },
    Backoff {
        until: Timestamp,
        failures: u32,
        max_attempts: u32,
    },
    /// Its turn comes: this many tasks of its kind wait.
    InLine {
        waiting: usize,
    },
    Running {
        worker: WorkerId,
        since: Timestamp,
        accepted: bool,
        connected: bool,
        run_until: Option<Timestamp>,
    },
    /// A worker that was told to stop an attempt has not confirmed it yet; its slot is kept so long.
    Releasing {
        worker: WorkerId,
        attempt: AttemptNo,
        until: Timestamp,
    },
    Ended,
}

/// Attempts of a task, also of an archived one, that workers were told to stop and have not confirmed.
pub fn releasing(state: &State, id: TaskId) -> Vec<Reason> {
    let of_task = state.grants.all().filter(|(_, task, _, _)| *task == id);
    of_task
        .filter_map(|(worker, _, attempt, grant)| match grant.phase {
            Phase::Releasing { until } => Some(Reason::Releasing { worker: worker.clone(), attempt, until }),
            Phase::Offered | Phase::Accepted | Phase::Delivered => None,
        })
        .collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    pub worker: WorkerId,
    pub name: Arc<str>,
    pub held: u32,
    pub capacity: u32,
    pub takes_work: bool,
}

/// The explanation, for a task in memory.
pub fn explain(state: &State, presence: &Presence, id: TaskId, now: Timestamp) -> Option<Why> {
    let workflow = state.workflow(id.workflow)?;
    let task = workflow.tasks.get(id.at())?;
    let mut reasons = match &task.status {
        TaskStatus::Pending { .. } => vec![dependencies(workflow, id.index)],
        TaskStatus::Queued { .. } => queued(state, presence, workflow, id, now),
        TaskStatus::Assigned { worker, since } => {
            vec![running(workflow, presence, id, worker, *since, false)]
        }
        TaskStatus::Processing { worker, since } => {
            vec![running(workflow, presence, id, worker, *since, true)]
        }
        TaskStatus::Retrying { due } => vec![Reason::Backoff {
            until: *due,
            failures: task.failures,
            max_attempts: workflow.spec.policy_of(id.index).retry.max_attempts,
        }],
        TaskStatus::Completed { .. }
        | TaskStatus::Failed { .. }
        | TaskStatus::Cancelled { .. }
        | TaskStatus::Skipped { .. } => vec![Reason::Ended],
    };
    reasons.extend(releasing(state, id));
    let said: Vec<String> = reasons.iter().map(|reason| reason.sentence(now)).collect();
    let summary = format!("{} is {}: {}", workflow.name_of(id.index), task.status.name(), said.join("; "));
    Some(Why { task: id, status: task.status.kind(), summary, reasons })
}

fn dependencies(workflow: &Workflow, index: u32) -> Reason {
    let open = |dependency: &u32| !workflow.satisfies(*dependency, index);
    let waiting: Vec<u32> = workflow.spec.task(index).dependencies.iter().copied().filter(open).collect();
    let listed = waiting.iter().take(LISTED_MAX);
    Reason::Dependencies {
        waiting_on: u32::try_from(waiting.len()).expect("bounded by the number of tasks"),
        listed: listed.map(|at| (*at, workflow.name_of(*at), workflow.task(*at).status.kind())).collect(),
    }
}

fn running(
    workflow: &Workflow,
    presence: &Presence,
    id: TaskId,
    worker: &WorkerId,
    since: Timestamp,
    accepted: bool,
) -> Reason {
    let limit = workflow.spec.policy_of(id.index).run_timeout_ms;
    Reason::Running {
        worker: worker.clone(),
        since,
        accepted,
        connected: presence.worker(worker).is_some_and(Present::is_connected),
        run_until: accepted.then(|| since.plus(limit)),
    }
}

fn queued(
    state: &State,
    presence: &Presence,
    workflow: &Workflow,
    id: TaskId,
    now: Timestamp,
) -> Vec<Reason> {
    if workflow.status == WorkflowStatus::Paused {
        return vec![Reason::WorkflowPaused { workflow: workflow.id }];
    }
    if let (false, Some(limit)) = (workflow.dispatches(), workflow.spec.max_parallel_tasks) {
        return vec![Reason::ParallelLimit { limit }];
    }
    let route = workflow.spec.route_of(id.index);
    let connected = || presence.workers().filter(|worker| worker.is_connected());
    let able: Vec<&Present> = connected().filter(|worker| can_run(&worker.facts, route)).collect();
    if able.is_empty() {
        let (wanted, advice) = (wanted(route), advice(route));
        let functions = connected().filter_map(|worker| worker.facts.functions.as_ref()).flatten();
        let near = route.function.as_deref().and_then(|name| nearest(name, functions.map(|known| &**known)));
        let nearest = near.map(str::to_owned);
        let remark = |worker: &Present| {
            Some((worker.facts.worker.clone(), Arc::clone(worker.facts.remarks.get(&route.task_type)?)))
        };
        let remarks = connected().filter_map(remark).take(LISTED_MAX).collect();
        return vec![Reason::NoWorker { wanted, connected: connected().count(), advice, nearest, remarks }];
    }
    let mut reasons: Vec<Reason> =
        able.iter().filter_map(|worker| obstacle(state, presence, worker, id, now)).collect();
    let busy = able.iter().filter(|worker| worker.free_slots(state, now) == 0);
    let busy: Vec<Busy> = busy.map(|worker| Busy::of(state, worker)).collect();
    if reasons.is_empty() && busy.len() == able.len() {
        reasons.push(Reason::WorkersBusy { workers: busy });
    }
    reasons.truncate(LISTED_MAX);
    if reasons.is_empty() {
        let class = workflow.classes.get(workflow.spec.task(id.index).route as usize);
        reasons.push(Reason::InLine { waiting: class.map_or(0, |class| state.ready.waiting(*class)) });
    }
    reasons
}

/// What keeps this task from this worker.
fn obstacle(
    state: &State,
    presence: &Presence,
    worker: &Present,
    id: TaskId,
    now: Timestamp,
) -> Option<Reason> {
    let name = &worker.facts.worker;
    if let Breaker::Open { until } = state.breaker(&worker.facts.name, now) {
        return Some(Reason::BreakerOpen { service: Arc::clone(&worker.facts.name), until });
    }
    if worker.is_unheard() {
        return Some(Reason::Unheard { worker: name.clone(), since: worker.last_seen });
    }
    Some(match presence.bar(state, worker, id, now)? {
        Bar::NoHandler => Reason::NoHandler { worker: name.clone() },
        Bar::Refused { until } => Reason::Refused { worker: name.clone(), until },
        Bar::EarlierAttempt => Reason::EarlierAttempt { worker: name.clone() },
        Bar::SameId => Reason::SameId { worker: name.clone() },
    })
}

/// File tasks are off until somebody names a folder for them.
fn advice(route: &Route) -> &'static str {
    match &*route.task_type {
        "file" => {
            ": start the server with --files-root DIR (or `root` under `[files]` in its configuration), or \
             connect a node that registers for file tasks"
        }
        _ => "",
    }
}

fn wanted(route: &Route) -> String {
    let mut text = format!("task type {}", route.external_type.as_ref().unwrap_or(&route.task_type));
    if let Some(service) = &route.service {
        text = format!("service \"{service}\" with {text}");
    }
    if let Some(function) = &route.function {
        text = format!("{text} and function {function}");
    }
    if let Some(requirements) = &route.requirements {
        text.push_str(" and the task's requirements");
        let models = requirements.required_models.join(", ");
        if !models.is_empty() {
            text = format!("{text} (models: {models})");
        }
    }
    text
}

impl Busy {
    fn of(state: &State, worker: &Present) -> Self {
        Self {
            worker: worker.facts.worker.clone(),
            name: Arc::clone(&worker.facts.name),
            held: state.grants.count(&worker.facts.worker),
            capacity: worker.capacity(),
            takes_work: worker.status.takes_work() && !worker.drained,
        }
    }
}

impl Reason {
    /// A stable word for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Dependencies { .. } => "dependencies",
            Self::WorkflowPaused { .. } => "workflow_paused",
            Self::ParallelLimit { .. } => "parallel_limit",
            Self::NoWorker { .. } => "no_worker",
            Self::WorkersBusy { .. } => "workers_busy",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::Refused { .. } => "refused",
            Self::EarlierAttempt { .. } => "earlier_attempt",
            Self::SameId { .. } => "same_id",
            Self::Unheard { .. } => "unheard",
            Self::NoHandler { .. } => "no_handler",
            Self::Backoff { .. } => "backoff",
            Self::InLine { .. } => "in_line",
            Self::Running { .. } => "running",
            Self::Releasing { .. } => "releasing",
            Self::Ended => "ended",
        }
    }

    /// The same for a person.
    pub fn sentence(&self, now: Timestamp) -> String {
        let in_seconds = |until: &Timestamp| format!("{} s", until.since(now).div_ceil(1_000));
        match self {
            Self::Dependencies { waiting_on, listed } => {
                let names: Vec<String> =
                    listed.iter().map(|(_, name, status)| format!("{name} ({})", status.name())).collect();
                format!("waits for {waiting_on} of its dependencies: {}", names.join(", "))
            }
            Self::WorkflowPaused { .. } => "its workflow is paused; resume it".to_owned(),
            Self::ParallelLimit { limit } => {
                format!("its workflow runs {limit} tasks at once, which is its limit")
            }
            Self::NoWorker { wanted, connected, advice, nearest, remarks } => {
                let near = nearest.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default();
                let said = remarks.iter().map(|(worker, remark)| format!("; {worker} says: {remark}"));
                let said = said.collect::<Vec<_>>().concat();
                format!(
                    "waits for {wanted}; none of the {connected} connected workers offers it{near}{advice}{said}"
                )
            }
            Self::WorkersBusy { workers } => {
                let told = workers.iter().map(|busy| {
                    let state = if busy.takes_work { "full" } else { "not taking work" };
                    format!("{} ({} of {} slots, {state})", busy.name, busy.held, busy.capacity)
                });
                format!("all workers that could run it are busy: {}", told.collect::<Vec<_>>().join(", "))
            }
            Self::BreakerOpen { service, until } => {
                format!("service \"{service}\" failed repeatedly and pauses for {}", in_seconds(until))
            }
            Self::Refused { worker, until } => {
                format!("worker {worker} was at capacity and is asked again in {}", in_seconds(until))
            }
            Self::EarlierAttempt { worker } => {
                format!("an earlier attempt may still run on {worker}, which cannot tell two attempts apart")
            }
            Self::SameId { worker } => format!(
                "a task of another workflow with the same id runs on {worker}, which cannot tell two of one id apart"
            ),
            Self::Unheard { worker, since } => {
                format!(
                    "worker {worker} has said nothing for {} s, and gets work when it does",
                    now.since(*since) / 1_000
                )
            }
            Self::NoHandler { worker } => format!("worker {worker} has no handler for it"),
            Self::Backoff { until, failures, max_attempts } => format!(
                "failed {failures} of {max_attempts} times and is tried again in {}",
                in_seconds(until)
            ),
            Self::InLine { waiting } => format!("{waiting} tasks of its kind are in line"),
            Self::Running { worker, accepted, connected, .. } => {
                let what = if *accepted { "runs on" } else { "was offered to" };
                let lost = if *connected { "" } else { ", which is not connected at the moment" };
                format!("{what} {worker}{lost}")
            }
            Self::Releasing { worker, attempt, until } => format!(
                "worker {worker} was told to stop attempt {attempt} and has {} to confirm it",
                in_seconds(until)
            ),
            Self::Ended => "it has ended".to_owned(),
        }
    }
}
