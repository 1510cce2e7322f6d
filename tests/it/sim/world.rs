//! Time and chance: a queue of happenings, and the world in which one engine lives, dies and comes back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt::Write;
use std::time::Duration;

use gleitzeit::core::command::Command;
use gleitzeit::core::event::Record;
use gleitzeit::core::ids::{AttemptNo, Seq, SessionId, TaskId, WorkflowId};
use gleitzeit::core::limits::Limits;
use gleitzeit::engine::{Answer, Assigned, Found, Lookup};
use gleitzeit::log::LogOptions;
use gleitzeit::log::sim::SimDisk;

use super::checker::{Asked, Checker, Verdict};
use super::keeper::Keeper;
use super::people::People;
use super::planted::Planted;
use super::process::Process;
use super::rng::Rng;
use super::store::Store;
use super::worker::Worker;

/// When the simulated world begins: far enough from zero that a day can be taken away.
pub const EPOCH: u64 = 1_700_000_000_000;
pub const DAY: u64 = 24 * 60 * 60 * 1_000;

#[derive(Debug)]
pub enum Happening {
    /// The writer wakes.
    Step(u32),
    /// The disk is done with what was given to it.
    Commit(u32),
    Store(u32),
    Checkpoint,
    /// A request reaches the engine.
    Arrive {
        process: u32,
        session: Option<SessionId>,
        command: Box<Command>,
        call: Option<u64>,
    },
    Archived {
        process: u32,
        workflow: WorkflowId,
        ended_seq: Seq,
    },
    Answered {
        call: u64,
        answer: Box<Answer>,
    },
    ToWorker {
        session: SessionId,
        message: Box<ToWorker>,
    },
    Worker {
        index: usize,
        act: Act,
    },
    Person,
    Trouble,
    Restart,
    SpaceBack,
    /// A command is about a workflow that has left memory, and the store is asked.
    LookUp {
        process: u32,
        lookup: Box<Lookup>,
    },
    Found {
        process: u32,
        found: Box<Found>,
    },
    /// Whoever releases old log looks for the checkpoint.
    Keeper,
}

#[derive(Debug)]
pub enum ToWorker {
    Assign(Assigned),
    Cancel { task: TaskId, attempt: AttemptNo },
    Close,
}

/// What a worker does by itself. The number is its life: what it meant to do before a crash does not happen.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    Connect,
    Heartbeat(SessionId),
    Accept(u32, TaskId, AttemptNo),
    Finish(u32, TaskId, AttemptNo),
    Post(u32, TaskId, AttemptNo),
    /// Not of the desk, but of a receiver outside, which has no life that ends with the process.
    CallBack(TaskId, AttemptNo),
    Break(SessionId),
    Mischief,
}

/// One connection of a worker. Messages keep their order in each direction.
#[derive(Debug)]
pub struct Connection {
    pub worker: usize,
    pub process: u32,
    pub to_engine_at: u64,
    pub to_worker_at: u64,
    /// What is still on the way to the engine is lost.
    pub cut: bool,
}

/// Who gets an answer.
#[derive(Debug, Clone)]
pub enum Caller {
    Worker {
        index: usize,
        life: u32,
        task: TaskId,
        attempt: AttemptNo,
    },
    /// A receiver of the desk that hands on.
    Receiver {
        index: usize,
        task: TaskId,
        attempt: AttemptNo,
    },
    Keeper,
    Nobody,
}

/// The operation of the disk in which the machine dies, and what it dies of.
#[derive(Debug, Clone, Copy)]
pub struct Death {
    pub operation: u64,
    pub power_cut: bool,
}

/// How large and how hard a run is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub workflows: u64,
    pub tasks_max: u64,
    pub workers: u64,
    /// How long people and trouble go on.
    pub duration_ms: u64,
    /// Crashes, errors and full disks come about this often.
    pub trouble_ms: u64,
}

#[derive(Debug)]
pub struct World {
    pub rng: Rng,
    pub now: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    order: u64,
    pub size: Size,
    pub disk: SimDisk,
    pub options: LogOptions,
    pub store: Store,
    pub process: Option<Process>,
    pub processes: u32,
    /// Records that were being written when the process ended.
    pub written: Vec<Record>,
    pub wall_offset: i64,
    pub workers: Vec<Worker>,
    pub connections: BTreeMap<SessionId, Connection>,
    pub next_session: u64,
    pub people: People,
    pub callers: BTreeMap<u64, Caller>,
    pub keeper: Keeper,
    /// How often a part of the log was released.
    pub released: u64,
    pub checker: Checker,
    pub trouble: bool,
    /// The only trouble: the machine dies in one operation of its disk.
    pub death: Option<Death>,
    /// The only trouble: services of the base protocol are killed, and so is the server about this often.
    pub killings_ms: Option<u64>,
    pub limits: Limits,
    /// When a worker was told on a connection to stop an attempt.
    pub told: BTreeMap<(SessionId, TaskId, AttemptNo), u64>,
    pub planted: Option<Planted>,
    pub trace: Trace,
    pub seen_tasks: BTreeSet<TaskId>,
    pub crashes: u32,
    pub steps: u64,
}

#[derive(Debug)]
struct Entry {
    at: u64,
    order: u64,
    happening: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl World {
    pub fn new(seed: u64, size: Size, planted: Option<Planted>, trace: Trace) -> Self {
        let mut rng = Rng::new(seed);
        let disk = SimDisk::new(rng.next());
        let options = LogOptions::simulated(rng.range(64, 256) << 10);
        Self {
            now: EPOCH,
            queue: BinaryHeap::new(),
            order: 0,
            size,
            disk,
            options,
            store: Store::new(planted),
            process: None,
            processes: 0,
            written: Vec::new(),
            wall_offset: 0,
            workers: Vec::new(),
            connections: BTreeMap::new(),
            // Zero is the connection of the executor inside the binary.
            next_session: SessionId::FIRST_CONNECTION.0,
            people: People::default(),
            callers: BTreeMap::new(),
            keeper: Keeper::Idle,
            released: 0,
            checker: Checker::default(),
            trouble: true,
            death: None,
            killings_ms: None,
            limits: Limits::default(),
            told: BTreeMap::new(),
            planted,
            trace,
            seen_tasks: BTreeSet::new(),
            crashes: 0,
            steps: 0,
            rng,
        }
    }

    pub fn after(&mut self, ms: u64, happening: Happening) {
        self.at(self.now + ms, happening);
    }

    pub fn at(&mut self, at: u64, happening: Happening) {
        self.order += 1;
        self.queue.push(Reverse(Entry { at, order: self.order, happening }));
    }

    /// Lets everything happen that is due by `until`.
    pub fn run_until(&mut self, until: u64) -> Verdict {
        while let Some(Reverse(next)) = self.queue.peek() {
            if next.at > until {
                break;
            }
            let Some(Reverse(entry)) = self.queue.pop() else { break };
            self.now = self.now.max(entry.at);
            self.happen(entry.happening)?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Verdict {
        match happening {
            Happening::Step(process) if self.is(process) => self.step()?,
            Happening::Commit(process) if self.is(process) => self.commit()?,
            Happening::Store(process) if self.is(process) => self.store_works(),
            Happening::Step(_) | Happening::Commit(_) | Happening::Store(_) => {}
            Happening::Checkpoint => self.checkpoint(),
            Happening::Arrive { process, session, command, call } => {
                self.arrive(process, session, *command, call);
            }
            Happening::Archived { process, workflow, ended_seq } => {
                self.archived(process, workflow, ended_seq);
            }
            Happening::Answered { call, answer } => self.hear_answer(call, &answer),
            Happening::ToWorker { session, message } => self.worker_hears(session, *message)?,
            Happening::Worker { index, act } => self.act(index, act),
            Happening::Person => self.person(),
            Happening::Trouble => self.make_trouble(),
            Happening::Restart => self.start()?,
            Happening::SpaceBack => self.disk.set_space(None),
            Happening::LookUp { process, lookup } => self.look_up(process, *lookup),
            Happening::Found { process, found } => self.found(process, found),
            Happening::Keeper => self.keeper_looks(),
        }
        Ok(())
    }

    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now - EPOCH)
    }

    pub fn is(&self, process: u32) -> bool {
        self.process.as_ref().is_some_and(|known| known.number == process)
    }

    /// The whole machine sleeps: nothing happens anywhere, and then it is later.
    pub fn sleep(&mut self, ms: u64) {
        let entries = std::mem::take(&mut self.queue);
        self.queue =
            entries.into_iter().map(|Reverse(entry)| Reverse(Entry { at: entry.at + ms, ..entry })).collect();
        for connection in self.connections.values_mut() {
            connection.to_engine_at += ms;
            connection.to_worker_at += ms;
        }
        self.now += ms;
        self.note_pause(self.now, ms);
        self.trace.say(self.now, format_args!("the machine slept {ms} ms"));
    }

    /// Registers a question with the checker, and who waits for its answer.
    pub fn ask(&mut self, asked: Asked, caller: Caller) -> u64 {
        let call = self.checker.asked(asked);
        self.callers.insert(call, caller);
        call
    }
}

/// What happened, as text. Its digest tells two runs apart; the text is kept only when somebody wants to read it.
#[derive(Debug, Default)]
pub struct Trace {
    pub printed: bool,
    pub digest: u64,
    line: String,
}

impl Trace {
    pub fn printed() -> Self {
        Self { printed: true, ..Self::default() }
    }

    pub fn say(&mut self, now: u64, what: std::fmt::Arguments<'_>) {
        self.line.clear();
        let elapsed = Duration::from_millis(now - EPOCH);
        write!(self.line, "{:>11.3} {what}", elapsed.as_secs_f64()).expect("writing to a string");
        // FNV-1a.
        for byte in self.line.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.printed {
            println!("{}", self.line);
        }
    }
}
