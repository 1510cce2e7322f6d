//! Why a task is where it is: what it waits for, and until when.

mod reason;

use std::sync::Arc;

use super::event::DeliveryOutcome;
use super::ids::{AttemptNo, TaskId, Timestamp, WorkerId};
use super::match_workers::{can_run, lacks, offers_work, required};
use super::nearest::nearest;
use super::presence::{Bar, Presence, Present};
use super::spec::Route;
use super::state::{Breaker, Phase, State, StatusKind, TaskStatus, Workflow, WorkflowStatus};

pub use reason::{Busy, Gone, Handing, Nobody, Reason};

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

/// Whether anything is offered to workers at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offers {
    Made,
    /// The disk is full, and what is offered must be reported.
    DiskFull,
}

/// What explains a task beside the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    pub offers: Offers,
    /// Where a task is handed on to: scheme, host and port. Whoever asks reads it in the parameters.
    pub receiver: Option<Arc<str>>,
}

impl From<Offers> for Beside {
    fn from(offers: Offers) -> Self {
        Self { offers, receiver: None }
    }
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

/// The explanation, for a task in memory.
pub fn explain(
    state: &State,
    presence: &Presence,
    id: TaskId,
    now: Timestamp,
    beside: impl Into<Beside>,
) -> Option<Why> {
    let Beside { offers, receiver } = beside.into();
    let workflow = state.workflow(id.workflow)?;
    let task = workflow.tasks.get(id.at())?;
    let mut reasons = match &task.status {
        TaskStatus::Pending { .. } => vec![dependencies(workflow, id.index)],
        TaskStatus::Queued { .. } => match offers {
            Offers::Made => queued(state, presence, workflow, id, now),
            Offers::DiskFull => {
                let mut reasons = queued(state, presence, workflow, id, now);
                reasons.retain(|reason| !matches!(reason, Reason::InLine { .. }));
                reasons.insert(0, Reason::DiskFull);
                reasons
            }
        },
        TaskStatus::Assigned { worker, since } | TaskStatus::Processing { worker, since }
            if &*worker.0 == WorkerId::WEBHOOKS =>
        {
            let accepted = matches!(task.status, TaskStatus::Processing { .. });
            let limit = workflow.spec.policy_of(id.index).run_timeout_ms;
            vec![Reason::HandedOn {
                receiver,
                handing: handing(state, presence, worker, (id, task.attempt)),
                since: *since,
                run_until: accepted.then(|| since.plus(limit)),
            }]
        }
        TaskStatus::Assigned { worker, since } => {
            vec![running(workflow, presence, id, worker, *since, false)]
        }
        TaskStatus::Processing { worker, since } => {
            let doubted = doubted(presence, id, task.attempt, worker);
            vec![doubted.unwrap_or_else(|| running(workflow, presence, id, worker, *since, true))]
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

/// How far the desk that hands attempts on has come with this one.
fn handing(
    state: &State,
    presence: &Presence,
    desk: &WorkerId,
    (id, attempt): (TaskId, AttemptNo),
) -> Handing {
    if state.grants.get(desk, id, attempt).is_some_and(|grant| grant.phase == Phase::Delivered) {
        return Handing::Taken;
    }
    let tried = presence.worker(desk).and_then(|known| known.handed_on.get(&id));
    match tried.and_then(|delivery| Some((delivery, delivery.next?))) {
        Some((delivery, next)) => {
            Handing::Failed { tries: delivery.number, error: said(&delivery.outcome), next }
        }
        None => Handing::Posting,
    }
}

fn said(outcome: &DeliveryOutcome) -> Arc<str> {
    match outcome {
        DeliveryOutcome::Taken { status } | DeliveryOutcome::Refused { status } => {
            Arc::from(format!("it answered {status}"))
        }
        DeliveryOutcome::Unanswered { reason } => Arc::clone(reason),
    }
}

/// Whether nobody knows if the worker, which came back, still works on it.
fn doubted(presence: &Presence, id: TaskId, attempt: AttemptNo, worker: &WorkerId) -> Option<Reason> {
    let known = presence.worker(worker).filter(|known| known.is_connected())?;
    let until = known.doubted_until(id, attempt, &presence.limits)?;
    Some(Reason::Unconfirmed { worker: worker.clone(), since: known.connected_at, until })
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
        let lacking = lacking(connected(), route);
        let connected = connected().count();
        let gone = gone(state, presence, route);
        let nobody = Nobody { wanted, connected, advice, nearest, remarks, lacking, gone };
        return vec![Reason::NoWorker(Box::new(nobody))];
    }
    let mut reasons: Vec<Reason> =
        able.iter().filter_map(|worker| obstacle(state, presence, worker, (id, route), now)).collect();
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

/// Who could run it and is gone. The log knows services by their names alone: which of them did what it does not say.
fn gone(state: &State, presence: &Presence, route: &Route) -> Option<Gone> {
    let able = presence.departed.all().filter(|departed| can_run(&departed.facts, route));
    let last = able.max_by_key(|departed| departed.at).map(|departed| Gone {
        service: Arc::clone(&departed.facts.name),
        last_seen: departed.at,
        how: Some(departed.how),
    });
    last.or_else(|| {
        let name = route.service.as_ref()?;
        let is_here = presence.workers().any(|worker| worker.is_connected() && worker.facts.name == *name);
        let totals =
            state.services.get(name).filter(|_| !is_here && presence.departed.get(name).is_none())?;
        Some(Gone { service: Arc::clone(name), last_seen: totals.last_seen_at, how: None })
    })
}

/// What keeps this task from this worker.
fn obstacle(
    state: &State,
    presence: &Presence,
    worker: &Present,
    (id, route): (TaskId, &Route),
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
        Bar::Postponed { until } => {
            let remark = worker.facts.remarks.get(&route.task_type).cloned();
            Reason::Postponed { worker: name.clone(), until, remark }
        }
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
    let required = route.requirements.as_ref().map(required).unwrap_or_default();
    if !required.is_empty() {
        text = format!("{text}, on a worker with {}", required.join(", "));
    }
    text
}

/// Of the workers that offer the work and do not meet its requirements: the one that lacks least, and what that is.
fn lacking<'a>(workers: impl Iterator<Item = &'a Present>, route: &Route) -> Option<(WorkerId, Vec<String>)> {
    let requirements = route.requirements.as_ref()?;
    let offering = workers.filter(|worker| offers_work(&worker.facts, route));
    let all = offering.map(|worker| (worker.facts.worker.clone(), lacks(&worker.facts, requirements)));
    let (worker, mut lacks) = all.min_by_key(|(_, lacks)| lacks.len())?;
    lacks.truncate(LISTED_MAX);
    Some((worker, lacks))
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
