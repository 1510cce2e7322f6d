//! Runs a story on the real engine: short words in, what happened out.
//!
//! | word | meaning |
//! |---|---|
//! | `submit stop a b(a) c!(a,b)` | a workflow with a strategy and tasks; `!` runs whatever became of the dependencies, `~` has one try, `^` is urgent |
//! | `worker w1`, `legacy w1` | registers, with two slots; a legacy one sends no attempt numbers |
//! | `accept w1 a`, `done w1 a`, `fail w1 a`, `refuse w1 a`, `stopped w1 a`, `nohandler w1 a` | reports; `a#1` names an attempt |
//! | `process w1 one`, `progress w1 a`, `why a` | a legacy one that names its process; a report of progress; what keeps a task |
//! | `later w1 a`, `huge w1 a` | a failure that asks for a pause of 7 s; a result that is too large |
//! | `unreadable a` | the disk cannot be read when the parameters are filled |
//! | `beat w1 a b` | a heartbeat whose list names these tasks |
//! | `a@` | a task that is handed on to a receiver outside |
//! | `courier` | the desk that hands on registers, and keeps what it held |
//! | `taken a`, `untaken a`, `callback a`, `callback a broken` | the receiver takes it or not, and answers for it |
//! | `again w1 a b` | registers again on the same connection, with such a list |
//! | `centuries w1 a` | a failure that asks for a pause of centuries before the next try |
//! | `count w1 2` | a heartbeat that says how many tasks it holds |
//! | `break w1`, `bye w1`, `drain w1`, `undrain w1` | the connection breaks, or ends with a goodbye; the operator's word |
//! | `cancel a`, `retry a`, `cancel`, `retry`, `pause`, `resume` | what people ask for |
//! | `complete a`, `fail a`, `skip a`, `skipwith a` | what people decide by hand; the last one gives a value |
//! | `+10s`, `sleep 60s` | time passes, with a turn every second, or without any |
//! | `stale a` | a retry with parameters that were written over others than those of now |
//! | `full`, `free`, `history a` | the disk is full, or has room again; what is remembered of a task's unsuccessful attempts |
//! | `restart 5s`, `archive` | the process is down for a while, and the log is replayed; ended workflows leave memory |
//! | `hook`, `hook off`, `hook takes e1`, ... | a webhook, and how its receiver takes the first end; see `hooks` |
//! | `hooked`, `carry` | what is remembered of the webhook; services and webhooks are written again |
//! | `checkpoint` | a picture is taken from which the next restart begins |

mod comebacks;
mod hooks;
mod outside;
mod words;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use gleitzeit::core::command::{
    Claim, Command, Disconnected, Drain, Edit, FailureReport, Heartbeat, Held, TaskRef, Verdict,
};
use gleitzeit::core::errors::{PAYLOAD_TOO_LARGE, STORAGE_FAILED};
use gleitzeit::core::event::{Failure, Note, Record};
use gleitzeit::core::ids::{AttemptNo, Fingerprint, SessionId, TaskId, Timestamp, WorkerId, WorkflowId};
use gleitzeit::core::invariants;
use gleitzeit::core::limits::Limits;
use gleitzeit::core::payload::{Payload, Stored};
use gleitzeit::core::rejection::Rejection;
use gleitzeit::core::spec::WorkflowSpec;
use gleitzeit::core::state::State;
use gleitzeit::engine::{Admission, Answer, Engine, Input, Output};
use gleitzeit::log::Lack;
use gleitzeit::store::CheckpointInput;

use outside::COURIER;

use super::spec::workflow;
use crate::sim::specs::Trade;
use crate::sim::store::MemoryViews;

const START: Timestamp = Timestamp(1_000_000);
/// Of the reserve, while the disk is full.
const ROOM: u64 = 1 << 20;

pub struct Teller {
    engine: Engine,
    views: Arc<MemoryViews>,
    records: Vec<Record>,
    checkpoint: Option<CheckpointInput>,
    now: Timestamp,
    sessions: BTreeMap<String, (SessionId, bool)>,
    next_session: u64,
    submitted: Arc<WorkflowSpec>,
    told: String,
}

/// Tells the story and compares what happened with what should have.
pub fn check(story: &str, expected: &expect_test::Expect) {
    let mut teller = Teller::new();
    for word in story.split(';') {
        teller.tell(word.trim());
    }
    teller.show();
    expected.assert_eq(&teller.told);
}

fn id() -> WorkflowId {
    WorkflowId::from_text("story")
}

impl Teller {
    fn new() -> Self {
        let views = Arc::new(MemoryViews::default());
        let engine = Engine::new(State::default(), Limits::default(), Arc::clone(&views) as _, 1);
        let mut teller = Self {
            engine,
            views,
            records: Vec::new(),
            checkpoint: None,
            now: START,
            sessions: BTreeMap::new(),
            next_session: 0,
            submitted: Arc::new(workflow("continue", &[])),
            told: String::new(),
        };
        teller.recover();
        teller
    }

    fn tell(&mut self, word: &str) {
        let mut parts = word.split_whitespace();
        let (verb, rest) = (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>());
        if let Some(seconds) = verb.strip_prefix('+') {
            return self.wait(seconds);
        }
        match (verb, rest.as_slice()) {
            ("sleep", [time]) => {
                self.now = self.now.plus(seconds(time) * 1_000);
                self.turn(Vec::new());
            }
            ("restart", [time]) => self.restart(seconds(time)),
            ("archive", []) => self.archive(),
            ("full", []) => self.engine.admission = Admission::DiskFull { room: ROOM, lack: Lack::Space },
            ("free", []) => self.engine.admission = Admission::Open,
            ("history", [task]) => self.history(self.task(task).0),
            ("checkpoint", []) => self.checkpoint = Some(CheckpointInput::of(&self.engine.state)),
            ("submit", [strategy, tasks @ ..]) => {
                self.submitted = Arc::new(workflow(strategy, tasks));
                let body = Fingerprint::of(word.as_bytes());
                let spec = Arc::clone(&self.submitted);
                self.command(Command::SubmitWorkflow { workflow: id(), spec, body, key: None });
            }
            ("cancel", []) => self.command(Command::CancelWorkflow { workflow: id() }),
            ("retry", []) => {
                let note = Note::default();
                self.command(Command::RetryWorkflow { workflow: id(), edits: Vec::new(), note });
            }
            ("pause", []) => self.command(Command::PauseWorkflow { workflow: id() }),
            ("resume", []) => self.command(Command::ResumeWorkflow { workflow: id() }),
            ("cancel", [task]) => self.command(Command::CancelTask { task: self.task(task).0 }),
            ("retry", [task]) => {
                let task = self.task(task).0;
                self.command(Command::RetryTask { task, edit: None, note: Note::default() });
            }
            ("stale", [task]) => {
                let task = self.task(task).0;
                let over = Stored::Inline(Payload::new("\"what it was long ago\""));
                let edit = Some(Edit { over, parameters: Payload::new("{}") });
                self.command(Command::RetryTask { task, edit, note: Note::default() });
            }
            ("complete" | "fail" | "skip" | "skipwith", [task]) => self.decide(verb, task),
            (verb, rest) => self.tell_of_worker(verb, rest),
        }
    }

    fn tell_of_worker(&mut self, verb: &str, rest: &[&str]) {
        match (verb, rest) {
            ("hook", ["fails", end]) => (0..16).for_each(|_| self.hook(&["refuses", end])),
            ("hook", rest) => self.hook(rest),
            ("hooked", []) => {
                let line = self.show_hook();
                writeln!(self.told, "   {line}").unwrap();
            }
            ("carry", []) => self.command(Command::CarryServices),
            ("worker" | "legacy", [name, as_whom @ ..]) => {
                let fences = verb == "worker";
                if as_whom.is_empty() || !self.sessions.contains_key(*name) {
                    self.next_session += 1;
                    self.sessions.insert((*name).to_owned(), (SessionId(self.next_session), fences));
                }
                let session = self.sessions[*name].0;
                let heartbeat_ms = fences.then_some(30_000);
                let facts = Trade::Executor.facts(as_whom.first().unwrap_or(name), 2, fences, heartbeat_ms);
                self.command(Command::RegisterWorker {
                    session,
                    facts: Arc::new(facts),
                    active: None,
                    claim: Claim::Any,
                });
            }
            ("process" | "progress" | "why", rest) => self.come_back(verb, rest),
            ("courier" | "taken" | "untaken" | "callback", rest) => self.outside(verb, rest),
            ("break" | "bye", [name]) => {
                let how = if verb == "bye" { Disconnected::Cleanly } else { Disconnected::Broken };
                self.command(Command::Disconnect { session: self.sessions[*name].0, how });
            }
            ("drain" | "undrain", [name]) => {
                let drain = if verb == "drain" { Drain::Begin } else { Drain::End };
                self.command(Command::DrainWorker { worker: WorkerId::new(name), drain });
            }
            ("beat", [name, tasks @ ..]) => {
                let heartbeat = Heartbeat { active: Some(self.held(tasks)), ..Heartbeat::default() };
                self.command(Command::Heartbeat { session: self.sessions[*name].0, heartbeat });
            }
            ("again", [name, tasks @ ..]) => {
                let active = Some(self.held(tasks));
                let facts = Arc::new(Trade::Executor.facts(name, 2, true, Some(30_000)));
                let session = self.sessions[*name].0;
                self.command(Command::RegisterWorker { session, facts, active, claim: Claim::Any });
            }
            ("count", [name, count]) => {
                let active_count = Some(count.parse().expect("a number of tasks"));
                let heartbeat = Heartbeat { active_count, ..Heartbeat::default() };
                self.command(Command::Heartbeat { session: self.sessions[*name].0, heartbeat });
            }
            ("unreadable", [task]) => {
                let (task, attempt) = self.task(task);
                let attempt = attempt.unwrap_or_else(|| self.engine.state.task(task).unwrap().attempt);
                let failure = Failure::new(STORAGE_FAILED, "the disk cannot be read");
                self.command(Command::FailDispatch { task, attempt, failure });
            }
            (verb, [name, task]) => self.report(verb, name, task),
            (verb, rest) => panic!("no story has the words {verb} {rest:?}"),
        }
    }

    /// What a list names.
    fn held(&self, tasks: &[&str]) -> Vec<Held> {
        let held = |task: &&str| {
            let (id, attempt) = self.task(task);
            Held { task: TaskRef::Id(id), attempt }
        };
        tasks.iter().map(held).collect()
    }

    /// Somebody decides by hand what becomes of a task.
    fn decide(&mut self, verb: &str, task: &str) {
        let task = self.task(task).0;
        let verdict = match verb {
            "complete" => Verdict::Complete(Payload::new("2")),
            "fail" => {
                Verdict::Fail(FailureReport { error: Arc::from("by hand"), ..FailureReport::default() })
            }
            "skip" => Verdict::Skip(None),
            _ => Verdict::Skip(Some(Payload::new("3"))),
        };
        self.command(Command::SettleTask { task, verdict, note: Note::default() });
    }

    fn report(&mut self, verb: &str, name: &str, task: &str) {
        let (session, fences) = self.sessions[name];
        let (id, attempt) = self.task(task);
        let current = self.engine.state.task(id).map(|task| task.attempt);
        let attempt = attempt.or(current.filter(|_| fences));
        let task = TaskRef::Id(id);
        let failure = |error: &str| FailureReport { error: Arc::from(error), ..FailureReport::default() };
        let failed = |report| Command::FailTask { session, task: task.clone(), attempt, report };
        self.command(match verb {
            "accept" => Command::AcceptTask { session, task, attempt },
            "done" => {
                Command::CompleteTask { session, task, attempt, result: Payload::new("1"), usage: None }
            }
            "centuries" => failed(FailureReport {
                retryable: Some(true),
                retry_after_ms: Some(u64::MAX),
                ..failure("later")
            }),
            "fail" => failed(FailureReport { retryable: Some(true), ..failure("no") }),
            "refuse" => failed(failure("Service at capacity")),
            "stopped" => failed(failure("Task cancelled")),
            "later" => failed(FailureReport { retry_after_ms: Some(7_000), ..failure("busy") }),
            "huge" => {
                let why = Rejection::new(PAYLOAD_TOO_LARGE, "too large");
                Command::RefuseResult { session, task, attempt, why }
            }
            "nohandler" => failed(failure("No handler registered for task type text")),
            other => panic!("no story has the word {other}"),
        });
    }

    /// A task, and the attempt where one is named.
    fn task(&self, text: &str) -> (TaskId, Option<AttemptNo>) {
        let (name, attempt) = text.split_once('#').map_or((text, None), |(name, no)| (name, no.parse().ok()));
        let index = self.submitted.find(name).expect("stories name the tasks they have");
        (TaskId::new(id(), index), attempt.map(AttemptNo))
    }

    fn command(&mut self, command: Command) {
        let told: Arc<Mutex<Option<Answer>>> = Arc::default();
        let answer = Arc::clone(&told);
        let reply = Box::new(move |said| *answer.lock().unwrap() = Some(said));
        self.turn(vec![Input::Command { command, reply: Some(reply) }]);
        if let Some(Err(rejection)) = told.lock().unwrap().take() {
            writeln!(self.told, "  refused: {}", rejection.code.entry().name).unwrap();
        }
    }

    fn wait(&mut self, text: &str) {
        let until = self.now.plus(seconds(text) * 1_000);
        while self.now < until {
            let next = self.engine.next_deadline().unwrap_or(until);
            self.now = next.clamp(self.now.plus(1), until);
            self.turn(Vec::new());
        }
    }

    fn turn(&mut self, inputs: Vec<Input>) {
        let turn = self.engine.step(self.now, inputs.into_iter());
        self.take(turn.records, turn.outputs);
    }

    fn recover(&mut self) {
        let turn = self.engine.recover(self.now);
        self.take(turn.records, turn.outputs);
    }

    fn take(&mut self, records: Vec<Record>, outputs: Vec<Output>) {
        for record in records {
            if let Some(line) = self.line(&record.event) {
                let at = record.at.since(START);
                writeln!(self.told, "{:>5}.{:03} {line}", at / 1_000, at % 1_000).unwrap();
            }
            self.records.push(record);
        }
        let mut found = Vec::new();
        for output in outputs {
            match output {
                Output::LookUp(lookup) => found.push(Input::Found(Box::new(lookup.perform(&*self.views)))),
                Output::Answer { reply, answer } => reply(answer),
                Output::Cancel { stopped, .. } => {
                    let task = self.name(stopped.task);
                    writeln!(self.told, "          tell: stop {task}#{}", stopped.attempt).unwrap();
                }
                Output::Assign(assignment) if assignment.session == COURIER => {
                    let task = self.name(assignment.task);
                    writeln!(self.told, "          post {task}#{}", assignment.attempt).unwrap();
                }
                Output::Deliver(_)
                | Output::Assign(_)
                | Output::Close(_)
                | Output::Announce(_)
                | Output::Publish(_)
                | Output::Discard(_)
                | Output::Archive(_)
                | Output::Checkpoint(_) => {}
            }
        }
        let state = &self.engine.state;
        let sound = invariants::check(state)
            .and_then(|()| invariants::check_progress(state))
            .and_then(|()| invariants::check_indexes(state))
            .and_then(|()| invariants::check_presence(state, &self.engine.presence))
            .and_then(|()| match self.engine.admission {
                Admission::DiskFull { .. } => Ok(()),
                Admission::Open | Admission::StoreLags => {
                    invariants::check_deadlines(state, &self.engine.presence, self.now)
                }
            });
        sound.unwrap_or_else(|broken| panic!("{broken}\nafter:\n{}", self.told));
        if !found.is_empty() {
            self.turn(found);
        }
    }

    fn restart(&mut self, down_seconds: u64) {
        self.now = self.now.plus(down_seconds * 1_000);
        let mut state = self.checkpoint.clone().map(CheckpointInput::restore).unwrap_or_default();
        let known = usize::try_from(state.next_seq.0).unwrap()
            - usize::try_from(State::default().next_seq.0).unwrap();
        self.records.iter().skip(known).for_each(|record| state.apply(record));
        self.sessions.clear();
        self.engine = Engine::new(state, Limits::default(), Arc::clone(&self.views) as _, 1);
        self.recover();
        self.turn(Vec::new());
    }

    fn archive(&mut self) {
        let workflow = self.engine.state.workflow(id()).expect("the story has a workflow").clone();
        let ended_seq = workflow.ended_seq.expect("only ended workflows are archived");
        self.views.put(workflow);
        self.turn(vec![Input::Archived { workflow: id(), ended_seq }]);
    }

    fn history(&mut self, task: TaskId) {
        let known = self.engine.state.task(task).and_then(|task| task.trouble.clone());
        for note in known.iter().flat_map(|trouble| &trouble.history) {
            writeln!(self.told, "   history: attempt {} {}", note.attempt, note.code.entry().name).unwrap();
        }
    }

    fn name(&self, task: TaskId) -> String {
        self.submitted.task(task.index).key.as_deref().unwrap_or("?").to_owned()
    }

    /// How the tasks stand in the end.
    fn show(&mut self) {
        let Some(workflow) = self.engine.state.workflow(id()) else {
            self.told.push_str("archived\n");
            return;
        };
        let tasks = (0..workflow.spec.total()).map(|index| {
            format!("{} {}", self.name(TaskId::new(id(), index)), workflow.task(index).status.name())
        });
        let tasks: Vec<String> = tasks.collect();
        writeln!(self.told, "{}: {}", workflow.status.name(), tasks.join(", ")).unwrap();
    }
}

fn seconds(text: &str) -> u64 {
    text.trim_end_matches('s').parse().expect("times are written in seconds")
}
