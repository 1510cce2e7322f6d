//! One synchronous step of the engine: inputs in, records and outputs out.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::admission::{Admission, Kind};
use super::assign::Assignment;
use super::dispatch::{Announcement, Stopped};
use super::lookup::Found;
use super::measure::{About, Measure};
use super::turn::{Accepted, Delivery, Output, Reply, Turn};
use super::views::Views;
use crate::core::command::Command;
use crate::core::decide::{self, Decision, Existing, Inputs};
use crate::core::effect::Effect;
use crate::core::event::{Event, Record};
use crate::core::ids::{Seq, Timestamp, WorkflowId};
use crate::core::limits::{Limits, SUSPENSION_GAP};
use crate::core::presence::Presence;
use crate::core::recover;
use crate::core::rejection::Rejection;
use crate::core::state::{State, Timer, Workflow};
use crate::store::CheckpointInput;

/// Timers that one step handles; the rest follow in the next one, after whatever has arrived meanwhile.
const TIMERS_PER_STEP: usize = 1_000;

/// How long the engine sleeps at most while it watches workers.
const TICK_MS: u64 = 1_000;

/// Something for the engine to do.
pub enum Input {
    Command {
        command: Command,
        reply: Option<Reply>,
    },
    /// Looks at the state and says how to deliver what it saw. Must be cheap: it runs in the writer.
    Query(Box<dyn FnOnce(&View<'_>) -> Delivery + Send>),
    /// Somebody needs the state on the disk now.
    Checkpoint,
    /// A command about a workflow that had to be read first.
    Found(Box<Found>),
    /// The store holds this end of a workflow.
    Archived {
        workflow: WorkflowId,
        ended_seq: Seq,
    },
}

/// What a query sees.
#[derive(Debug)]
pub struct View<'a> {
    pub state: &'a State,
    pub presence: &'a Presence,
    pub now: Timestamp,
}

/// The engine's state and what decides on it.
pub struct Engine {
    pub state: State,
    pub presence: Presence,
    pub admission: Admission,
    /// Bytes that one record may have.
    pub record_bytes_max: u64,
    pub(super) views: Arc<dyn Views>,
    /// Commands that wait for their workflows to be read.
    pub(super) lookups: usize,
    pub(super) measure: Measure,
    /// Uptime at the beginning of this turn. Where nobody sets it, as in the simulation, nothing is measured by it.
    pub(super) turn_began: Duration,
    random: u64,
    /// When the latest turn began.
    last_turn: Timestamp,
}

impl Engine {
    /// Takes over a recovered state. The first turn records the start.
    pub fn new(state: State, limits: Limits, views: Arc<dyn Views>, seed: u64) -> Self {
        let presence = Presence::new(limits);
        let last_turn = state.now;
        Self {
            state,
            presence,
            admission: Admission::Open,
            record_bytes_max: u64::MAX,
            views,
            lookups: 0,
            measure: Measure::new(Arc::default()),
            turn_began: Duration::ZERO,
            random: seed,
            last_turn,
        }
    }

    /// What a restart owes: the fact of the start, and workflows that were not archived yet.
    pub fn recover(&mut self, now: Timestamp) -> Turn {
        let now = now.max(self.state.now);
        self.last_turn = now;
        let mut turn = Turn::new(self.state.next_seq);
        let started = recover::started(env!("CARGO_PKG_VERSION"), &self.presence.limits, now);
        self.commit(started, now, &mut turn);
        recover::expect_workers(&self.state, &mut self.presence, now);
        self.finish_last_turn(now, &mut turn);
        for effect in recover::recover(&self.state) {
            self.perform(effect, now, &mut turn);
        }
        turn
    }

    /// A crash may have cut a large turn between a record and what follows from it.
    fn finish_last_turn(&mut self, now: Timestamp, turn: &mut Turn) {
        let skips: Vec<Event> = self.state.workflows.values().flat_map(decide::overdue_skips).collect();
        for event in skips {
            self.commit(event, now, turn);
        }
        let all = self.state.workflows.keys().copied().collect();
        self.settle(all, now, turn);
    }

    /// When the next step is due even if nothing arrives.
    ///
    /// While anybody is watched the engine wakes once a second: a pause of the process shows only by a turn that
    /// comes too late. While the disk is full no deadline passes, and it looks as often whether there is room again.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let tick = self.last_turn.plus(TICK_MS);
        if !self.admission.decides() {
            return Some(tick);
        }
        let watched = self.presence.next_deadline();
        [self.state.timers.next(), watched, watched.map(|_| tick)].into_iter().flatten().min()
    }

    /// Handles all inputs, then the passage of time, then hands ready tasks to free workers.
    pub fn step(&mut self, now: Timestamp, inputs: impl Iterator<Item = Input>) -> Turn {
        let now = now.max(self.state.now);
        let mut turn = Turn::new(self.state.next_seq);
        // What was overdue at the turn before, as after a restart, does not make that turn any earlier.
        let overslept = self.next_deadline().map_or(0, |due| now.since(due.max(self.last_turn)));
        self.last_turn = now;
        // A suspended process finds its workers overdue although they spoke: the gap counts for nobody, and what
        // they said is read before anybody is blamed. Deadlines that begin in this turn have no gap behind them.
        if u128::from(overslept) > SUSPENSION_GAP.as_millis() {
            self.presence.shift_deadlines(overslept, now);
        }
        for input in inputs {
            self.handle(input, now, &mut turn);
        }
        if self.admission.decides() {
            self.pass_time(now, &mut turn);
            self.schedule(now, &mut turn);
        }
        turn
    }

    fn handle(&mut self, input: Input, now: Timestamp, turn: &mut Turn) {
        match input {
            Input::Command { command, reply } => self.receive(command, reply, now, turn),
            Input::Found(found) => self.resume(*found, now, turn),
            Input::Query(look) => {
                let view = View { state: &self.state, presence: &self.presence, now };
                turn.outputs.push(Output::Deliver(look(&view)));
            }
            Input::Checkpoint => {
                turn.outputs.push(Output::Checkpoint(Box::new(CheckpointInput::of(&self.state))));
            }
            // While somebody may still run a task of it, its reports are told apart by what memory knows.
            Input::Archived { workflow, ended_seq } => {
                if !self.state.lingers(workflow) {
                    self.state.forget(workflow, ended_seq);
                }
            }
        }
    }

    pub(super) fn command(
        &mut self,
        command: &Command,
        existing: Existing,
        now: Timestamp,
        turn: &mut Turn,
    ) -> Result<Accepted, Rejection> {
        let kind = Kind::of(command, &self.state);
        self.admission.admit(kind)?;
        self.presence.hear(&self.state, command, now);
        let inputs = Inputs { now, seed: self.next_random(), existing };
        let decision = decide::decide(&self.state, &self.presence, &inputs, command)?;
        self.check_size(&decision, kind)?;
        let Decision { events, effects, answer } = decision;
        let mut touched = BTreeSet::new();
        for event in events {
            touched.extend(event.workflow());
            self.commit(event, now, turn);
        }
        if answer.is_ok() {
            self.presence.observe(&self.state, command, now);
        }
        for effect in effects {
            self.perform(effect, now, turn);
        }
        self.settle(touched, now, turn);
        let seq = Seq(self.state.next_seq.0 - 1);
        answer.map(|receipt| Accepted { seq, receipt })
    }

    fn commit(&mut self, event: Event, now: Timestamp, turn: &mut Turn) {
        let about = event.task().and_then(|id| About::of(&self.state, id));
        let holder = about.as_ref().and_then(|about| about.task.holder().cloned());
        self.measure.see(&self.state, &event, about, now);
        let record = Record { at: now, event };
        self.state.apply(&record);
        self.presence.follow(&self.state, &record.event, holder.as_ref(), now);
        turn.records.push(record);
    }

    /// Workflows whose tasks have changed may have come to their end, and one that had ended may leave memory.
    fn settle(&mut self, touched: BTreeSet<WorkflowId>, now: Timestamp, turn: &mut Turn) {
        for id in touched {
            let lingered = self.state.workflow(id).is_some_and(|workflow| workflow.status.has_ended());
            if lingered && !self.state.lingers(id) {
                self.perform(Effect::Archive { workflow: id }, now, turn);
            }
            while let Some((event, effects)) = decide::settle(&self.state, &self.presence, id, now) {
                self.commit(event, now, turn);
                for effect in effects {
                    self.perform(effect, now, turn);
                }
            }
        }
    }

    fn pass_time(&mut self, now: Timestamp, turn: &mut Turn) {
        self.presence.drop_answered(&self.state);
        let due: Vec<(Timestamp, Timer)> =
            self.state.timers.due(now).take(TIMERS_PER_STEP).cloned().collect();
        for timer in due {
            // An earlier one of these may have ended the reason for this one.
            if !self.state.timers.contains(&timer) {
                continue;
            }
            let inputs = self.inputs(now);
            let (events, effects) = decide::decide_timer(&self.state, &self.presence, &inputs, &timer.1);
            self.take_effect(events, effects, now, turn);
        }
        for _ in 0..TIMERS_PER_STEP {
            let Some(due) = self.presence.pop_due(now) else { break };
            let inputs = self.inputs(now);
            let (events, effects) = decide::decide_due(&self.state, &self.presence, &inputs, &due);
            self.take_effect(events, effects, now, turn);
            self.presence.after_due(&self.state, &due, now);
        }
    }

    fn take_effect(&mut self, events: Vec<Event>, effects: Vec<Effect>, now: Timestamp, turn: &mut Turn) {
        let mut touched = BTreeSet::new();
        for event in events {
            touched.extend(event.workflow());
            self.commit(event, now, turn);
        }
        for effect in effects {
            self.perform(effect, now, turn);
        }
        self.settle(touched, now, turn);
    }

    /// Each offer takes a free slot, so this ends with the slots or with the ready tasks.
    fn schedule(&mut self, now: Timestamp, turn: &mut Turn) {
        while let Some(event) = decide::next_offer(&self.state, &self.presence, now) {
            let Event::TaskOffered { task, attempt, worker } = event.clone() else { return };
            let session = self.presence.worker(&worker).and_then(|known| known.session);
            self.commit(event, now, turn);
            if let Some(session) = session {
                self.perform(Effect::SendAssignment { session, worker, task, attempt }, now, turn);
            }
        }
    }

    fn perform(&mut self, effect: Effect, now: Timestamp, turn: &mut Turn) {
        let output = match effect {
            Effect::SendAssignment { session, worker, task, attempt } => {
                let Some(workflow) = self.state.workflow(task.workflow) else { return };
                let when = (now, self.turn_began);
                Output::Assign(Box::new(Assignment::new(workflow, task, attempt, (session, worker), when)))
            }
            Effect::SendCancel { session, task, attempt, .. } => {
                let workflow = self.state.workflow(task.workflow);
                let wire_id = workflow
                    .map_or_else(|| Arc::from(task.to_string()), |workflow| workflow.wire_id(task.index));
                let workflow_label =
                    workflow.map_or_else(|| Arc::from(task.workflow.to_string()), Workflow::label);
                Output::Cancel { session, stopped: Stopped { task, attempt, wire_id, workflow_label } }
            }
            Effect::CloseSession { session } => Output::Close(session),
            Effect::AnnounceWorker { facts } => Output::Announce(Announcement::Registered { facts, at: now }),
            Effect::AnnounceDeparture { facts } => {
                Output::Announce(Announcement::Departed { facts, at: now })
            }
            Effect::AnnounceStatus { worker, old, new } => {
                Output::Announce(Announcement::Status { worker, old, new, at: now })
            }
            Effect::PublishAccess => Output::Publish(Arc::clone(&self.state.access)),
            Effect::AnnounceSubscription => Output::Announce(Announcement::Subscriptions),
            Effect::ForwardProgress { task, attempt, progress } => {
                self.presence.note_progress(&self.state, task, &progress, now);
                let Some(workflow) = self.state.workflow(task.workflow) else { return };
                let (wire_id, label) = (workflow.wire_id(task.index), workflow.label());
                Output::Announce(Announcement::Progress { task, attempt, wire_id, label, progress, at: now })
            }
            Effect::Archive { workflow } => {
                let Some(workflow) = self.state.workflow(workflow) else { return };
                Output::Archive(Box::new(workflow.clone()))
            }
        };
        turn.outputs.push(output);
    }

    fn inputs(&mut self, now: Timestamp) -> Inputs {
        Inputs { now, seed: self.next_random(), existing: Existing::default() }
    }

    /// A linear congruential step; what uses the number scrambles it.
    const fn next_random(&mut self) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("next_seq", &self.state.next_seq).finish_non_exhaustive()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { command, .. } => f.debug_tuple("Command").field(command).finish(),
            Self::Query(_) => f.write_str("Query"),
            Self::Found(found) => f.debug_tuple("Found").field(found).finish(),
            Self::Checkpoint => f.write_str("Checkpoint"),
            Self::Archived { workflow, .. } => f.debug_tuple("Archived").field(workflow).finish(),
        }
    }
}
