//! The words about tasks that are handed on to receivers outside.

use std::sync::Arc;

use gleitzeit::core::command::{Callback, Claim, Command, FailureReport};
use gleitzeit::core::event::{Delivery, DeliveryOutcome};
use gleitzeit::core::ids::{AttemptNo, SessionId, TaskId, WorkerId};
use gleitzeit::core::payload::Payload;

use super::Teller;
use crate::sim::specs::Trade;

/// The connection of the desk that hands on; those of other workers are counted from 1, and no story has as many.
pub(super) const COURIER: SessionId = SessionId(15);

impl Teller {
    pub(super) fn outside(&mut self, verb: &str, rest: &[&str]) {
        let command = match (verb, rest) {
            ("courier", []) => {
                self.sessions.insert("courier".to_owned(), (COURIER, true));
                let facts = Arc::new(Trade::Courier.facts(WorkerId::WEBHOOKS, 2, true, None));
                Command::RegisterWorker { session: COURIER, facts, active: None, claim: Claim::Any }
            }
            ("taken", [task]) => self.delivery(task, DeliveryOutcome::Taken { status: 202 }),
            ("untaken", [task]) => {
                self.delivery(task, DeliveryOutcome::Unanswered { reason: Arc::from("nobody listens") })
            }
            ("callback", [task]) => self.callback(task, Callback::Completed(Payload::new("1"))),
            ("callback", [task, "broken"]) => {
                // The words that a worker would refuse with.
                let error = Arc::from("Service at capacity");
                self.callback(task, Callback::Failed(FailureReport { error, ..FailureReport::default() }))
            }
            (verb, rest) => panic!("no story has the words {verb} {rest:?}"),
        };
        self.command(command);
    }

    fn delivery(&self, task: &str, outcome: DeliveryOutcome) -> Command {
        let (task, attempt) = self.numbered(task);
        let delivery = Delivery { number: 1, outcome, next: None };
        Command::RecordDelivery { session: COURIER, task, attempt, delivery }
    }

    fn callback(&self, task: &str, callback: Callback) -> Command {
        let (task, attempt) = self.numbered(task);
        Command::TakeCallback { task, attempt, callback }
    }

    /// A task and its attempt, the current one unless another is named.
    fn numbered(&self, text: &str) -> (TaskId, AttemptNo) {
        let (task, attempt) = self.task(text);
        let current = self.engine.state.task(task).map(|task| task.attempt);
        (task, attempt.or(current).expect("the task is in memory, or its attempt is named"))
    }
}
