//! One worker, as far as it is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::doubt::Older;
use super::pulse::Pulse;
use crate::core::command::{Progress, Reported, WorkerFacts, WorkerKind, WorkerStatus};
use crate::core::event::Delivery;
use crate::core::ids::{AttemptNo, SessionId, TaskId, Timestamp, WorkerId};
use crate::core::limits::Limits;
use crate::core::spec::Priority;
use crate::core::state::{Breaker, ClassId, Phase, State};

/// How many times the general limit a worker may be silent whose heartbeats are not known yet. With the default this
/// is the longest interval that a worker may declare.
const UNKNOWN_PULSE_LIVENESSES: u64 = 10;

/// Refusals that one worker's record remembers; beyond it the oldest waits have passed anyway.
const REFUSALS_MAX: usize = 10_000;

#[derive(Debug)]
pub struct Present {
    pub facts: Arc<WorkerFacts>,
    /// Absent while the connection is broken.
    pub session: Option<SessionId>,
    pub connected_at: Timestamp,
    pub last_seen: Timestamp,
    pub last_heartbeat: Option<Timestamp>,
    /// What it had accepted when that heartbeat came. A list that follows was made later, so it names these.
    pub(in crate::core) accepted_by_heartbeat: Vec<(TaskId, AttemptNo)>,
    pub status: WorkerStatus,
    /// An operator asked that it gets no new work.
    pub drained: bool,
    pub reported: Reported,
    /// Latest progress of what it runs.
    pub progress: FxHashMap<TaskId, (Timestamp, Progress)>,
    /// The latest try to hand on what has not been taken yet, of the desk that does.
    pub handed_on: FxHashMap<TaskId, Delivery>,
    /// What it can really hold, as its refusal showed. It holds until the worker is heard of again.
    pub(super) correction: Option<u32>,
    /// What it held when its connection had no room for more, until it is asked again.
    pub(super) no_room: Option<u32>,
    /// It was silent for too long or left an offer unanswered, and gets nothing until it is heard of again.
    unheard: bool,
    pub(super) pulse: Pulse,
    /// What it held when this connection began.
    pub(super) older: Vec<Older>,
    /// Heartbeats in a row that count no more than was accepted since.
    pub(in crate::core) low_counts: u32,
    pub(super) refusals: FxHashMap<TaskId, Refusal>,
    /// Tasks for which it said on this connection that it has no handler. With the next one it may have others.
    pub(super) no_handler: FxHashSet<TaskId>,
    pub(in crate::core) serves: BTreeSet<ClassId>,
    /// Its place in the turns of each class while it has free slots.
    pub(super) turns: BTreeMap<ClassId, u64>,
    credits: [u32; 4],
}

#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    pub until: Timestamp,
    pub why: Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It had no room. Each time it is left alone for longer.
    Full { delay_ms: u64 },
    /// It said itself until when it cannot begin.
    Postponed,
}

impl Present {
    pub(super) fn new(session: SessionId, facts: Arc<WorkerFacts>, now: Timestamp) -> Self {
        Self {
            facts,
            session: Some(session),
            connected_at: now,
            last_seen: now,
            last_heartbeat: None,
            accepted_by_heartbeat: Vec::new(),
            status: WorkerStatus::Healthy,
            drained: false,
            reported: Reported::default(),
            progress: FxHashMap::default(),
            handed_on: FxHashMap::default(),
            correction: None,
            no_room: None,
            unheard: false,
            pulse: Pulse::new(now),
            older: Vec::new(),
            low_counts: 0,
            refusals: FxHashMap::default(),
            no_handler: FxHashSet::default(),
            serves: BTreeSet::new(),
            turns: BTreeMap::new(),
            credits: Priority::ALL.map(Priority::weight),
        }
    }

    /// A worker that is only known from its grants.
    pub(super) fn absent(worker: WorkerId, name: Arc<str>, now: Timestamp) -> Self {
        let facts = WorkerFacts {
            worker,
            name,
            kind: WorkerKind::Service,
            task_types: BTreeSet::new(),
            functions: None,
            capabilities: Vec::new(),
            capacity: 1,
            cpu_cores: 0,
            memory_mb: 0,
            gpu_memory_mb: 0,
            has_gpu: false,
            models: BTreeSet::new(),
            tags: BTreeSet::new(),
            remarks: BTreeMap::new(),
            heartbeat_ms: None,
            fences: false,
            restart_aware: false,
            allowed_types: None,
            instance: None,
            owner: None,
        };
        Self { session: None, status: WorkerStatus::Offline, ..Self::new(SessionId(0), Arc::new(facts), now) }
    }

    pub fn is_connected(&self) -> bool {
        self.session.is_some()
    }

    /// Whoever sends the number of an attempt tells its attempts apart, whatever it declared.
    pub(super) fn learn_fencing(&mut self) {
        if !self.facts.fences {
            Arc::make_mut(&mut self.facts).fences = true;
        }
    }

    /// Two of its own heartbeats, as it promised or as they are seen, and never less than the general limit.
    pub fn liveness_ms(&self, limits: &Limits) -> u64 {
        let interval_ms = self.facts.heartbeat_ms.unwrap_or_else(|| self.pulse.interval_ms());
        limits.liveness_ms.max(2 * interval_ms)
    }

    /// How long it may be silent. Whoever does not say how often it will be heard of, as the earlier clients, and has
    /// not shown it yet, has a longer time: its first heartbeat comes a whole interval late. A connection that ends
    /// shows anyway, and so does an offer that is not answered.
    pub fn silence_limit(&self, limits: &Limits) -> u64 {
        let known = self.facts.heartbeat_ms.is_some() || self.pulse.is_known() || !self.is_connected();
        let liveness_ms = self.liveness_ms(limits);
        if known { liveness_ms } else { liveness_ms.max(UNKNOWN_PULSE_LIVENESSES * limits.liveness_ms) }
    }

    /// The worker says something. Tells whether it may get work again that it was not given before.
    pub(super) fn hear(&mut self, now: Timestamp) -> bool {
        self.last_seen = now;
        let was_full = self.correction.take().is_some();
        let was_unheard = std::mem::take(&mut self.unheard);
        was_full || was_unheard
    }

    /// The worker did not say what it should have said by now. Those inside the binary have no heartbeats.
    pub(super) fn miss(&mut self) {
        self.unheard = self.facts.kind != WorkerKind::BuiltIn;
    }

    /// Whether it gets no work because it has said nothing for too long.
    pub const fn is_unheard(&self) -> bool {
        self.unheard
    }

    /// Whether a heartbeat counts no more tasks than were accepted on this connection. The events of a connection
    /// are handled in their order, so what it accepted before the heartbeat is known exactly; what is only offered
    /// may still be on its way, and is not in the count.
    pub(in crate::core) fn counts_too_few(&self, state: &State, count: Option<u32>) -> bool {
        let all = accepted(state, &self.facts.worker).count();
        let older = self.older(state).filter(|(_, grant)| grant.phase == Phase::Accepted).count();
        count.is_some_and(|count| count as usize <= all - older)
    }

    /// Slots it has at all, as far as is known now.
    pub fn capacity(&self) -> u32 {
        [self.correction, self.no_room].into_iter().flatten().fold(self.facts.capacity, u32::min)
    }

    /// Attempts that may be offered to it now.
    pub fn free_slots(&self, state: &State, now: Timestamp) -> u32 {
        if !self.is_connected() || self.unheard || self.drained || !self.status.takes_work() {
            return 0;
        }
        let used = state.grants.count(&self.facts.worker);
        let free = self.capacity().saturating_sub(used);
        match state.breaker(&self.facts.name, now) {
            Breaker::Closed => free,
            Breaker::Open { .. } => 0,
            Breaker::HalfOpen => free.min(u32::from(used == 0)),
        }
    }

    /// Whether the worker still has turns for this priority before the others come to theirs.
    pub(in crate::core) fn has_credit(&self, priority: Priority) -> bool {
        self.credits.get(priority as usize).is_some_and(|credit| *credit > 0)
    }

    pub(super) fn charge(&mut self, priority: Priority) {
        if !self.has_credit(priority) {
            self.credits = Priority::ALL.map(Priority::weight);
        }
        if let Some(credit) = self.credits.get_mut(priority as usize) {
            *credit -= 1;
        }
    }

    /// Notes a refusal and says until when the pair is left alone.
    pub(super) fn refuse(&mut self, task: TaskId, limits: &Limits, now: Timestamp) -> Timestamp {
        let doubled = match self.refusals.get(&task).map(|refusal| refusal.why) {
            Some(Refused::Full { delay_ms }) => delay_ms * 2,
            Some(Refused::Postponed) | None => limits.refusal_backoff_ms,
        };
        let delay_ms = doubled.min(limits.refusal_backoff_max_ms);
        let until = now.plus(delay_ms);
        self.note_refusal(task, Refusal { until, why: Refused::Full { delay_ms } }, now);
        until
    }

    /// Leaves the worker alone with the task until it can begin.
    pub(super) fn postpone(&mut self, task: TaskId, until: Timestamp, now: Timestamp) {
        self.note_refusal(task, Refusal { until, why: Refused::Postponed }, now);
    }

    fn note_refusal(&mut self, task: TaskId, refusal: Refusal, now: Timestamp) {
        if self.refusals.len() >= REFUSALS_MAX {
            self.refusals.retain(|_, refusal| refusal.until > now);
        }
        self.refusals.insert(task, refusal);
    }
}

/// The attempts that a worker has accepted and not ended.
pub(super) fn accepted(state: &State, worker: &WorkerId) -> impl Iterator<Item = (TaskId, AttemptNo)> {
    let accepted = state.grants.of(worker).filter(|(_, _, grant)| grant.phase == Phase::Accepted);
    accepted.map(|(task, attempt, _)| (task, attempt))
}
