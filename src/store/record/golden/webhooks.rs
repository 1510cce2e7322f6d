//! One sample of everything that can happen to a webhook.

use std::sync::Arc;

use super::{AT, LATER, WORKFLOW};
use crate::core::event::{DeliveryOutcome, Event};
use crate::core::ids::{Seq, SubscriptionId};
use crate::core::subscription::{
    AfterTry, DeliveryNote, DisabledFor, EndFilter, EndKind, Missed, Occasion, SealedSecret, Subscription,
    SubscriptionFact, SubscriptionStatus, Terms, Told,
};

fn terms() -> Terms {
    Terms {
        url: Arc::from("https://x.example"),
        description: Some(Arc::from("d")),
        events: EndKind::ALL.into_iter().collect(),
        filter: EndFilter {
            name: Some("n".to_owned()),
            tags: vec!["t".to_owned()],
            metadata: vec![("team".to_owned(), "x".to_owned())],
        },
        secret: SealedSecret(Arc::from([1, 2, 3])),
    }
}

fn told(kind: EndKind, task: Option<u32>) -> Told {
    Told { seq: Seq(70_000), kind, workflow: WORKFLOW, task }
}

fn carried() -> Subscription {
    let note = DeliveryNote {
        told: told(EndKind::TaskFailed, Some(2)),
        tries: 3,
        first_at: AT,
        last_at: LATER,
        outcome: DeliveryOutcome::Refused { status: 500 },
        then: AfterTry::GivenUp,
    };
    Subscription {
        terms: terms(),
        status: SubscriptionStatus::Paused,
        created_at: AT,
        changed_at: LATER,
        cursor: Seq(70_001),
        given_up: 1,
        deliveries: [note].into(),
        missed: Some(Missed { from: Seq(1), up_to: Seq(2), at: AT }),
        failing_since: Some(AT),
    }
}

pub fn samples() -> Vec<Event> {
    let tried =
        |told, occasion, outcome, then| SubscriptionFact::Tried { told, number: 1, occasion, outcome, then };
    let facts = [
        SubscriptionFact::Created { terms: Box::new(terms()) },
        SubscriptionFact::Changed { terms: Box::new(terms()) },
        SubscriptionFact::Paused,
        SubscriptionFact::Resumed { cursor: Seq(70_000) },
        SubscriptionFact::Disabled { why: DisabledFor::GivenUp },
        SubscriptionFact::Disabled { why: DisabledFor::Gone },
        SubscriptionFact::Deleted,
        tried(
            told(EndKind::WorkflowCompleted, None),
            Occasion::InTurn,
            DeliveryOutcome::Taken { status: 200 },
            AfterTry::Delivered,
        ),
        tried(
            told(EndKind::TaskSkipped, Some(2)),
            Occasion::ByHand,
            DeliveryOutcome::Unanswered { reason: Arc::from("closed") },
            AfterTry::RetryAt(LATER),
        ),
        SubscriptionFact::Passed { up_to: Seq(70_000) },
        SubscriptionFact::Missed { up_to: Seq(70_000) },
        SubscriptionFact::Carried { subscription: Box::new(carried()) },
    ];
    facts.map(|fact| Event::Subscription { subscription: SubscriptionId(7), fact }).into()
}
