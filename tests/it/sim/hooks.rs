//! People who want to be told of ends, and receivers that take what they are told or do not.

use std::sync::Arc;

use gleitzeit::core::command::Command;
use gleitzeit::core::event::DeliveryOutcome;
use gleitzeit::core::ids::{Seq, SubscriptionId, WorkflowId};
use gleitzeit::core::subscription::{
    Again, EndFilter, EndKind, Occasion, ResumeFrom, SealedSecret, SubscriptionOrder, Terms, Told, Tried,
};

use super::checker::Asked;
use super::world::World;

/// More than one, so that they come and go beside each other.
const HOOKS: u64 = 3;

impl World {
    /// Somebody does something about a webhook, or all of them are written again.
    pub fn hook(&mut self) {
        let subscription = SubscriptionId(u128::from(self.rng.range(1, HOOKS)));
        let order = match self.rng.range(0, 9) {
            0 => return self.demand(Asked::Other, Command::CarryServices),
            1 | 2 => SubscriptionOrder::Create {
                terms: Box::new(Terms {
                    url: Arc::from("https://receiver.example/"),
                    description: None,
                    events: EndKind::ALL.into_iter().collect(),
                    filter: EndFilter::default(),
                    secret: SealedSecret(Arc::from([1, 2, 3])),
                }),
            },
            3 => SubscriptionOrder::Pause,
            4 => SubscriptionOrder::Resume {
                from: if self.rng.chance(500) { ResumeFrom::Cursor } else { ResumeFrom::Now },
            },
            5 if self.rng.chance(300) => SubscriptionOrder::Delete,
            6 => SubscriptionOrder::Pass { up_to: self.some_place(subscription) },
            7 => SubscriptionOrder::Miss { up_to: self.some_place(subscription) },
            _ => self.try_to_tell(subscription),
        };
        self.demand(Asked::Other, Command::OrderSubscription { subscription, order });
    }

    /// A place between the cursor and the end of the log, or a little before.
    fn some_place(&mut self, id: SubscriptionId) -> Seq {
        let state = self.process.as_ref().map(|process| &process.engine.state);
        let cursor = state.and_then(|state| state.subscriptions.get(&id)).map_or(1, |known| known.cursor.0);
        let last = state.map_or(1, |state| state.next_seq.0 - 1);
        Seq(self.rng.range(cursor.saturating_sub(2).max(1).min(last), last))
    }

    fn try_to_tell(&mut self, id: SubscriptionId) -> SubscriptionOrder {
        let seq = self.some_place(id);
        let told = Told { seq, kind: EndKind::WorkflowFailed, workflow: WorkflowId(7), task: None };
        let outcome = match self.rng.range(0, 9) {
            0..=3 => DeliveryOutcome::Taken { status: 200 },
            4 => DeliveryOutcome::Refused { status: 410 },
            5 => DeliveryOutcome::Unanswered { reason: Arc::from("nobody listens") },
            _ => DeliveryOutcome::Refused { status: 500 },
        };
        let again = if self.rng.chance(200) { Again::Useless } else { Again::MayHelp };
        let occasion = if self.rng.chance(200) { Occasion::ByHand } else { Occasion::InTurn };
        let tried = Tried { outcome, asked_ms: self.rng.range(0, 1_000_000), again };
        SubscriptionOrder::RecordTry { told, occasion, tried }
    }
}
