//! The desk that hands tasks on, and the receivers outside: they work on while the process is down, and call back
//! until somebody answers.

use std::sync::Arc;

use gleitzeit::core::command::{Callback, Command, FailureReport};
use gleitzeit::core::event::{Delivery, DeliveryOutcome};
use gleitzeit::core::ids::{AttemptNo, SessionId, TaskId, WorkerId};
use gleitzeit::core::payload::Payload;
use gleitzeit::engine::Assigned;

use super::checker::Asked;
use super::worker::{Job, reference};
use super::world::{Act, Caller, Happening, World};

/// The desk's connection.
pub const SESSION: SessionId = SessionId(3);
/// A receiver that hears nothing calls back again.
const CALL_AGAIN_MS: u64 = 10_000;

impl World {
    pub fn courier_takes(&mut self, index: usize, session: SessionId, assigned: &Assigned) {
        let (task, attempt) = (assigned.task, assigned.attempt);
        let reference = reference(task, &assigned.wire_id(), task.workflow);
        let call = self.ask(Asked::Other, Caller::Nobody);
        let accept = Command::AcceptTask { session, task: reference, attempt: Some(attempt) };
        self.say(session, accept, Some(call));
        let life = self.workers[index].life;
        let delay = self.rng.range(1, 40);
        self.after(delay, Happening::Worker { index, act: Act::Post(life, task, attempt) });
    }

    /// One try. Its request may be lost, or only the answer to it.
    pub fn post(&mut self, index: usize, task: TaskId, attempt: AttemptNo) {
        let Some(session) = self.workers[index].session else { return };
        let desk = &self.workers[index].facts.worker;
        let held = self.process.as_ref().is_some_and(|process| {
            process.engine.state.grants.get(desk, task, attempt).is_some_and(|grant| grant.phase.is_current())
        });
        if !held {
            return;
        }
        let luck = if self.trouble { self.rng.range(0, 9) } else { 9 };
        if luck >= 3 {
            self.receive(index, task, attempt);
        }
        let taken = luck >= 4;
        let outcome = if taken {
            DeliveryOutcome::Taken { status: 202 }
        } else {
            DeliveryOutcome::Unanswered { reason: Arc::from("lost") }
        };
        let delivery = Delivery { number: 1, outcome, next: None };
        let call = self.ask(Asked::Other, Caller::Nobody);
        self.say(session, Command::RecordDelivery { session, task, attempt, delivery }, Some(call));
        if !taken {
            let (life, pause) = (self.workers[index].life, self.rng.range(200, 5_000));
            self.after(pause, Happening::Worker { index, act: Act::Post(life, task, attempt) });
        }
    }

    /// A receiver knows an attempt that it has seen before.
    fn receive(&mut self, index: usize, task: TaskId, attempt: AttemptNo) {
        let wire_id: Arc<str> = Arc::from(task.to_string());
        let job = Job { reference: reference(task, &wire_id, task.workflow), wire_id, taken_at: self.now };
        let known = self.workers[index].jobs.insert((task, attempt), job).is_some();
        if !known && !self.rng.chance(50) {
            let work = self.rng.range(5, 40_000);
            self.after(work, Happening::Worker { index, act: Act::CallBack(task, attempt) });
        }
    }

    /// It says the same until it is answered, whatever the answer is.
    pub fn call_back(&mut self, index: usize, task: TaskId, attempt: AttemptNo) {
        if !self.workers[index].jobs.contains_key(&(task, attempt)) {
            return;
        }
        self.after(CALL_AGAIN_MS, Happening::Worker { index, act: Act::CallBack(task, attempt) });
        let Some(process) = self.process.as_ref().map(|process| process.number) else { return };
        let (asked, callback) = if (task.index + attempt.0).is_multiple_of(5) {
            let report = FailureReport { error: Arc::from("Task cancelled"), ..FailureReport::default() };
            (Asked::Fail { task: Some(task), attempt: Some(attempt) }, Callback::Failed(report))
        } else {
            let result: Arc<str> = Arc::from(format!("\"outside {task} {attempt}\""));
            let worker = WorkerId::new(WorkerId::WEBHOOKS);
            let callback = Callback::Completed(Payload::new(Arc::clone(&result)));
            (Asked::Complete { worker, task: Some(task), attempt: Some(attempt), result }, callback)
        };
        let call = self.ask(asked, Caller::Receiver { index, task, attempt });
        let command = Box::new(Command::TakeCallback { task, attempt, callback });
        let delay = self.rng.range(1, 25);
        self.after(delay, Happening::Arrive { process, session: None, command, call: Some(call) });
    }
}
