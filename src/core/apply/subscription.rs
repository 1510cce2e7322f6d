//! What happens to webhook subscriptions.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::core::event::DeliveryOutcome;
use crate::core::ids::{Seq, SubscriptionId, Timestamp};
use crate::core::state::State;
use crate::core::subscription::{
    AfterTry, DELIVERIES_KEPT, DeliveryNote, Missed, Occasion, Subscription, SubscriptionFact,
    SubscriptionStatus, Told,
};

impl State {
    /// Facts about an unknown subscription are those of a released prefix, or came after its deletion.
    pub(super) fn subscription_fact(
        &mut self,
        id: SubscriptionId,
        fact: &SubscriptionFact,
        seq: Seq,
        at: Timestamp,
    ) {
        match fact {
            SubscriptionFact::Created { terms } => {
                let fresh = Subscription {
                    terms: (**terms).clone(),
                    status: SubscriptionStatus::Enabled,
                    created_at: at,
                    changed_at: at,
                    cursor: seq.next(),
                    given_up: 0,
                    deliveries: VecDeque::new(),
                    missed: None,
                    failing_since: None,
                };
                self.subscriptions.insert(id, Arc::new(fresh));
            }
            SubscriptionFact::Carried { subscription } => {
                self.subscriptions.insert(id, Arc::new((**subscription).clone()));
            }
            SubscriptionFact::Deleted => {
                self.subscriptions.remove(&id);
            }
            SubscriptionFact::Changed { .. }
            | SubscriptionFact::Paused
            | SubscriptionFact::Resumed { .. }
            | SubscriptionFact::Disabled { .. }
            | SubscriptionFact::Tried { .. }
            | SubscriptionFact::Passed { .. }
            | SubscriptionFact::Missed { .. } => {
                if let Some(known) = self.subscriptions.get_mut(&id) {
                    Arc::make_mut(known).follow(fact, at);
                }
            }
        }
    }
}

impl Subscription {
    fn follow(&mut self, fact: &SubscriptionFact, at: Timestamp) {
        match fact {
            SubscriptionFact::Changed { terms } => {
                self.terms = (**terms).clone();
                self.changed_at = at;
            }
            SubscriptionFact::Paused => {
                self.status = SubscriptionStatus::Paused;
                self.changed_at = at;
            }
            SubscriptionFact::Resumed { cursor } => {
                self.status = SubscriptionStatus::Enabled;
                self.changed_at = at;
                self.given_up = 0;
                self.cursor = *cursor;
                // Somebody has mended it, and what failed before is not tried again to show it.
                if self.waiting().is_none_or(|(seq, _)| seq < *cursor) {
                    self.failing_since = None;
                }
            }
            SubscriptionFact::Disabled { why } => {
                self.status = SubscriptionStatus::Disabled(*why);
                self.changed_at = at;
            }
            SubscriptionFact::Tried { told, number, occasion, outcome, then } => {
                let is_open = self.waiting().is_some_and(|(seq, _)| seq == told.seq);
                self.note(*told, *number, outcome, *then, at);
                self.failing_since = match outcome {
                    DeliveryOutcome::Taken { .. } => None,
                    DeliveryOutcome::Refused { .. } | DeliveryOutcome::Unanswered { .. } => {
                        self.failing_since.or(Some(at))
                    }
                };
                // Whoever sends the next one by hand has dealt with it.
                if *occasion == Occasion::InTurn || (is_open && *then == AfterTry::Delivered) {
                    self.advance(told.seq, *then);
                }
            }
            SubscriptionFact::Passed { up_to } => self.cursor = self.cursor.max(*up_to),
            SubscriptionFact::Missed { up_to } => {
                self.missed = Some(Missed { from: self.cursor, up_to: *up_to, at });
                self.cursor = self.cursor.max(*up_to);
            }
            SubscriptionFact::Created { .. }
            | SubscriptionFact::Deleted
            | SubscriptionFact::Carried { .. } => {}
        }
        self.drop_passed();
    }

    /// A delivery that was to be tried again is over when the cursor has left it behind.
    fn drop_passed(&mut self) {
        for note in &mut self.deliveries {
            if note.told.seq < self.cursor && matches!(note.then, AfterTry::RetryAt(_)) {
                note.then = AfterTry::GivenUp;
            }
        }
    }

    fn advance(&mut self, seq: Seq, then: AfterTry) {
        match then {
            AfterTry::Delivered => self.given_up = 0,
            AfterTry::GivenUp => self.given_up = self.given_up.saturating_add(1),
            AfterTry::RetryAt(_) => {
                // What lies before it was passed over.
                self.cursor = self.cursor.max(seq);
                return;
            }
        }
        self.cursor = self.cursor.max(seq.next());
    }

    fn note(&mut self, told: Told, number: u32, outcome: &DeliveryOutcome, then: AfterTry, at: Timestamp) {
        let fresh =
            DeliveryNote { told, tries: number, first_at: at, last_at: at, outcome: outcome.clone(), then };
        match self.deliveries.binary_search_by_key(&told.seq, |note| note.told.seq) {
            Ok(place) => {
                if let Some(known) = self.deliveries.get_mut(place) {
                    *known = DeliveryNote { first_at: known.first_at, ..fresh };
                }
            }
            Err(place) => {
                self.deliveries.insert(place, fresh);
                self.forget_one(place);
            }
        }
    }

    /// Where there are too many, the oldest goes, but for the one at `kept` and the one that is being tried.
    fn forget_one(&mut self, kept: usize) {
        if self.deliveries.len() > DELIVERIES_KEPT {
            let is_over = |(place, note): &(usize, &DeliveryNote)| {
                *place != kept && !matches!(note.then, AfterTry::RetryAt(_))
            };
            let oldest = self.deliveries.iter().enumerate().find(is_over).map(|(place, _)| place);
            self.deliveries.remove(oldest.unwrap_or(0));
        }
    }
}
