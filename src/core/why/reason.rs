//! What may keep a task where it is, as facts and as sentences.

use std::sync::Arc;

use crate::core::ids::{AttemptNo, Timestamp, WorkerId, WorkflowId};
use crate::core::presence::Left;
use crate::core::state::StatusKind;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is offered until there is space for what would be reported.
    DiskFull,
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
    NoWorker(Box<Nobody>),
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
    /// A worker cannot begin before, and may say why.
    Postponed {
        worker: WorkerId,
        until: Timestamp,
        remark: Option<Arc<str>>,
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
    /// A receiver outside does it, or is to.
    HandedOn {
        /// Its scheme, host and port, where they are known.
        receiver: Option<Arc<str>>,
        handing: Handing,
        since: Timestamp,
        run_until: Option<Timestamp>,
    },
    /// The worker holds it from before it came back, and has not shown since then that it still works on it.
    Unconfirmed {
        worker: WorkerId,
        /// When it came back.
        since: Timestamp,
        until: Timestamp,
    },
    /// A worker that was told to stop an attempt has not confirmed it yet; its slot is kept so long.
    Releasing {
        worker: WorkerId,
        attempt: AttemptNo,
        until: Timestamp,
    },
    Ended,
}

/// What nobody who is connected could run, and what is known about that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nobody {
    pub wanted: String,
    pub connected: usize,
    /// What would bring a worker, where that is known.
    pub advice: &'static str,
    /// Of a function that nobody has: the most similar one that somebody has.
    pub nearest: Option<String>,
    /// What connected workers say about this type of task.
    pub remarks: Vec<(WorkerId, Arc<str>)>,
    /// Who would do it but for the requirements of the task, and what it lacks of them.
    pub lacking: Option<(WorkerId, Vec<String>)>,
    /// The service that could run it, and went last.
    pub gone: Option<Gone>,
}

/// A service that was here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    pub service: Arc<str>,
    /// Of one that only the log knows, that of its latest report.
    pub last_seen: Timestamp,
    /// Unknown of one that only the log knows.
    pub how: Option<Left>,
}

/// How far an attempt has come on its way to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handing {
    /// No try of this run of the server has ended.
    Posting,
    Failed {
        tries: u32,
        error: Arc<str>,
        next: Timestamp,
    },
    /// Its callback is waited for.
    Taken,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    pub worker: WorkerId,
    pub name: Arc<str>,
    pub held: u32,
    pub capacity: u32,
    pub takes_work: bool,
}

const UNCONFIRMED: &str = "has not said that it still works on this: unless a report or a heartbeat shows that it does, it is \
                           handed out again";

impl Reason {
    /// A stable word for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::Dependencies { .. } => "dependencies",
            Self::WorkflowPaused { .. } => "workflow_paused",
            Self::ParallelLimit { .. } => "parallel_limit",
            Self::NoWorker(_) => "no_worker",
            Self::WorkersBusy { .. } => "workers_busy",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::Refused { .. } => "refused",
            Self::Postponed { .. } => "postponed",
            Self::EarlierAttempt { .. } => "earlier_attempt",
            Self::SameId { .. } => "same_id",
            Self::Unheard { .. } => "unheard",
            Self::NoHandler { .. } => "no_handler",
            Self::Backoff { .. } => "backoff",
            Self::InLine { .. } => "in_line",
            Self::Running { .. } => "running",
            Self::HandedOn { .. } => "handed_on",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Releasing { .. } => "releasing",
            Self::Ended => "ended",
        }
    }

    /// The same for a person.
    pub fn sentence(&self, now: Timestamp) -> String {
        let in_seconds = |until: &Timestamp| format!("{} s", until.since(now).div_ceil(1_000));
        match self {
            Self::DiskFull => {
                "the disk of the server is full: nothing is offered to workers until there is space"
                    .to_owned()
            }
            Self::Dependencies { waiting_on, listed } => {
                format!("waits for {waiting_on} of its dependencies: {}", open(listed))
            }
            Self::WorkflowPaused { .. } => "its workflow is paused; resume it".to_owned(),
            Self::ParallelLimit { limit } => {
                format!("its workflow runs {limit} tasks at once, which is its limit")
            }
            Self::NoWorker(nobody) => nobody.sentence(now),
            Self::WorkersBusy { workers } => {
                let told: Vec<String> = workers.iter().map(Busy::sentence).collect();
                format!("all workers that could run it are busy: {}", told.join(", "))
            }
            Self::BreakerOpen { service, until } => {
                format!("service \"{service}\" failed repeatedly and pauses for {}", in_seconds(until))
            }
            Self::Refused { worker, until } => {
                format!("worker {worker} was at capacity and is asked again in {}", in_seconds(until))
            }
            Self::Postponed { worker, until, remark } => {
                let said = remark.as_ref().map(|remark| format!("; it says: {remark}")).unwrap_or_default();
                format!(
                    "worker {worker} cannot begin it now and is asked again in {}{said}",
                    in_seconds(until)
                )
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
            Self::HandedOn { receiver, handing, run_until, .. } => {
                let to = receiver.as_deref().unwrap_or("its receiver");
                handing.sentence(to, run_until.as_ref().map(in_seconds), now)
            }
            Self::Unconfirmed { worker, since, until } => {
                let ago = now.since(*since) / 1_000;
                format!("worker {worker} came back {ago} s ago and {UNCONFIRMED} in {}", in_seconds(until))
            }
            Self::Releasing { worker, attempt, until } => format!(
                "worker {worker} was told to stop attempt {attempt} and has {} to confirm it",
                in_seconds(until)
            ),
            Self::Ended => "it has ended".to_owned(),
        }
    }
}

impl Nobody {
    fn sentence(&self, now: Timestamp) -> String {
        let Self { wanted, connected, advice, nearest, remarks, lacking, gone } = self;
        let (hints, said) = (hints(lacking.as_ref(), nearest.as_deref()), said(remarks));
        let gone = gone.as_ref().map(|gone| gone.sentence(now)).unwrap_or_default();
        format!(
            "waits for {wanted}; none of the {connected} connected workers offers it{gone}{hints}{advice}{said}"
        )
    }
}

impl Gone {
    fn sentence(&self, now: Timestamp) -> String {
        let ago = now.since(self.last_seen) / 1_000;
        match self.how {
            Some(how) => format!("; \"{}\" did, and left {ago} s ago {}", self.service, how.in_words()),
            None => format!("; \"{}\" last reported {ago} s ago", self.service),
        }
    }
}

impl Handing {
    fn sentence(&self, to: &str, left: Option<String>, now: Timestamp) -> String {
        match self {
            Self::Posting => format!("is being posted to {to}"),
            Self::Failed { tries, error, next } if *next <= now => {
                format!("is being posted to {to} once more; try {tries} failed: {error}")
            }
            Self::Failed { tries, error, next } => {
                let pause = next.since(now).div_ceil(1_000);
                format!("try {tries} to post it to {to} failed: {error}; the next one is in {pause} s")
            }
            Self::Taken => {
                let left = left.map(|left| format!(", for which it has {left}")).unwrap_or_default();
                format!("{to} has taken it and is to answer by its callback{left}")
            }
        }
    }
}

impl Busy {
    fn sentence(&self) -> String {
        let state = if self.takes_work { "full" } else { "not taking work" };
        format!("{} ({} of {} slots, {state})", self.name, self.held, self.capacity)
    }
}

fn said(remarks: &[(WorkerId, Arc<str>)]) -> String {
    let said = remarks.iter().map(|(worker, remark)| format!("; {worker} says: {remark}"));
    said.collect::<Vec<_>>().concat()
}

fn open(listed: &[(u32, Arc<str>, StatusKind)]) -> String {
    let names = listed.iter().map(|(_, name, status)| format!("{name} ({})", status.name()));
    names.collect::<Vec<_>>().join(", ")
}

fn hints(lacking: Option<&(WorkerId, Vec<String>)>, nearest: Option<&str>) -> String {
    let short =
        lacking.map(|(worker, lacks)| format!("; the nearest is {worker}, which lacks {}", lacks.join(", ")));
    let near = nearest.map(|name| format!("; did you mean {name}?"));
    [short, near].into_iter().flatten().collect()
}
