//! The Socket.IO event `workflow:submit`. Its senders add keys of their own, which mean nothing here.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::builder::{Builder, Common, Head};
use super::form::explicit;
use super::object::{Opaque, is_object};
use super::policy::{RawRequirements, RawRetry, invalid};
use super::{ContentType, Submission, checked_text};
use crate::core::errors::REQUIRED_FIELD_MISSING;
use crate::core::ids::{Fingerprint, TaskId};
use crate::core::limits::SubmissionLimits;
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::core::trace;
use crate::protocol::fault;
use crate::protocol::fields::{Count, Seconds, Text};

/// Names do not travel in the base form, so tasks refer to each other by id. Extended clients may send them.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `workflow_id` and `tasks`", bound(deserialize = "'de: 'a"))]
struct SubmitEvent<'a> {
    workflow_id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    description: Option<Text<'a>>,
    error_strategy: Option<Text<'a>>,
    max_parallel_tasks: Option<Count>,
    #[serde(alias = "timeout")]
    timeout_seconds: Option<Seconds>,
    traceparent: Option<Text<'a>>,
    metadata: Option<&'a RawValue>,
    #[serde(default)]
    tasks: Vec<SubmitEventTask<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "a task: an object", bound(deserialize = "'de: 'a"))]
struct SubmitEventTask<'a> {
    #[serde(alias = "id")]
    task_id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    task_type: Option<Text<'a>>,
    priority: Option<Text<'a>>,
    parameters: Option<&'a RawValue>,
    dependencies: Option<Vec<Text<'a>>>,
    depends_on_success: Option<bool>,
    #[serde(alias = "timeout_seconds")]
    timeout: Option<Seconds>,
    queue_timeout_seconds: Option<Seconds>,
    max_retries: Option<Count>,
    retry: Option<RawRetry<'a>>,
    requirements: Option<RawRequirements<'a>>,
    metadata: Option<&'a RawValue>,
}

/// Reads and checks the payload of `workflow:submit`.
pub fn parse_submit_event(payload: &str, limits: &SubmissionLimits) -> Result<Submission, Rejection> {
    let text = checked_text(payload.as_bytes(), ContentType::Json, limits)?;
    if !is_object(text.trim_ascii_start()) {
        return Err(invalid("the payload must be an object with `workflow_id` and `tasks`"));
    }
    let event: SubmitEvent<'_> = serde_json::from_str(text)
        .map_err(|_| fault::locate_json("the payload", text, std::marker::PhantomData::<SubmitEvent<'_>>))?;
    let mut builder = Builder::new(limits);
    for task in event.tasks {
        add(&mut builder, task)?;
    }
    let (id, spec) = builder.finish(Head {
        name: event.name.or_else(|| event.workflow_id.clone()),
        id: event.workflow_id,
        description: event.description,
        error_strategy: event.error_strategy,
        max_parallel_tasks: event.max_parallel_tasks,
        timeout_seconds: event.timeout_seconds,
        tags: Vec::new(),
        metadata: object(event.metadata)?,
        traceparent: event.traceparent.or_else(|| event.metadata.and_then(traced)),
    })?;
    Ok(Submission { id, spec, body: Fingerprint::of(payload.as_bytes()) })
}

fn add<'a>(builder: &mut Builder<'a, '_>, task: SubmitEventTask<'a>) -> Result<(), Rejection> {
    let taken = task.task_id.as_deref().is_some_and(|id| TaskId::parse(id).is_some());
    let work = match &task.task_type {
        _ if taken => Err(invalid("its `task_id` has the form of a generated id; choose another form")),
        Some(task_type) => {
            let parameters = task.parameters.as_ref().map_or(Cow::Borrowed("{}"), Opaque::json);
            explicit(task_type, parameters, task.timeout)
        }
        None => Err(Rejection::new(REQUIRED_FIELD_MISSING, "it has no `task_type`")),
    };
    let common = Common {
        key: None,
        own_id: task.task_id,
        name: task.name,
        dependencies: task.dependencies.unwrap_or_default(),
        depends_on_success: task.depends_on_success,
        priority: task.priority,
        queue_timeout_seconds: task.queue_timeout_seconds,
        max_retries: task.max_retries,
        retry: task.retry,
        requirements: task.requirements,
        tags: Vec::new(),
        metadata: object(task.metadata),
    };
    builder.add(common, work)
}

/// Clients that know no other place put the trace context into the metadata. Anything else there is the submitter's own.
fn traced(metadata: &RawValue) -> Option<Text<'_>> {
    #[derive(Deserialize)]
    struct Traced<'a> {
        #[serde(borrow)]
        traceparent: Text<'a>,
    }
    let Traced { traceparent } = serde_json::from_str(metadata.get()).ok()?;
    trace::is_context(&traceparent.0).then_some(traceparent)
}

/// Clients send an empty object, null or nothing where there is no metadata.
fn object(metadata: Option<&RawValue>) -> Result<Option<Payload>, Rejection> {
    let Some(json) = metadata.map(|metadata| crate::core::json_text::compact(metadata.get())) else {
        return Ok(None);
    };
    match json.as_ref() {
        "{}" => Ok(None),
        json if is_object(json) => Ok(Some(Payload::new(json))),
        _ => Err(invalid("`metadata` must be an object of names and values")),
    }
}
