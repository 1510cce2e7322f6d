//! Who is connected, what is out, and what came back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Notify;

use super::Load;
use crate::cli::conformance::assignment::Order;
use crate::cli::conformance::peer::{Ear, Heard, Peer, Welcome};
use crate::cli::latency::Latency;
use crate::clock;
use crate::core::errors::{STALE_ATTEMPT, TASK_NOT_FOUND};
use crate::core::ids::Seq;
use crate::core::rejection::Rejection;
use crate::protocol::socket::{
    Acknowledged, Authenticated, Refused, RegisterPayload, RegisteredNode, Shutdown, first_argument, read,
};

/// Two heartbeats fit into it. Nobody is given up here for being silent.
const LEASE_MS: u64 = 60_000;
/// One part of all tasks is left out: whoever starts has much to do for the first time.
const WARM_UP_SHARE: u32 = 10;
/// The first few tell what is wrong.
const ERRORS_KEPT: usize = 3;

/// Shared by all connections.
#[derive(Debug)]
pub(super) struct Desk {
    state: Mutex<State>,
    begun: Notify,
    ended: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub load: Load,
    nodes: BTreeMap<u64, Node>,
    /// Tasks that were given out for the first time.
    issued: u32,
    /// Tasks that came back undone, with the number of their next attempt.
    again: Vec<Attempt>,
    began: bool,
    pub services: u32,
    pub window: u32,
    pub completed: u32,
    pub failed: u32,
    /// A node that holds as many as it can said so.
    pub refused: u32,
    /// Reports of what the node does not hold.
    pub stray: u32,
    pub errors: Vec<String>,
    pub latency: Latency,
    warm_at: Option<Instant>,
    last_at: Option<Instant>,
}

#[derive(Debug)]
struct Node {
    peer: Peer,
    order: Order,
    window: usize,
    takes_more: bool,
    out: FxHashMap<u32, Sent>,
}

#[derive(Debug, Clone, Copy)]
struct Attempt {
    task: u32,
    number: u32,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    attempt: u32,
    at: Instant,
}

/// What of a report is looked at; its result is not.
#[derive(Debug, Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    task_id: Cow<'a, str>,
    attempt: Option<u32>,
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
}

impl Desk {
    pub fn new(load: Load) -> Self {
        let state = State {
            load,
            nodes: BTreeMap::new(),
            issued: 0,
            again: Vec::new(),
            began: false,
            services: 0,
            window: 0,
            completed: 0,
            failed: 0,
            refused: 0,
            stray: 0,
            errors: Vec::new(),
            latency: Latency::default(),
            warm_at: None,
            last_at: None,
        };
        Self { state: Mutex::new(state), begun: Notify::new(), ended: Notify::new() }
    }

    /// Waits until enough services have registered.
    pub async fn begun(&self) {
        self.begun.notified().await;
    }

    /// Waits until every task has ended.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    pub fn say_farewell(&self) {
        let farewell = Shutdown { reason: "the measurement is over", restart: false };
        for node in self.lock().nodes.values() {
            node.peer.emit(Shutdown::EVENT, &farewell);
        }
    }

    /// The state holds plain counts, which are whole after a panic too.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Welcome for Arc<Desk> {
    type Ear = Line;

    fn welcome(&self, peer: Peer) -> Line {
        Line { desk: Arc::clone(self), peer }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Line {
    desk: Arc<Desk>,
    peer: Peer,
}

impl Ear for Line {
    fn hear(&self, heard: Heard<'_>) {
        let Heard::Event { name, arguments, ack_id } = heard else {
            self.desk.lock().note_error("an event is binary or has no name");
            return;
        };
        let done = match &*name {
            "authenticate" => {
                self.peer.emit(Authenticated::EVENT, &Authenticated::SUCCESS);
                self.peer.acknowledge(ack_id, &Authenticated::SUCCESS);
                return;
            }
            "node:register" => match self.register(arguments, ack_id) {
                Ok(()) => return,
                Err(rejection) => Err(rejection),
            },
            "task:completed" => self.end(arguments, Ended::Completed),
            "task:failed" => self.end(arguments, Ended::Failed),
            "node:status" => {
                self.desk.lock().drain(self.peer.number, arguments);
                Ok(())
            }
            // Acceptance, progress and heartbeats change nothing here.
            _ => Ok(()),
        };
        match done {
            Ok(()) => self.peer.acknowledge(ack_id, &Acknowledged::at(Seq(0))),
            Err(rejection) => {
                self.peer.acknowledge(ack_id, &Refused::from(&rejection));
                self.desk.lock().note_error(&format!("{name}: {rejection}"));
            }
        }
    }

    fn gone(&self) {
        self.desk.lock().leave(self.peer.number);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Completed,
    Failed,
}

impl Line {
    fn register(&self, arguments: &str, ack_id: Option<i64>) -> Result<(), Rejection> {
        let payload: RegisterPayload<'_> = first_argument(arguments, read)?;
        let facts = payload.facts()?;
        let lease = (LEASE_MS, LEASE_MS / 2);
        let answer = RegisteredNode::new(Seq(0), &facts.worker.0, self.peer.number, lease, Vec::new());
        // Before the first task, as the server has it.
        self.peer.acknowledge(ack_id, &answer);
        let mut state = self.desk.lock();
        let window = facts.capacity.min(state.load.window);
        let order = Order::new(&facts, &state.load.task_type, &json!({"do": "echo"}));
        let node = Node {
            peer: self.peer.clone(),
            order,
            window: window as usize,
            takes_more: true,
            out: FxHashMap::default(),
        };
        state.leave(self.peer.number);
        state.nodes.insert(self.peer.number, node);
        state.window = state.window.max(window);
        state.services = state.services.max(u32::try_from(state.nodes.len()).unwrap_or(u32::MAX));
        if !state.began && state.nodes.len() >= state.load.services as usize {
            state.began = true;
            self.desk.begun.notify_one();
        }
        state.fill_all();
        Ok(())
    }

    fn end(&self, arguments: &str, how: Ended) -> Result<(), Rejection> {
        let said: Said<'_> = first_argument(arguments, read)?;
        let mut state = self.desk.lock();
        state.end(self.peer.number, &said, how)?;
        if state.ended() == state.load.tasks {
            self.desk.ended.notify_one();
        }
        Ok(())
    }
}

impl State {
    /// Tasks that will not be given out again.
    pub fn ended(&self) -> u32 {
        self.completed + self.failed
    }

    /// Tasks behind the warm-up, and how long they took.
    pub fn measured(&self) -> (u32, Duration) {
        let (Some(from), Some(until)) = (self.warm_at, self.last_at) else { return (0, Duration::ZERO) };
        (self.ended().saturating_sub(self.warm_up()), until.saturating_duration_since(from))
    }

    fn warm_up(&self) -> u32 {
        self.load.tasks / WARM_UP_SHARE
    }

    fn end(&mut self, number: u64, said: &Said<'_>, how: Ended) -> Result<(), Rejection> {
        let now = clock::instant();
        let Some(node) = self.nodes.get_mut(&number) else {
            self.stray += 1;
            return Err(unknown(said));
        };
        let task = said.task_id.parse().ok();
        let Some((task, sent)) = task.and_then(|task| node.out.get(&task).map(|sent| (task, *sent))) else {
            self.stray += 1;
            return Err(unknown(said));
        };
        if said.attempt.is_some_and(|attempt| attempt != sent.attempt) {
            self.stray += 1;
            return Err(Rejection::new(STALE_ATTEMPT, format!("attempt {} is out", sent.attempt)));
        }
        node.out.remove(&task);
        let error = said.error.as_deref().unwrap_or_default();
        match how {
            Ended::Completed => {
                self.completed += 1;
                self.note_end(now, sent.at);
            }
            Ended::Failed if error == "Service at capacity" || error == "Node at capacity" => {
                // As many as it holds now are as many as it takes.
                node.window = node.out.len().max(1);
                self.refused += 1;
                self.again.push(Attempt { task, number: sent.attempt + 1 });
                return Ok(());
            }
            Ended::Failed => {
                self.failed += 1;
                self.note_error(error);
                self.note_end(now, sent.at);
            }
        }
        self.fill(number);
        Ok(())
    }

    fn note_end(&mut self, now: Instant, sent: Instant) {
        let (ended, warm_up) = (self.ended(), self.warm_up());
        if ended > warm_up {
            self.latency.note(now.saturating_duration_since(sent));
        }
        if ended == warm_up || self.warm_at.is_none() && warm_up == 0 {
            self.warm_at = Some(if warm_up == 0 { sent } else { now });
        }
        self.last_at = Some(now);
    }

    pub fn note_error(&mut self, error: &str) {
        if self.errors.len() < ERRORS_KEPT && !self.errors.iter().any(|known| known == error) {
            self.errors.push(error.to_owned());
        }
    }

    /// A node that wants no more work says so.
    fn drain(&mut self, number: u64, arguments: &str) {
        #[derive(Deserialize)]
        struct Status<'a> {
            #[serde(borrow)]
            status: Cow<'a, str>,
        }
        let status: Result<Status<'_>, Rejection> = first_argument(arguments, read);
        if let (Ok(Status { status }), Some(node)) = (status, self.nodes.get_mut(&number)) {
            node.takes_more = status != "draining";
        }
    }

    /// What a connection held goes to others.
    fn leave(&mut self, number: u64) {
        let Some(node) = self.nodes.remove(&number) else { return };
        let mut held: Vec<_> = node.out.into_iter().collect();
        held.sort_unstable_by_key(|(task, _)| *task);
        self.again.extend(held.into_iter().map(|(task, sent)| Attempt { task, number: sent.attempt + 1 }));
        self.fill_all();
    }

    fn fill_all(&mut self) {
        let numbers: Vec<u64> = self.nodes.keys().copied().collect();
        for number in numbers {
            self.fill(number);
        }
    }

    fn fill(&mut self, number: u64) {
        let Some(node) = self.nodes.get_mut(&number).filter(|node| self.began && node.takes_more) else {
            return;
        };
        while node.out.len() < node.window {
            let next = self.again.pop().or_else(|| {
                let task = self.issued;
                (task < self.load.tasks).then(|| {
                    self.issued += 1;
                    Attempt { task, number: 1 }
                })
            });
            let Some(Attempt { task, number }) = next else { return };
            let at = clock::instant();
            node.out.insert(task, Sent { attempt: number, at });
            // Whoever cannot be reached is about to leave, and its tasks go to others then.
            if !node.order.assign(&node.peer, &task.to_string(), number) {
                return;
            }
        }
    }
}

fn unknown(said: &Said<'_>) -> Rejection {
    Rejection::new(TASK_NOT_FOUND, format!("task {} is not out to this node", said.task_id))
}
