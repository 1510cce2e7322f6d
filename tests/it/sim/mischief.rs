//! What broken and hostile workers send.

use std::sync::Arc;

use gleitzeit::core::command::{Claim, Command, FailureReport, Heartbeat, Held, TaskRef, WorkerFacts};
use gleitzeit::core::ids::{AttemptNo, TaskId, WorkerId, WorkflowId};
use gleitzeit::core::payload::Payload;

use super::checker::Asked;
use super::world::{Act, Caller, Happening, World};

impl World {
    /// Whatever a broken or hostile worker may send.
    pub fn mischief(&mut self, index: usize) {
        if !self.trouble {
            return;
        }
        let pause = self.rng.range(500, 10_000);
        self.after(pause, Happening::Worker { index, act: Act::Mischief });
        let worker = &self.workers[index];
        let (Some(session), false) = (worker.session, worker.is_mute(self.now)) else { return };
        let known: Vec<TaskId> = self.seen_tasks.iter().copied().collect();
        if known.is_empty() {
            return;
        }
        let mut id = *self.rng.pick(&known);
        if self.rng.chance(150) {
            id.index += 1_000;
        }
        if self.rng.chance(100) {
            id.workflow = WorkflowId(u128::from(self.rng.next()));
        }
        let task = TaskRef::Id(id);
        let attempt = self.rng.chance(700).then(|| AttemptNo(u32::try_from(self.rng.range(0, 4)).unwrap()));
        let worker: WorkerId = self.workers[index].facts.worker.clone();
        match self.rng.range(0, 5) {
            0 | 1 => {
                let result: Arc<str> = Arc::from("\"a lie\"");
                let asked = Asked::Complete { worker, task: Some(id), attempt, result: Arc::clone(&result) };
                let call = self.ask(asked, Caller::Nobody);
                let result = Payload::new(result);
                self.say(
                    session,
                    Command::CompleteTask { session, task, attempt, result, usage: None },
                    Some(call),
                );
            }
            2 => {
                let error = *self.rng.pick(&["Service at capacity", "Task cancelled", "a lie"]);
                let report = FailureReport { error: Arc::from(error), ..FailureReport::default() };
                let call = self.ask(Asked::Fail { task: Some(id), attempt }, Caller::Nobody);
                self.say(session, Command::FailTask { session, task, attempt, report }, Some(call));
            }
            3 => {
                let call = self.ask(Asked::Other, Caller::Nobody);
                self.say(session, Command::AcceptTask { session, task, attempt }, Some(call));
            }
            4 => {
                let heartbeat =
                    Heartbeat { active: Some(vec![Held { task, attempt }]), ..Heartbeat::default() };
                self.say(session, Command::Heartbeat { session, heartbeat }, None);
            }
            _ => {
                let facts = WorkerFacts {
                    worker: WorkerId::new(&format!("{worker}-changeling")),
                    ..WorkerFacts::clone(&self.workers[index].facts)
                };
                self.say(
                    session,
                    Command::RegisterWorker {
                        session,
                        facts: Arc::new(facts),
                        active: None,
                        claim: Claim::Any,
                    },
                    None,
                );
            }
        }
    }
}
