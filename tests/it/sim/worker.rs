//! Workers with good and bad manners, as the world sees them: what they do, not what the engine thinks of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use gleitzeit::core::command::{TaskRef, WorkerFacts};
use gleitzeit::core::ids::{AttemptNo, SessionId, TaskId, WorkflowId};

use super::rng::Rng;
use super::specs::Trade;

/// How a worker behaves; numbers are cases in a thousand.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each habit is independent of the others")]
pub struct Manners {
    pub accept: u64,
    pub accept_ms: (u64, u64),
    pub work_ms: (u64, u64),
    pub hang: u64,
    pub fail: u64,
    pub duplicate: u64,
    pub lie: u64,
    pub no_handler: u64,
    /// Holds no more than this, whatever it declared.
    pub at_most: usize,
    pub stops_when_told: u64,
    pub heartbeats: bool,
    /// Says at a reconnect, and in heartbeats, what it holds.
    pub names_active: bool,
    /// Says in heartbeats how many it holds.
    pub counts_active: bool,
    /// Sends reports that were not answered again after a reconnect.
    pub sends_again: bool,
    /// The connection breaks after about this long.
    pub breaks_ms: Option<u64>,
    /// At a break it loses what it was doing.
    pub forgets: u64,
    /// It says goodbye.
    pub clean: u64,
    /// Sends nothing at all any more after this time.
    pub silent_after_ms: Option<u64>,
}

impl Manners {
    pub fn healthy() -> Self {
        Self {
            accept: 1_000,
            accept_ms: (1, 40),
            work_ms: (5, 400),
            hang: 0,
            fail: 0,
            duplicate: 0,
            lie: 0,
            no_handler: 0,
            at_most: usize::MAX,
            stops_when_told: 1_000,
            heartbeats: true,
            names_active: true,
            counts_active: false,
            sends_again: true,
            breaks_ms: None,
            forgets: 0,
            clean: 0,
            silent_after_ms: None,
        }
    }

    /// One of the characters that one meets.
    pub fn random(rng: &mut Rng) -> Self {
        let plain = Self { fail: rng.range(0, 200), ..Self::healthy() };
        let legacy =
            Self { names_active: false, sends_again: false, counts_active: rng.chance(500), ..plain.clone() };
        let plain = if rng.chance(400) { legacy } else { plain };
        match rng.range(0, 11) {
            0 | 1 => plain,
            2 => Self { accept_ms: (500, 4_000), work_ms: (3_000, 120_000), ..plain },
            3 => Self { accept: rng.range(0, 600), ..plain },
            4 => Self { hang: rng.range(200, 1_000), ..plain },
            5 => Self { lie: 400, duplicate: 300, ..plain },
            6 => Self { duplicate: 800, work_ms: (5, 30_000), ..plain },
            7 => Self { at_most: rng.index(3), ..plain },
            8 => Self { no_handler: rng.range(100, 700), ..plain },
            9 => Self {
                breaks_ms: Some(rng.range(2_000, 60_000)),
                forgets: rng.range(0, 1_000),
                clean: rng.range(0, 500),
                work_ms: (1_000, 40_000),
                ..plain
            },
            10 => {
                Self { silent_after_ms: Some(rng.range(5_000, 90_000)), heartbeats: rng.chance(500), ..plain }
            }
            _ => Self { stops_when_told: 0, work_ms: (20_000, 200_000), fail: 600, ..plain },
        }
    }
}

#[derive(Debug)]
pub struct Worker {
    pub trade: Trade,
    pub facts: Arc<WorkerFacts>,
    /// How often it is heard of.
    pub heartbeat_ms: u64,
    pub manners: Manners,
    pub session: Option<SessionId>,
    /// Registered on the present connection, as far as it was told.
    pub life: u32,
    pub connected_at: u64,
    /// What it runs.
    pub jobs: BTreeMap<(TaskId, AttemptNo), Job>,
    /// Reports that were not answered.
    pub unanswered: Vec<Report>,
    /// It will not come back.
    pub retired: bool,
}

#[derive(Debug, Clone)]
pub struct Job {
    pub reference: TaskRef,
    /// What an earlier client knows it by, and nothing else.
    pub wire_id: Arc<str>,
    pub taken_at: u64,
}

#[derive(Debug, Clone)]
pub struct Report {
    pub task: TaskId,
    pub attempt: AttemptNo,
    pub reference: TaskRef,
    /// Absent for a failure.
    pub result: Option<Arc<str>>,
}

impl Worker {
    pub fn new(trade: Trade, facts: WorkerFacts, heartbeat_ms: u64, manners: Manners) -> Self {
        Self {
            trade,
            facts: Arc::new(facts),
            heartbeat_ms,
            manners,
            session: None,
            life: 0,
            connected_at: 0,
            jobs: BTreeMap::new(),
            unanswered: Vec::new(),
            retired: false,
        }
    }

    pub fn random(rng: &mut Rng, number: usize) -> Self {
        let trade = *rng.pick(&Trade::REMOTE);
        let manners = Manners::random(rng);
        let fences = manners.names_active;
        let capacity = u32::try_from(rng.range(1, 5)).expect("small");
        // The earlier clients do not say how often they are heard of.
        let heartbeat_ms = *rng.pick(if fences { &[5_000, 30_000] } else { &[30_000, 90_000] });
        let facts =
            trade.facts(&format!("worker-{number}"), capacity, fences, fences.then_some(heartbeat_ms));
        Self::new(trade, facts, heartbeat_ms, manners)
    }

    /// A service of the base protocol in good health that is killed from time to time, or only cut off, and comes back under its
    /// node id.
    pub fn mortal(rng: &mut Rng, number: usize) -> Self {
        let trade = *rng.pick(&Trade::REMOTE);
        let manners = Manners {
            names_active: false,
            sends_again: false,
            counts_active: rng.chance(500),
            work_ms: (1_000, 120_000),
            breaks_ms: Some(rng.range(60_000, 240_000)),
            forgets: *rng.pick(&[500, 1_000]),
            ..Manners::healthy()
        };
        Self::new(trade, trade.facts(&format!("worker-{number}"), 3, false, None), 30_000, manners)
    }

    pub fn is_mute(&self, now: u64) -> bool {
        self.manners.silent_after_ms.is_some_and(|after| now > self.connected_at + after)
    }

    /// The number that goes with a report; the older clients know none.
    pub fn numbered(&self, attempt: AttemptNo) -> Option<AttemptNo> {
        self.facts.fences.then_some(attempt)
    }
}

/// How a worker names a task: by the id on the wire, with the workflow unless the id says it all.
pub fn reference(task: TaskId, wire_id: &str, workflow: WorkflowId) -> TaskRef {
    if TaskId::parse(wire_id).is_some() {
        return TaskRef::Id(task);
    }
    let uuid = wire_id.len() == 36;
    TaskRef::Own { id: Arc::from(wire_id), workflow: (!uuid).then_some(workflow) }
}
