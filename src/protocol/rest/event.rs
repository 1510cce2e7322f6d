//! Events of the log as REST and the event stream show them.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::core::carried::History;
use crate::core::event::{
    AfterFailure, ByHand, Delivery, DeliveryOutcome, Event, GrantAfter, LateOutcome, Note, Outcome, Record,
    RefusalReason,
};
use crate::core::ids::{AttemptNo, Seq, Timestamp};
use crate::core::limits::BREAKER_OPEN_MS;
use crate::core::payload::Stored;
use crate::protocol::rest::UsageView;
use crate::protocol::time::Rfc3339;

#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    pub seq: u64,
    pub at: Rfc3339,
    /// `task_completed`, `workflow_submitted`, ...
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub workflow_id: Option<String>,
    pub task_id: Option<String>,
    /// The members depend on the type. Payloads are not repeated here; read them from the task.
    #[serde(flatten)]
    pub facts: Value,
}

impl EventView {
    pub fn of(seq: Seq, record: &Record) -> Self {
        let (kind, facts) = described(&record.event, record.at);
        Self {
            seq: seq.0,
            at: Rfc3339(record.at),
            kind,
            workflow_id: record.event.workflow().map(|id| id.to_string()),
            task_id: record.event.task().map(|id| id.to_string()),
            facts,
        }
    }
}

fn described(event: &Event, at: Timestamp) -> (&'static str, Value) {
    match event {
        Event::EngineStarted { version, .. } => ("engine_started", json!({"version": &**version})),
        Event::WorkflowSubmitted { spec, .. } => (
            "workflow_submitted",
            json!({"name": &*spec.name, "total_tasks": spec.total(), "label": spec.label}),
        ),
        Event::WorkflowPaused { .. } => ("workflow_paused", json!({})),
        Event::WorkflowResumed { .. } => ("workflow_resumed", json!({})),
        Event::WorkflowCancelled { .. } => ("workflow_cancelled", json!({})),
        Event::WorkflowEnded { outcome, .. } => ("workflow_ended", json!({"status": outcome_name(*outcome)})),
        Event::RoundStarted { .. } => ("workflow_round_started", json!({})),
        Event::TasksRetried { tasks, note, .. } => {
            ("tasks_retried", with_note(json!({"task_indexes": tasks}), note))
        }
        Event::TaskSettledByHand { how, again, note, .. } => settled_by_hand(how, again, note),
        Event::ParametersEdited { parameters, note, .. } => {
            ("parameters_edited", with_note(json!({"parameters_bytes": parameters.len()}), note))
        }
        Event::WorkerNamed { worker, name } => {
            ("worker_named", json!({"worker": &*worker.0, "name": &**name}))
        }
        Event::TaskOffered { attempt, worker, .. } => {
            ("task_assigned", json!({"attempt": attempt.0, "worker": &*worker.0}))
        }
        Event::TaskAccepted { attempt, .. } => ("task_accepted", json!({"attempt": attempt.0})),
        Event::TaskCompleted { attempt, result, usage, .. } => {
            let usage = usage.as_deref().map(UsageView::from);
            ("task_completed", json!({"attempt": attempt.0, "result_bytes": result.len(), "usage": usage}))
        }
        Event::TaskFailed { attempt, failure, next, grant, .. } => (
            "task_failed",
            json!({
                "attempt": attempt.0, "code": failure.code.to_string(), "message": &*failure.message,
                "final": *next == AfterFailure::Final, "retry_at": retry_at(*next).map(time),
                "releasing": releasing(*grant),
            }),
        ),
        Event::AttemptLost { attempt, reason, grant, .. } => (
            "attempt_lost",
            json!({"attempt": attempt.0, "reason": reason.name(), "releasing": releasing(*grant)}),
        ),
        Event::AttemptRefused { attempt, reason, .. } => ("attempt_refused", refused(*attempt, *reason)),
        Event::TaskRequeued { .. } => ("task_requeued", json!({})),
        Event::TaskCancelled { .. } => ("task_cancelled", json!({})),
        Event::TaskSkipped { cause, .. } => ("task_skipped", json!({"cause": cause.to_string()})),
        Event::GrantReleased { attempt, worker, .. } => {
            ("grant_released", json!({"attempt": attempt.0, "worker": &*worker.0}))
        }
        Event::LateReportSeen { attempt, worker, outcome, .. } => {
            let outcome = late_name(*outcome);
            ("late_report_seen", json!({"attempt": attempt.0, "worker": &*worker.0, "outcome": outcome}))
        }
        Event::WorkflowCarried { workflow } => {
            let released = workflow.released.as_ref().map(released);
            ("workflow_carried", json!({"status": workflow.status.name(), "released": released}))
        }
        Event::TasksCarried { tasks, .. } => {
            ("tasks_carried", json!({"from": tasks.from, "tasks": tasks.tasks.len()}))
        }
        Event::PayloadsCarried { payloads, .. } => ("payloads_carried", json!({"payloads": payloads.len()})),
        Event::ServicesCarried { services, .. } => ("services_carried", json!({"services": services.len()})),
        Event::BreakerOpened { service } => {
            ("breaker_opened", json!({"service": &**service, "open_until": time(at.plus(BREAKER_OPEN_MS))}))
        }
        Event::BreakerClosed { service } => ("breaker_closed", json!({"service": &**service})),
        Event::Released { up_to } => ("log_released", json!({"up_to": up_to.0})),
        Event::Subscription { subscription, fact } => super::webhook::told::fact(*subscription, fact),
        Event::Access { by, fact } => super::access::told(by, fact),
        Event::DeliveryTried { attempt, delivery, .. } => ("delivery_tried", tried(*attempt, delivery)),
    }
}

const fn late_name(outcome: LateOutcome) -> &'static str {
    match outcome {
        LateOutcome::Completed => "completed",
        LateOutcome::Failed => "failed",
    }
}

fn released(history: &History) -> Value {
    json!({"records": history.records, "digest": format!("{:032x}", history.digest.0)})
}

fn settled_by_hand(how: &ByHand, again: &[u32], note: &Note) -> (&'static str, Value) {
    let (kind, facts) = match how {
        ByHand::Completed { result } => {
            ("task_completed_by_hand", json!({"result_bytes": result.len(), "task_indexes_again": again}))
        }
        ByHand::Failed { failure, next } => (
            "task_failed_by_hand",
            json!({
                "code": failure.code.to_string(), "message": &*failure.message,
                "final": *next == AfterFailure::Final, "retry_at": retry_at(*next).map(time),
            }),
        ),
        ByHand::Skipped { with } => (
            "task_skipped_by_hand",
            json!({"result_bytes": with.as_ref().map(Stored::len), "task_indexes_again": again}),
        ),
    };
    (kind, with_note(facts, note))
}

/// Who asked for it and why.
fn with_note(mut facts: Value, note: &Note) -> Value {
    for (key, text) in [("by", &note.by), ("reason", &note.reason)] {
        if let (Some(text), Some(facts)) = (text, facts.as_object_mut()) {
            facts.insert(key.to_owned(), Value::from(&**text));
        }
    }
    facts
}

fn tried(attempt: AttemptNo, delivery: &Delivery) -> Value {
    let (outcome, status, error) = match &delivery.outcome {
        DeliveryOutcome::Taken { status } => ("taken", Some(*status), None),
        DeliveryOutcome::Refused { status } => ("refused", Some(*status), None),
        DeliveryOutcome::Unanswered { reason } => ("unanswered", None, Some(&**reason)),
    };
    json!({
        "attempt": attempt.0, "try": delivery.number, "outcome": outcome, "status": status, "error": error,
        "next_at": delivery.next.map(time),
    })
}

fn time(at: Timestamp) -> String {
    Rfc3339(at).to_string()
}

const fn retry_at(next: AfterFailure) -> Option<Timestamp> {
    match next {
        AfterFailure::RetryAt(at) => Some(at),
        AfterFailure::Final => None,
    }
}

const fn releasing(grant: GrantAfter) -> bool {
    match grant {
        GrantAfter::Freed => false,
        GrantAfter::ReleasingUntil(_) => true,
    }
}

const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Failed | Outcome::TimedOut => "failed",
    }
}

fn refused(attempt: AttemptNo, reason: RefusalReason) -> Value {
    let (name, until) = match reason {
        RefusalReason::AtCapacity => ("at_capacity", None),
        RefusalReason::NoRoom => ("no_room", None),
        RefusalReason::NoHandler => ("no_handler", None),
        RefusalReason::Postponed { until } => ("postponed", Some(until)),
    };
    let mut facts = json!({"attempt": attempt.0, "reason": name});
    if let (Some(until), Some(facts)) = (until, facts.as_object_mut()) {
        facts.insert("until".to_owned(), Value::from(time(until)));
    }
    facts
}
