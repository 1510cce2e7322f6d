//! What people want of webhook subscriptions, and what follows from one try to deliver.

use super::{Decision, Inputs};
use crate::core::effect::{Effect, Receipt};
use crate::core::errors;
use crate::core::event::{DeliveryOutcome, Event};
use crate::core::ids::{Seq, SubscriptionId};
use crate::core::limits::{RETRY_AFTER_MS_MAX, SubscriptionLimits};
use crate::core::presence::Presence;
use crate::core::rejection::Rejection;
use crate::core::retry;
use crate::core::state::State;
use crate::core::subscription::{
    AfterTry, Again, DisabledFor, Occasion, ResumeFrom, Subscription, SubscriptionFact, SubscriptionOrder,
    SubscriptionStatus, Switch, TermsChange, Told, Tried,
};

/// How a receiver says that it will never take anything again.
const GONE: u16 = 410;

pub(super) fn decide(
    state: &State,
    presence: &Presence,
    inputs: &Inputs,
    id: SubscriptionId,
    order: &SubscriptionOrder,
) -> Result<Decision, Rejection> {
    let limits = &presence.limits.subscriptions;
    if let SubscriptionOrder::Create { terms } = order
        && !state.subscriptions.contains_key(&id)
    {
        if state.subscriptions.len() >= limits.count_max {
            let message = format!("there are {} webhooks, which is the limit", state.subscriptions.len());
            return Err(Rejection::new(errors::TOO_MANY_WEBHOOKS, message));
        }
        return Ok(announced(id, vec![SubscriptionFact::Created { terms: terms.clone() }]));
    }
    let known = state.subscriptions.get(&id).ok_or_else(|| unknown(id))?;
    Ok(match order {
        // The same again.
        SubscriptionOrder::Create { .. } => Decision::nothing(),
        SubscriptionOrder::Change { change } => announced(id, changed(known, change)),
        SubscriptionOrder::Pause => announced(id, switched(known, Switch::Off)),
        SubscriptionOrder::Resume { from: ResumeFrom::Cursor } => announced(id, switched(known, Switch::On)),
        SubscriptionOrder::Resume { from: ResumeFrom::Now } => {
            // What is being told meanwhile is not told again: the cursor never goes back.
            let cursor = state.next_seq.max(known.cursor);
            announced(id, vec![SubscriptionFact::Resumed { cursor }])
        }
        SubscriptionOrder::Delete => announced(id, vec![SubscriptionFact::Deleted]),
        SubscriptionOrder::RecordTry { told, occasion, tried } => {
            record(limits, inputs, (id, known), *told, *occasion, tried)
        }
        SubscriptionOrder::Pass { up_to } => {
            moved(id, known, *up_to, SubscriptionFact::Passed { up_to: *up_to })
        }
        SubscriptionOrder::Miss { up_to } => {
            moved(id, known, *up_to, SubscriptionFact::Missed { up_to: *up_to })
        }
    })
}

pub(super) fn carried(state: &State) -> impl Iterator<Item = Event> {
    state.subscriptions.iter().map(|(id, known)| Event::Subscription {
        subscription: *id,
        fact: SubscriptionFact::Carried { subscription: Box::new((**known).clone()) },
    })
}

fn unknown(id: SubscriptionId) -> Rejection {
    Rejection::new(errors::WEBHOOK_NOT_FOUND, format!("there is no webhook {id}"))
}

/// Facts that whoever delivers has to hear of. Where nothing changes, nobody hears anything.
fn announced(id: SubscriptionId, facts: Vec<SubscriptionFact>) -> Decision {
    let effects = if facts.is_empty() { Vec::new() } else { vec![Effect::AnnounceSubscription] };
    Decision { effects, ..Decision::events(events(id, facts)) }
}

fn events(id: SubscriptionId, facts: Vec<SubscriptionFact>) -> Vec<Event> {
    facts.into_iter().map(|fact| Event::Subscription { subscription: id, fact }).collect()
}

fn changed(known: &Subscription, change: &TermsChange) -> Vec<SubscriptionFact> {
    let terms = change.of(&known.terms);
    let edited = (terms != known.terms).then(|| SubscriptionFact::Changed { terms: Box::new(terms) });
    let switched = change.switch.map(|switch| switched(known, switch));
    edited.into_iter().chain(switched.into_iter().flatten()).collect()
}

fn switched(known: &Subscription, switch: Switch) -> Vec<SubscriptionFact> {
    match (switch, known.status) {
        (Switch::On, SubscriptionStatus::Enabled) | (Switch::Off, SubscriptionStatus::Paused) => Vec::new(),
        (Switch::On, SubscriptionStatus::Paused | SubscriptionStatus::Disabled(_)) => {
            vec![SubscriptionFact::Resumed { cursor: known.cursor }]
        }
        (Switch::Off, SubscriptionStatus::Enabled | SubscriptionStatus::Disabled(_)) => {
            vec![SubscriptionFact::Paused]
        }
    }
}

/// The cursor never goes back.
fn moved(id: SubscriptionId, known: &Subscription, up_to: Seq, fact: SubscriptionFact) -> Decision {
    if up_to <= known.cursor { Decision::nothing() } else { Decision::events(events(id, vec![fact])) }
}

fn record(
    limits: &SubscriptionLimits,
    inputs: &Inputs,
    (id, known): (SubscriptionId, &Subscription),
    told: Told,
    occasion: Occasion,
    tried: &Tried,
) -> Decision {
    let number = known.delivery(told.seq).map_or(0, |note| note.tries).saturating_add(1);
    let then = match occasion {
        // It was dealt with already, by a delivery whose record came later than this one's request.
        Occasion::InTurn if told.seq < known.cursor => {
            return done((id, known), Vec::new(), AfterTry::Delivered);
        }
        Occasion::InTurn => after(limits, inputs, number, tried),
        Occasion::ByHand => by_hand(known, told, tried),
    };
    let outcome = tried.outcome.clone();
    let mut facts = vec![SubscriptionFact::Tried { told, number, occasion, outcome, then }];
    if occasion == Occasion::InTurn && then == AfterTry::GivenUp && known.is_enabled() {
        let gone = matches!(tried.outcome, DeliveryOutcome::Refused { status: GONE });
        let why = if gone { DisabledFor::Gone } else { DisabledFor::GivenUp };
        let too_often = known.given_up.saturating_add(1) >= limits.given_up_max;
        facts.extend((gone || too_often).then_some(SubscriptionFact::Disabled { why }));
    }
    done((id, known), facts, then)
}

fn done(
    (id, known): (SubscriptionId, &Subscription),
    facts: Vec<SubscriptionFact>,
    then: AfterTry,
) -> Decision {
    let disabled = facts.iter().find_map(|fact| {
        if let SubscriptionFact::Disabled { why } = fact {
            Some(SubscriptionStatus::Disabled(*why))
        } else {
            None
        }
    });
    let status = disabled.unwrap_or(known.status);
    let unexpected = |fact: &SubscriptionFact| {
        matches!(
            fact,
            SubscriptionFact::Disabled { .. } | SubscriptionFact::Tried { occasion: Occasion::ByHand, .. }
        )
    };
    let effects = if facts.iter().any(unexpected) { vec![Effect::AnnounceSubscription] } else { Vec::new() };
    Decision { events: events(id, facts), effects, answer: Ok(Receipt::Tried { then, status }) }
}

/// What follows a try of the next end.
fn after(limits: &SubscriptionLimits, inputs: &Inputs, number: u32, tried: &Tried) -> AfterTry {
    let gone = match tried.outcome {
        DeliveryOutcome::Taken { .. } => return AfterTry::Delivered,
        DeliveryOutcome::Refused { status } => status == GONE,
        DeliveryOutcome::Unanswered { .. } => false,
    };
    if gone || tried.again == Again::Useless || number >= limits.tries_max {
        return AfterTry::GivenUp;
    }
    let own_ms = retry::doubling_ms(limits.base_delay_ms, limits.max_delay_ms, number, inputs.seed);
    AfterTry::RetryAt(inputs.now.plus(own_ms.max(tried.asked_ms.min(RETRY_AFTER_MS_MAX))))
}

/// One try by hand takes nothing from those that follow by themselves, and a failure of it takes nothing back.
fn by_hand(known: &Subscription, told: Told, tried: &Tried) -> AfterTry {
    match (&tried.outcome, known.delivery(told.seq)) {
        (DeliveryOutcome::Taken { .. }, _) => AfterTry::Delivered,
        (DeliveryOutcome::Refused { .. } | DeliveryOutcome::Unanswered { .. }, Some(note)) => note.then,
        (DeliveryOutcome::Refused { .. } | DeliveryOutcome::Unanswered { .. }, None) => AfterTry::GivenUp,
    }
}
