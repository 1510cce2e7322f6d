//! One life of the engine's process: the real step, the real log, the real commit, on simulated time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use gleitzeit::core::command::Command;
use gleitzeit::core::ids::{Seq, SessionId, Timestamp, WorkflowId};
use gleitzeit::core::invariants;
use gleitzeit::core::state::State;
use gleitzeit::engine::{
    Admission, Answer, Engine, Input, Output, ReplayError, Turn, Views, Writing, Written, replay,
};
use gleitzeit::log::{Lack, Log, OpenReport, SegmentLog, Space};
use gleitzeit::store::{CheckpointInput, StoreJob};

use super::checker::Verdict;
use super::difference::difference;
use super::planted::Planted;
use super::world::{DAY, Happening, ToWorker, World};

/// How often a write that a full disk had no room for is tried again.
const SPACE_PAUSE_MS: u64 = 100;

type Answers = Arc<Mutex<Vec<(u64, Answer)>>>;

#[derive(Debug)]
pub struct Process {
    pub number: u32,
    pub engine: Engine,
    pub log: SegmentLog,
    pub inbox: VecDeque<(Input, Option<u64>)>,
    waiting: Vec<Turn>,
    committing: bool,
    writing: Writing,
    /// Engine time at the start, and world time then.
    base: (Timestamp, u64),
    pub frozen_until: u64,
    /// Answers whose outputs were released.
    answers: Answers,
}

impl Process {
    pub fn clock(&self, now: u64) -> Timestamp {
        self.base.0.plus(now - self.base.1)
    }

    fn world_time(&self, at: Timestamp) -> u64 {
        self.base.1 + at.since(self.base.0)
    }
}

impl World {
    /// The process comes up on whatever the disk holds.
    pub fn start(&mut self) -> Verdict {
        if self.process.is_some() {
            return Ok(());
        }
        let any_trouble = self.trouble && self.death.is_none() && self.killings_ms.is_none();
        if any_trouble && self.rng.chance(50) {
            self.plan_a_fault(30);
        }
        let (log, report, state) = match self.open() {
            Ok(opened) => opened,
            Err(error) => {
                self.trace.say(self.now, format_args!("the process does not come up: {error}"));
                if !self.trouble {
                    return Err(format!("the process does not come up on a healthy machine: {error}"));
                }
                self.crashes += 1;
                let cut = self.dies_of_a_power_cut();
                self.disk = if cut { self.disk.power_cut() } else { self.disk.killed() };
                self.after(1_000, Happening::Restart);
                return Ok(());
            }
        };
        let state = self.recovered_state(&log, state)?;
        self.processes += 1;
        let wall = self.now.saturating_add_signed(self.wall_offset);
        let base = Timestamp(wall).max(state.now);
        let views: Arc<dyn Views> = Arc::clone(&self.store.views) as Arc<dyn Views>;
        let mut engine = Engine::new(state, self.limits.clone(), views, self.rng.next());
        engine.record_bytes_max = log.limits().record;
        let turn = engine.recover(base);
        let writing = Writing::new(log.next_seq());
        let number = self.processes;
        self.trace.say(self.now, format_args!("process {number} is up at {:?}, {report:?}", log.next_seq()));
        self.process = Some(Process {
            number,
            engine,
            log,
            inbox: VecDeque::new(),
            waiting: vec![turn],
            committing: false,
            writing,
            base: (base, self.now),
            frozen_until: 0,
            answers: Answers::default(),
        });
        self.commit_soon();
        self.after(0, Happening::Step(number));
        self.welcome_workers();
        Ok(())
    }

    fn open(&self) -> Result<(SegmentLog, OpenReport, State), ReplayError> {
        let (log, report) = self.disk.open_log(self.options)?;
        let mut state = State::default();
        replay(&mut state, &*log.reader())?;
        Ok((log, report, state))
    }

    /// Checks what was replayed against what was promised, and perhaps takes the way over the checkpoint.
    fn recovered_state(&mut self, log: &SegmentLog, mut state: State) -> Result<State, String> {
        let reader = log.reader();
        if self.planted == Some(Planted::RecordLostInReplay) {
            state = Planted::replay_without_one(&*reader, &mut self.rng)?;
        }
        let written = std::mem::take(&mut self.written);
        self.checker.recovered(&*reader, &state, &written)?;
        invariants::check(&state)?;
        invariants::check_indexes(&state)?;
        let Some(picture) = self.store.checkpoint().filter(|_| self.rng.chance(700)) else {
            return Ok(state);
        };
        let mut restored = picture.restore();
        replay(&mut restored, &*reader).map_err(|error| error.to_string())?;
        let shelved: Vec<(WorkflowId, Seq)> = state
            .workflows
            .values()
            .filter(|workflow| restored.workflow(workflow.id).is_none())
            .filter_map(|workflow| Some((workflow.id, workflow.ended_seq?)))
            .collect();
        for (id, ended) in shelved {
            if self.store.views.load(id).expect("memory can be read").is_none() {
                return Err(format!("workflow {id} is neither in the checkpoint nor in the store"));
            }
            state.forget(id, ended);
        }
        if restored != state {
            return Err(format!("the state over the checkpoint differs: {}", difference(&restored, &state)));
        }
        invariants::check(&restored)?;
        invariants::check_indexes(&restored)?;
        Ok(restored)
    }

    /// Something for the engine has arrived.
    pub fn arrive(&mut self, process: u32, session: Option<SessionId>, command: Command, call: Option<u64>) {
        if !self.is(process) {
            return;
        }
        let connection = session.and_then(|session| self.connections.get(&session));
        let lost = connection.is_some_and(|connection| connection.cut);
        if lost && !matches!(command, Command::Disconnect { .. }) {
            return;
        }
        let Some(command) = Planted::in_inbox(self.planted, command) else { return };
        let Some(process) = &mut self.process else { return };
        let reply = call.map(|call| {
            let answers = Arc::clone(&process.answers);
            let reply = move |answer| answers.lock().unwrap().push((call, answer));
            Box::new(reply) as gleitzeit::engine::Reply
        });
        process.inbox.push_back((Input::Command { command, reply }, call));
        self.wake();
    }

    /// The engine turns to its inbox soon.
    pub fn wake(&mut self) {
        let delay = self.rng.range(0, 2);
        if let Some(process) = &self.process {
            let at = (self.now + delay).max(process.frozen_until);
            self.at(at, Happening::Step(process.number));
        }
    }

    pub fn step(&mut self) -> Verdict {
        let most = usize::try_from(self.rng.range(1, 64)).unwrap();
        let Some(process) = &mut self.process else { return Ok(()) };
        if process.frozen_until > self.now {
            return Ok(());
        }
        let clock = process.clock(self.now);
        let due = process.engine.next_deadline().is_some_and(|due| due <= clock);
        if process.inbox.is_empty() && !due {
            return Ok(());
        }
        process.engine.admission = match process.log.space() {
            Space::Writable => Admission::Open,
            Space::ReserveOnly { .. } if process.writing.records().next().is_some() => {
                Admission::DiskFull { room: 0, lack: Lack::Space }
            }
            Space::ReserveOnly { largest, lack, .. } => Admission::DiskFull { room: largest, lack },
        };
        let taken = most.min(process.inbox.len());
        let (inputs, calls): (Vec<Input>, Vec<Option<u64>>) = process.inbox.drain(..taken).unzip();
        let mut turn = process.engine.step(clock, inputs.into_iter());
        Planted::in_turn(self.planted, &mut process.engine, &mut turn, clock, &mut self.rng);
        self.steps += 1;
        let end = Seq(turn.first.0 + turn.records.len() as u64);
        for call in calls.into_iter().flatten() {
            self.checker.decided(call, process.number, end);
        }
        if !turn.is_empty() {
            for record in &turn.records {
                self.trace.say(self.now, format_args!("  {:?}", record.event));
            }
            process.waiting.push(turn);
        }
        invariants::check(&process.engine.state)?;
        invariants::check_progress(&process.engine.state)?;
        if self.steps.is_multiple_of(5) {
            invariants::check_indexes(&process.engine.state)?;
        }
        invariants::check_presence(&process.engine.state, &process.engine.presence)?;
        if !matches!(process.engine.admission, Admission::DiskFull { .. }) {
            invariants::check_deadlines(&process.engine.state, &process.engine.presence, clock)?;
        }
        let number = process.number;
        let next = process.engine.next_deadline().map(|due| process.world_time(due).max(self.now + 1));
        let more = !process.inbox.is_empty();
        if let Some(at) = next {
            self.at(at, Happening::Step(number));
        }
        if more {
            self.wake();
        }
        if self.planted == Some(Planted::ReleaseBeforeDurable) && self.rng.chance(200) {
            self.release_early()?;
        }
        self.commit_soon();
        Ok(())
    }

    fn commit_soon(&mut self) {
        let latency = if self.rng.chance(20) { self.rng.range(50, 1_000) } else { self.rng.range(0, 4) };
        self.commit_after(latency);
    }

    fn commit_after(&mut self, latency: u64) {
        if let Some(process) = &mut self.process
            && !process.committing
            && (!process.waiting.is_empty() || process.writing.records().next().is_some())
        {
            process.committing = true;
            let number = process.number;
            self.after(latency, Happening::Commit(number));
        }
    }

    /// All turns that came meanwhile become durable together, and what they allow leaves the process.
    pub fn commit(&mut self) -> Verdict {
        let Some(process) = &mut self.process else { return Ok(()) };
        if process.frozen_until > self.now {
            let (at, number) = (process.frozen_until, process.number);
            self.at(at, Happening::Commit(number));
            return Ok(());
        }
        process.committing = false;
        process.writing.add(std::mem::take(&mut process.waiting));
        self.written = process.writing.records().cloned().collect();
        let mut durable = Vec::new();
        let done = process.writing.write(&mut process.log, &mut |part| durable.push(part));
        for part in durable {
            let now_durable = part.records.records.len();
            self.checker.durable(part.records.first, &part.records.records)?;
            self.written.drain(..now_durable);
            self.release(part.outputs)?;
        }
        match done {
            Ok(Written::All) => self.commit_soon(),
            Ok(Written::NoSpace) => self.commit_after(SPACE_PAUSE_MS),
            Err(error) => {
                self.trace.say(self.now, format_args!("the log failed: {error}"));
                self.crash();
            }
        }
        Ok(())
    }

    fn release_early(&mut self) -> Verdict {
        let Some(process) = &mut self.process else { return Ok(()) };
        let outputs = process.waiting.iter_mut().flat_map(|turn| std::mem::take(&mut turn.outputs)).collect();
        self.release(outputs)
    }

    fn release(&mut self, outputs: Vec<Output>) -> Verdict {
        for output in outputs {
            let Some(process) = &mut self.process else { return Ok(()) };
            let number = process.number;
            match output {
                Output::Answer { reply, answer } => reply(answer),
                Output::Deliver(deliver) => deliver(),
                Output::Assign(assignment) => self.assign(*assignment)?,
                Output::Cancel { session, stopped } => {
                    let (task, attempt) = (stopped.task, stopped.attempt);
                    self.told.insert((session, task, attempt), self.now);
                    self.tell_worker(session, ToWorker::Cancel { task, attempt });
                }
                Output::Close(session) => self.tell_worker(session, ToWorker::Close),
                Output::Announce(_) | Output::Publish(_) | Output::Discard(_) => {}
                Output::LookUp(lookup) => {
                    let delay = self.rng.range(0, 50);
                    self.after(delay, Happening::LookUp { process: number, lookup });
                }
                Output::Archive(workflow) => self.store_later(number, StoreJob::Archive(workflow)),
                Output::Checkpoint(input) => self.store_later(number, StoreJob::Checkpoint(input)),
            }
        }
        self.send_answers()
    }

    fn send_answers(&mut self) -> Verdict {
        let Some(process) = &self.process else { return Ok(()) };
        let durable = process.log.reader().durable_end();
        let answers = std::mem::take(&mut *process.answers.lock().unwrap());
        for (call, answer) in answers {
            self.checker.answered(call, &answer, durable)?;
            let delay = self.rng.range(1, 20);
            self.after(delay, Happening::Answered { call, answer: Box::new(answer) });
        }
        Ok(())
    }

    /// A picture of the state goes the way of all outputs.
    pub fn checkpoint(&mut self) {
        if let Some(process) = &mut self.process {
            let mut turn = Turn::new(process.engine.state.next_seq);
            turn.outputs.push(Output::Checkpoint(Box::new(CheckpointInput::of(&process.engine.state))));
            process.waiting.push(turn);
            self.commit_soon();
        }
        if self.trouble {
            let pause = self.rng.range(5_000, 120_000);
            self.after(pause, Happening::Checkpoint);
        }
    }

    /// The process ends, now: whatever it had not released has never been.
    pub fn crash(&mut self) {
        let Some(process) = self.process.take() else { return };
        self.crashes += 1;
        if self.written.is_empty() {
            self.written = process.waiting.iter().flat_map(|turn| turn.records.iter().cloned()).collect();
        }
        let cut = self.dies_of_a_power_cut();
        self.trace.say(self.now, format_args!("process {} ends, power cut: {cut}", process.number));
        drop(process);
        self.give_up();
        if cut {
            self.disk = self.disk.power_cut();
            self.store.power_cut(&mut self.rng);
        } else {
            self.disk = self.disk.killed();
            self.store.killed();
        }
        self.lose_connections();
        if self.killings_ms.is_some() {
            let down = self.rng.range(50, 60_000);
            return self.after(down, Happening::Restart);
        }
        let down = if self.rng.chance(30) { DAY } else { self.rng.range(50, 20_000) };
        if self.rng.chance(100) {
            let day = i64::try_from(DAY).unwrap();
            self.wall_offset += if self.rng.chance(500) { day } else { -day };
            self.wall_offset = self.wall_offset.clamp(-3 * day, 3 * day);
        }
        self.after(down, Happening::Restart);
    }

    fn dies_of_a_power_cut(&mut self) -> bool {
        self.death.map_or_else(|| self.rng.chance(500), |death| death.power_cut)
    }

    pub fn note_pause(&mut self, until: u64, ms: u64) {
        if let Some(process) = &self.process {
            self.checker.paused(process.clock(until), ms);
        }
    }
}
