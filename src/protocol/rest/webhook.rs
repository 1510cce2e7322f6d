//! Webhook subscriptions as REST shows them. Their secrets are never among it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::words;
use crate::core::event::DeliveryOutcome;
use crate::core::ids::{Seq, SubscriptionId, Timestamp};
use crate::core::subscription::{
    AfterTry, DeliveryNote, DisabledFor, EndFilter, Missed, Subscription, SubscriptionStatus, Told, Untold,
};
use crate::protocol::time::Rfc3339;

#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookView {
    pub id: String,
    pub url: Arc<str>,
    pub description: Option<Arc<str>>,
    pub events: Vec<&'static str>,
    pub filter: FilterView,
    pub enabled: bool,
    /// `enabled`, `paused` or `disabled`.
    #[schema(schema_with = words::webhook_status)]
    pub status: &'static str,
    /// Why it was disabled.
    pub reason: Option<&'static str>,
    pub created_at: Rfc3339,
    pub changed_at: Rfc3339,
    /// The first position of the log that has not been dealt with. It may lag behind where nothing is for this webhook.
    pub cursor: u64,
    /// Deliveries in a row that were given up.
    pub given_up_in_a_row: u32,
    /// The latest part of the log that was released before it was told.
    pub missed: Option<MissedView>,
    /// Nothing while the latest try went well, or there was none.
    pub failing: Option<FailingView>,
}

/// How a webhook fails: its latest try did.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailingView {
    /// When the first try failed after the latest one that did not.
    pub since: Rfc3339,
    /// Of the latest try, as are those that follow.
    pub last_at: Rfc3339,
    pub error: Option<Arc<str>>,
    pub response_status: Option<u16>,
    /// Tries of the end that was sent last.
    pub tries: u32,
    /// When it is tried again; nothing when it is not, as while the webhook is paused or disabled.
    pub next_at: Option<Rfc3339>,
    /// Ends that wait to be sent. Null in lists, and where they cannot be counted now.
    pub waiting: Option<usize>,
    /// Whether more may wait: at most 1,000 are counted, and at most 20,000 records of the log looked at.
    pub more_waiting: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FilterView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tag: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// Positions of the log, both included.
#[derive(Debug, Serialize, ToSchema)]
pub struct MissedView {
    pub from: u64,
    pub to: u64,
    pub at: Rfc3339,
}

/// A webhook that was just made, or given another secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookMade {
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// Told in this answer and in no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Position of the log at which this is true.
    pub seq: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The seq of the event, by which the delivery is sent again.
    pub id: String,
    /// The `webhook-id` of each of its tries.
    pub webhook_id: String,
    #[serde(rename = "type")]
    #[schema(schema_with = words::end_kind)]
    pub kind: &'static str,
    pub seq: u64,
    pub workflow_id: String,
    pub task_id: Option<String>,
    /// `delivered`, `retrying` or `given_up`.
    #[schema(schema_with = words::delivery_status)]
    pub status: &'static str,
    pub tries: u32,
    /// What the receiver answered to the latest try; nothing where there was no answer.
    pub response_status: Option<u16>,
    pub error: Option<Arc<str>>,
    pub first_at: Rfc3339,
    pub last_at: Rfc3339,
    pub next_at: Option<Rfc3339>,
}

/// How one request went that somebody asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestView {
    pub delivered: bool,
    pub response_status: Option<u16>,
    pub error: Option<Arc<str>>,
}

/// The id under which an end is sent to a webhook: the same for every try. The signed text joins its parts with full
/// stops, so the id has none.
pub fn delivery_id(subscription: SubscriptionId, seq: Seq) -> String {
    format!("evt_{:032x}_{}", subscription.0, seq.0)
}

impl WebhookView {
    pub fn of(id: SubscriptionId, known: &Subscription) -> Self {
        let (status, reason) = status(known.status);
        Self {
            id: id.to_string(),
            url: Arc::clone(&known.terms.url),
            description: known.terms.description.clone(),
            events: known.terms.events.iter().map(|kind| kind.name()).collect(),
            filter: FilterView::from(&known.terms.filter),
            enabled: known.is_enabled(),
            status,
            reason,
            created_at: Rfc3339(known.created_at),
            changed_at: Rfc3339(known.changed_at),
            cursor: known.cursor.0,
            given_up_in_a_row: known.given_up,
            missed: known.missed.map(MissedView::from),
            failing: known.failing().map(|(since, latest)| FailingView::of(known, since, latest)),
        }
    }

    /// The same with what waits for it while it fails.
    #[must_use]
    pub fn counted(mut self, untold: Untold) -> Self {
        if let Some(failing) = &mut self.failing {
            failing.waiting = Some(untold.ends);
            failing.more_waiting = Some(untold.more);
        }
        self
    }
}

impl FailingView {
    fn of(known: &Subscription, since: Timestamp, latest: &DeliveryNote) -> Self {
        let (response_status, error) = outcome(&latest.outcome);
        let due = known.waiting().filter(|_| known.is_enabled()).map(|(_, due)| Rfc3339(due));
        Self {
            since: Rfc3339(since),
            last_at: Rfc3339(latest.last_at),
            error,
            response_status,
            tries: latest.tries,
            next_at: due,
            waiting: None,
            more_waiting: None,
        }
    }
}

/// What the health of the server says of a subscription that is to tell and does not. Anybody may read it, so it names
/// no receiver.
pub fn webhook_warning(id: SubscriptionId, known: &Subscription) -> Option<String> {
    let failing_since = known.failing().map(|(since, _)| Rfc3339(since));
    match known.status {
        SubscriptionStatus::Enabled => failing_since.map(|since| {
            format!(
                "webhook {id} has been failing since {since}: its receiver does not take what it is sent; see `gleitzeit webhooks \
                 show {id}`"
            )
        }),
        // What was sent by hand may have been taken, which ends the failure and sends nothing else.
        SubscriptionStatus::Disabled(why) => {
            let how = failing_since.map_or_else(
                || format!("is disabled, at the latest since {}", Rfc3339(known.changed_at)),
                |since| format!("has been failing since {since} and is disabled"),
            );
            let why = disabled_for(why);
            Some(format!(
                "webhook {id} {how} ({why}): mend the receiver, then `gleitzeit webhooks resume {id}`"
            ))
        }
        // Whoever paused it knows.
        SubscriptionStatus::Paused => None,
    }
}

impl From<&EndFilter> for FilterView {
    fn from(filter: &EndFilter) -> Self {
        Self {
            name: filter.name.clone(),
            tag: filter.tags.clone(),
            metadata: filter.metadata.iter().cloned().collect(),
        }
    }
}

impl From<Missed> for MissedView {
    fn from(missed: Missed) -> Self {
        Self { from: missed.from.0, to: missed.up_to.0.saturating_sub(1), at: Rfc3339(missed.at) }
    }
}

impl DeliveryView {
    pub fn of(id: SubscriptionId, note: &DeliveryNote) -> Self {
        let (response_status, error) = outcome(&note.outcome);
        let (status, next_at) = match note.then {
            AfterTry::Delivered => ("delivered", None),
            AfterTry::RetryAt(due) => ("retrying", Some(Rfc3339(due))),
            AfterTry::GivenUp => ("given_up", None),
        };
        Self {
            id: note.told.seq.0.to_string(),
            webhook_id: delivery_id(id, note.told.seq),
            kind: note.told.kind.name(),
            seq: note.told.seq.0,
            workflow_id: note.told.workflow.to_string(),
            task_id: task_id(note.told),
            status,
            tries: note.tries,
            response_status,
            error,
            first_at: Rfc3339(note.first_at),
            last_at: Rfc3339(note.last_at),
            next_at,
        }
    }
}

impl From<&DeliveryOutcome> for TestView {
    fn from(outcome: &DeliveryOutcome) -> Self {
        let (response_status, error) = self::outcome(outcome);
        Self { delivered: matches!(outcome, DeliveryOutcome::Taken { .. }), response_status, error }
    }
}

fn outcome(outcome: &DeliveryOutcome) -> (Option<u16>, Option<Arc<str>>) {
    match outcome {
        DeliveryOutcome::Taken { status } => (Some(*status), None),
        DeliveryOutcome::Refused { status } => {
            (Some(*status), Some(Arc::from(format!("the receiver answered {status}"))))
        }
        DeliveryOutcome::Unanswered { reason } => (None, Some(Arc::clone(reason))),
    }
}

fn task_id(told: Told) -> Option<String> {
    told.task.map(|index| format!("{}.{index}", told.workflow))
}

const fn status(status: SubscriptionStatus) -> (&'static str, Option<&'static str>) {
    match status {
        SubscriptionStatus::Enabled => ("enabled", None),
        SubscriptionStatus::Paused => ("paused", None),
        SubscriptionStatus::Disabled(why) => ("disabled", Some(disabled_for(why))),
    }
}

pub(super) const fn disabled_for(why: DisabledFor) -> &'static str {
    match why {
        DisabledFor::GivenUp => "too many deliveries in a row were given up",
        DisabledFor::Gone => "the receiver answered 410: it is gone",
    }
}

/// The event of the log, as REST and the event stream show it.
pub(super) mod told {
    use serde_json::{Value, json};

    use super::super::receiver::receiver_of;
    use super::{AfterTry, Told, disabled_for, outcome, task_id};
    use crate::core::event::DeliveryOutcome;
    use crate::core::ids::SubscriptionId;
    use crate::core::subscription::{Occasion, SubscriptionFact};
    use crate::protocol::time::Rfc3339;

    pub fn fact(id: SubscriptionId, fact: &SubscriptionFact) -> (&'static str, Value) {
        let (kind, mut facts) = match fact {
            SubscriptionFact::Created { terms } => {
                ("webhook_created", json!({"url": receiver_of(&terms.url)}))
            }
            SubscriptionFact::Changed { terms } => {
                ("webhook_changed", json!({"url": receiver_of(&terms.url)}))
            }
            SubscriptionFact::Paused => ("webhook_paused", json!({})),
            SubscriptionFact::Resumed { cursor } => ("webhook_resumed", json!({"cursor": cursor.0})),
            SubscriptionFact::Disabled { why } => ("webhook_disabled", json!({"reason": disabled_for(*why)})),
            SubscriptionFact::Deleted => ("webhook_deleted", json!({})),
            SubscriptionFact::Tried { told, number, occasion, outcome, then } => {
                ("webhook_tried", tried(*told, *number, *occasion, outcome, *then))
            }
            SubscriptionFact::Passed { up_to } => ("webhook_passed", json!({"up_to": up_to.0})),
            SubscriptionFact::Missed { up_to } => ("webhook_missed", json!({"up_to": up_to.0})),
            SubscriptionFact::Carried { .. } => ("webhook_carried", json!({})),
        };
        if let Some(facts) = facts.as_object_mut() {
            facts.insert("webhook".to_owned(), Value::from(id.to_string()));
        }
        (kind, facts)
    }

    fn tried(told: Told, number: u32, occasion: Occasion, how: &DeliveryOutcome, then: AfterTry) -> Value {
        let (status, error) = outcome(how);
        let (then, next_at) = match then {
            AfterTry::Delivered => ("delivered", None),
            AfterTry::RetryAt(due) => ("retrying", Some(Rfc3339(due).to_string())),
            AfterTry::GivenUp => ("given_up", None),
        };
        json!({
            "delivery": told.seq.0, "event": told.kind.name(), "of_workflow": told.workflow.to_string(),
            "of_task": task_id(told), "try": number, "by_hand": occasion == Occasion::ByHand,
            "response_status": status, "error": error, "delivery_status": then, "next_at": next_at,
        })
    }
}
