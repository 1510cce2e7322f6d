//! What is posted for one end: an event as structured JSON (`CloudEvents` 1.0), signed as the Standard Webhooks specification says.
//!
//! It is made of the record and of what was submitted, neither of which ever changes, so that every try says the same.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::Tools;
use crate::core::errors::{self, Code};
use crate::core::event::{ByHand, Event, Failure, Outcome, Record};
use crate::core::ids::{Seq, SubscriptionId, TaskId, Timestamp};
use crate::core::payload::{Payload, Stored};
use crate::core::state::Workflow;
use crate::core::subscription::{EndKind, Told};
use crate::protocol::rest::delivery_id;
use crate::protocol::time::Rfc3339;

/// Larger results, and larger metadata, are not included: receivers are built for short messages.
const INCLUDED_BYTES_MAX: usize = 16 << 10;

/// One message, ready to be posted as often as it takes.
#[derive(Debug)]
pub(super) struct Notice {
    /// The same for every try, so that the receiver knows a second one.
    pub id: String,
    pub body: Vec<u8>,
}

/// An end that a subscription wants.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub subscription: SubscriptionId,
    pub told: Told,
    pub record: &'a Record,
    pub workflow: &'a Workflow,
}

/// The envelope (`CloudEvents` 1.0, structured mode).
#[derive(Serialize)]
struct CloudEvent<'a, D> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    time: Rfc3339,
    datacontenttype: &'static str,
    /// Text, because integers of that format have 32 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<String>,
    data: D,
}

#[derive(Serialize)]
struct Data<'a> {
    workflow: OfWorkflow<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<OfTask<'a>>,
}

#[derive(Serialize)]
struct OfWorkflow<'a> {
    id: Arc<str>,
    name: &'a str,
    tags: &'a [Arc<str>],
    metadata: Option<&'a RawValue>,
    url: String,
    /// Of the end of the workflow alone.
    #[serde(flatten)]
    end: Option<WorkflowEnd>,
}

#[derive(Serialize)]
struct WorkflowEnd {
    status: &'static str,
    total_tasks: u32,
    created_at: Rfc3339,
    ended_at: Rfc3339,
    results_url: String,
    error: Option<Trouble>,
}

#[derive(Serialize)]
struct OfTask<'a> {
    id: Arc<str>,
    key: Option<&'a str>,
    name: Arc<str>,
    task_type: &'a str,
    tags: &'a [Arc<str>],
    metadata: Option<&'a RawValue>,
    status: &'a str,
    /// Nothing where no worker ended it.
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    /// Also where the result is too large to be included: then it is read from the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    result_bytes: Option<usize>,
    error: Option<Trouble>,
    /// The task because of which it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    url: String,
}

#[derive(Serialize)]
struct Trouble {
    code: String,
    name: &'static str,
    message: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_code: Option<Arc<str>>,
}

#[derive(Serialize)]
struct Test {
    message: &'static str,
}

/// How deliveries name the end at `seq`; nothing where the record is none.
pub(super) fn told(seq: Seq, record: &Record) -> Option<Told> {
    let kind = EndKind::of(&record.event)?;
    let task = record.event.task().map(|task| task.index);
    Some(Told { seq, kind, workflow: record.event.workflow()?, task })
}

impl Notice {
    pub async fn write(tools: &Tools, wanted: Wanted<'_>) -> Self {
        let Wanted { subscription, told, record, workflow } = wanted;
        let id = delivery_id(subscription, told.seq);
        let task = match told.task {
            Some(index) => Some(of_task(tools, record, workflow, told, index).await),
            None => None,
        };
        let end = task.is_none().then(|| workflow_end(tools, record, workflow));
        let metadata = workflow.spec.metadata.as_ref().and_then(raw);
        let of_workflow = OfWorkflow {
            id: workflow.label(),
            name: &workflow.spec.name,
            tags: &workflow.spec.tags,
            metadata,
            url: format!("{}/api/v1/workflows/{}", tools.public_url, workflow.id),
            end,
        };
        let subject = match told.task {
            Some(index) => TaskId::new(told.workflow, index).to_string(),
            None => workflow.label().to_string(),
        };
        let data = Data { workflow: of_workflow, task };
        let seq = Some(told.seq.0.to_string());
        Self { body: event(tools, &id, told.kind.name(), subject, record.at, seq, data), id }
    }

    /// A message that tells of nothing, to try whether a receiver takes it.
    pub fn test(tools: &Tools, subscription: SubscriptionId) -> Self {
        let id = format!("test_{:032x}_{:032x}", subscription.0, tools.engine.fresh_subscription_id().0);
        let (subject, now) = (subscription.to_string(), tools.engine.now());
        let data = Test { message: "This webhook can be reached." };
        Self { body: event(tools, &id, "webhook.test", subject, now, None, data), id }
    }
}

fn event<D: Serialize>(
    tools: &Tools,
    id: &str,
    kind: &str,
    subject: String,
    at: Timestamp,
    seq: Option<String>,
    data: D,
) -> Vec<u8> {
    let event = CloudEvent {
        specversion: "1.0",
        id,
        source: &tools.public_url,
        kind: format!("dev.gleitzeit.{kind}"),
        subject,
        time: Rfc3339(at),
        datacontenttype: "application/json",
        seq,
        data,
    };
    serde_json::to_vec(&event).expect("it has text for its keys, so it is JSON")
}

fn workflow_end(tools: &Tools, record: &Record, workflow: &Workflow) -> WorkflowEnd {
    let outcome =
        if let Event::WorkflowEnded { outcome, .. } = &record.event { Some(*outcome) } else { None };
    let (status, code) = match outcome {
        Some(Outcome::Completed) => ("completed", None),
        Some(Outcome::Failed) => ("failed", None),
        Some(Outcome::TimedOut) => ("failed", Some(errors::WORKFLOW_TIMEOUT)),
        None => ("cancelled", Some(errors::WORKFLOW_CANCELLED)),
    };
    WorkflowEnd {
        status,
        total_tasks: workflow.spec.total(),
        created_at: Rfc3339(workflow.created_at),
        ended_at: Rfc3339(record.at),
        results_url: format!("{}/api/v1/workflows/{}/results", tools.public_url, workflow.id),
        error: code.map(|code| Trouble::plain(code, code.entry().what)),
    }
}

async fn of_task<'a>(
    tools: &Tools,
    record: &Record,
    workflow: &'a Workflow,
    told: Told,
    index: u32,
) -> OfTask<'a> {
    let (spec, route) = (workflow.spec.task(index), workflow.spec.route_of(index));
    let mut task = OfTask {
        id: workflow.wire_id(index),
        key: spec.key.as_deref(),
        name: workflow.name_of(index),
        task_type: &route.task_type,
        tags: &spec.tags,
        metadata: spec.metadata.as_ref().and_then(raw),
        status: told.kind.name().trim_start_matches("task."),
        attempt: None,
        result: None,
        result_bytes: None,
        error: None,
        cause: None,
        url: format!("{}/api/v1/tasks/{}", tools.public_url, TaskId::new(told.workflow, index)),
    };
    let mut result = None;
    if let Event::TaskCompleted { attempt, result: stored, .. } = &record.event {
        task.attempt = Some(attempt.0);
        result = Some(stored.settled(told.seq));
    } else if let Event::TaskFailed { attempt, failure, .. } = &record.event {
        task.attempt = Some(attempt.0);
        task.error = Some(Trouble::from(failure));
    } else if let Event::TaskSettledByHand { how, .. } = &record.event {
        if let ByHand::Failed { failure, .. } = how {
            task.error = Some(Trouble::from(failure));
        }
        result = how.result().map(|stored| stored.settled(told.seq));
    } else if let Event::TaskSkipped { cause, .. } = &record.event {
        task.cause = Some(cause.to_string());
    } else if let Event::TaskCancelled { .. } = &record.event {
        task.error = Some(Trouble::plain(errors::TASK_CANCELLED, errors::TASK_CANCELLED.entry().what));
    }
    if let Some(stored) = result {
        task.result_bytes = Some(stored.len());
        task.result = included(tools, &stored).await;
    }
    task
}

/// A result that is short enough. One that the log has released can still be read from the task.
async fn included(tools: &Tools, stored: &Stored) -> Option<Box<RawValue>> {
    if stored.len() > INCLUDED_BYTES_MAX {
        return None;
    }
    let payload = tools.engine.payload(stored).await.ok()?;
    raw(&payload).map(ToOwned::to_owned)
}

/// Stored text is JSON already.
fn raw(payload: &Payload) -> Option<&RawValue> {
    let text = Some(payload.as_str()).filter(|text| text.len() <= INCLUDED_BYTES_MAX)?;
    serde_json::from_str(text).ok()
}

impl Trouble {
    fn plain(code: Code, message: &str) -> Self {
        let entry = code.entry();
        Self { code: code.to_string(), name: entry.name, message: Arc::from(message), service_code: None }
    }
}

impl From<&Failure> for Trouble {
    fn from(failure: &Failure) -> Self {
        Self { service_code: failure.service_code.clone(), ..Self::plain(failure.code, &failure.message) }
    }
}
