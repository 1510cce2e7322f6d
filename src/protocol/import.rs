//! A run in the file that `gleitzeit export` wrote, as a workflow that has ended.
//!
//! What had ended where it ran is taken over as it is. What had not is cancelled here, with a note that says what it was
//! and what it waited for: nothing of an import may ever run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use super::EXPORT_FORMAT;
use super::fault;
use super::submit::{ContentType, parse_submission};
use crate::core::carried::{CarriedTasks, CarriedWorkflow};
use crate::core::errors::{self, Code, INVALID_ARGUMENT, WORKFLOW_PARSE_ERROR};
use crate::core::event::Failure;
use crate::core::ids::{
    AttemptNo, Fingerprint, Seq, TaskId, Timestamp, WorkerId, WorkflowId, canonical_uuid,
};
use crate::core::json_text::{compact, is_deeper_than};
use crate::core::limits::SubmissionLimits;
use crate::core::payload::{Payload, Stored};
use crate::core::rejection::Rejection;
use crate::core::secret_parameters::with_secrets_unset;
use crate::core::spec::{Imported, WorkflowSpec};
use crate::core::state::{
    AttemptNote, HISTORY_MAX, SkipCause, StatusKind, Task, TaskStatus, Trouble, WorkflowStatus,
};
use crate::core::usage::Usage;

/// The file puts results and parameters this much deeper than a submission does.
const DEPTH_OF_FILE: usize = 4;

#[derive(Deserialize)]
#[serde(expecting = "an exported run: an object")]
struct File<'f> {
    export: u32,
    version: String,
    workflow: Ran,
    /// All but the parameters of its tasks, which the tasks have.
    #[serde(borrow)]
    definition: BTreeMap<String, &'f RawValue>,
    #[serde(borrow)]
    tasks: Vec<RanTask<'f>>,
    /// By task id, what it waited for.
    #[serde(default)]
    why: BTreeMap<String, String>,
    events: &'f RawValue,
}

#[derive(Deserialize)]
struct Ran {
    id: String,
    status: String,
    created_at: String,
    started_at: Option<String>,
    ended_at: Option<String>,
}

#[derive(Deserialize)]
struct RanTask<'f> {
    id: String,
    status: String,
    #[serde(default)]
    attempt: u32,
    #[serde(default)]
    failures: u32,
    worker: Option<String>,
    started_at: Option<String>,
    ended_at: Option<String>,
    #[serde(borrow)]
    error: Option<RanError<'f>>,
    #[serde(borrow)]
    parameters: &'f RawValue,
    #[serde(borrow)]
    result: Option<&'f RawValue>,
    #[serde(default)]
    attempts: Vec<RanAttempt>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct RanError<'f> {
    code: String,
    message: String,
    service_code: Option<String>,
    #[serde(borrow)]
    details: Option<&'f RawValue>,
}

#[derive(Deserialize)]
struct RanAttempt {
    attempt: u32,
    worker: Option<String>,
    ended_at: String,
    code: String,
    message: String,
}

/// As much of an event as tells its place.
#[derive(Deserialize)]
struct Placed {
    seq: u64,
}

/// Reads and checks the file.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse_import(
    body: &[u8],
    now: Timestamp,
    limits: &SubmissionLimits,
) -> Result<CarriedWorkflow, Rejection> {
    let text = str::from_utf8(body)
        .map_err(|error| refused(&format!("it is not UTF-8 at byte {}", error.valid_up_to())))?;
    let depth = limits.json_depth_max + DEPTH_OF_FILE;
    if is_deeper_than(body, depth) {
        return Err(refused(&format!("it is nested more than {depth} deep")));
    }
    let file: File<'_> = serde_json::from_str(text)
        .map_err(|_| fault::locate_json("the export", text, std::marker::PhantomData::<File<'_>>))?;
    if file.export > EXPORT_FORMAT {
        let export = file.export;
        let message = format!("it has format {export}, but this server knows formats up to {EXPORT_FORMAT}");
        return Err(refused(&message));
    }
    let spec = spec_of(&file, limits)?;
    let id = WorkflowId::from_text(&file.workflow.id);
    let ran = &file.workflow;
    let status = WorkflowStatus::parse(&ran.status)
        .ok_or_else(|| refused(&format!("no workflow is {}", ran.status)))?;
    let tasks = (0..).zip(&file.tasks).map(|(index, _)| task_of(&file, &spec, index, now));
    let tasks = tasks.collect::<Result<Vec<Task>, Rejection>>()?;
    Ok(CarriedWorkflow {
        id,
        body: Fingerprint::of(body),
        key: None,
        status: if status.has_ended() { status } else { WorkflowStatus::Cancelled },
        created_at: time(&ran.created_at)?,
        // Retention counts from here: a run is not gone at once because it is an old one.
        timed_from: now,
        started_at: ran.started_at.as_deref().map(time).transpose()?,
        ended_at: Some(ran.ended_at.as_deref().map_or(Ok(now), time)?),
        second_round: true,
        released: None,
        first: CarriedTasks { from: 0, tasks, grants: Vec::new() },
        spec: Arc::new(WorkflowSpec {
            imported: Some(Box::new(Imported {
                status,
                version: Arc::from(file.version.as_str()),
                events: events_of(file.events)?,
            })),
            ..spec
        }),
    })
}

/// The definition is checked as every submission is.
fn spec_of(file: &File<'_>, limits: &SubmissionLimits) -> Result<WorkflowSpec, Rejection> {
    let mut definition = file.definition.clone();
    let tasks = definition.get("tasks").map_or("[]", |tasks| tasks.get());
    let mut tasks: Vec<BTreeMap<String, &RawValue>> = serde_json::from_str(tasks)
        .map_err(|error| refused(&format!("its definition has no tasks: {error}")))?;
    if tasks.len() != file.tasks.len() {
        let (defined, ran) = (tasks.len(), file.tasks.len());
        return Err(refused(&format!("its definition has {defined} tasks, but {ran} are told of")));
    }
    // Nothing of it runs here, so its secrets are no use; what was shown instead of them must not pass for one.
    let parameters: Vec<Box<RawValue>> = file.tasks.iter().map(|ran| without_use(ran.parameters)).collect();
    for (defined, parameters) in tasks.iter_mut().zip(&parameters) {
        defined.insert("parameters".to_owned(), parameters);
    }
    let tasks = to_raw_value(&tasks).expect("JSON that was read can be written");
    definition.insert("tasks".to_owned(), &tasks);
    let text = serde_json::to_vec(&definition).expect("JSON that was read can be written");
    let mut spec = parse_submission(&text, ContentType::Json, limits)?.spec;
    spec.label = canonical_uuid(&file.workflow.id).is_none().then(|| Arc::from(file.workflow.id.as_str()));
    for (task, ran) in spec.tasks.iter_mut().zip(&file.tasks) {
        task.own_id = TaskId::parse(&ran.id).is_none().then(|| Arc::from(ran.id.as_str()));
    }
    Ok(spec)
}

fn without_use(parameters: &RawValue) -> Box<RawValue> {
    match with_secrets_unset(parameters.get()) {
        Cow::Borrowed(_) => parameters.to_owned(),
        Cow::Owned(json) => RawValue::from_string(json).expect("JSON that was read can be written"),
    }
}

fn events_of(events: &RawValue) -> Result<Stored, Rejection> {
    let placed: Vec<Placed> = serde_json::from_str(events.get())
        .map_err(|error| refused(&format!("its events cannot be read: {error}")))?;
    if !placed.is_sorted_by(|one, next| one.seq < next.seq) {
        return Err(refused("its events are not in the order of their `seq`"));
    }
    Ok(stored(events))
}

fn task_of(file: &File<'_>, spec: &WorkflowSpec, index: u32, now: Timestamp) -> Result<Task, Rejection> {
    let ran = file.tasks.get(index as usize).expect("the caller counts the tasks");
    let kind = kind_of(ran)?;
    let notes = ran.attempts.iter().map(note).collect::<Result<Vec<AttemptNote>, Rejection>>()?;
    let mut history = notes;
    if !kind.has_ended() {
        history.push(AttemptNote {
            attempt: AttemptNo(ran.attempt),
            worker: ran.worker.as_deref().map(WorkerId::new),
            ended_at: now,
            code: errors::WORKFLOW_IMPORTED,
            message: Arc::from(last_seen(ran, kind, file.why.get(&ran.id))),
        });
    }
    let history = history.split_off(history.len().saturating_sub(HISTORY_MAX));
    let ended_at = ran.ended_at.as_deref().map_or(Ok(now), time)?;
    Ok(Task {
        status: status_of(file, spec, index, kind),
        attempt: AttemptNo(ran.attempt),
        failures: ran.failures,
        lost: 0,
        late: 0,
        started_at: ran.started_at.as_deref().map(time).transpose()?,
        ended_at: Some(ended_at),
        // Its own record, once it has one.
        ended_seq: Some(Seq(0)),
        trouble: (!history.is_empty()).then(|| Box::new(Trouble { history, ..Trouble::default() })),
    })
}

fn kind_of(ran: &RanTask<'_>) -> Result<StatusKind, Rejection> {
    let found = StatusKind::ALL.into_iter().find(|kind| kind.name() == ran.status);
    found.ok_or_else(|| refused(&format!("no task is {}, as {} is said to be", ran.status, ran.id)))
}

/// How a task that had not ended is remembered.
fn last_seen(ran: &RanTask<'_>, kind: StatusKind, why: Option<&String>) -> String {
    let worker = ran.worker.as_ref().map(|worker| format!(" on {worker}")).unwrap_or_default();
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{}{worker} when the run was exported{why}", kind.name())
}

fn status_of(file: &File<'_>, spec: &WorkflowSpec, index: u32, kind: StatusKind) -> TaskStatus {
    let ran = file.tasks.get(index as usize).expect("the caller counts the tasks");
    match kind {
        StatusKind::Completed => TaskStatus::Completed {
            result: ran.result.map_or_else(|| Stored::Inline(Payload::null()), stored),
            worker: ran.worker.as_deref().map(WorkerId::new),
            usage: ran.usage.clone().map(Box::new),
        },
        StatusKind::Failed => TaskStatus::Failed { failure: Arc::new(failure_of(ran)) },
        StatusKind::Cancelled => TaskStatus::Cancelled {
            code: ran.error.as_ref().map_or(errors::TASK_CANCELLED, |error| code(&error.code)),
        },
        StatusKind::Skipped => {
            let mut before = spec.task(index).dependencies.iter().copied();
            let cause = before.find(|at| {
                let known = file.tasks.get(*at as usize).map(|task| task.status.as_str());
                known != Some(StatusKind::Completed.name())
            });
            let by_hand = ran.result.is_some() || ran.error.is_none();
            TaskStatus::Skipped {
                cause: match cause {
                    Some(cause) if !by_hand => SkipCause::Dependency(cause),
                    Some(_) | None => SkipCause::ByHand { with: ran.result.map(stored) },
                },
            }
        }
        StatusKind::Pending
        | StatusKind::Queued
        | StatusKind::Assigned
        | StatusKind::Processing
        | StatusKind::Retrying => TaskStatus::Cancelled { code: errors::WORKFLOW_IMPORTED },
    }
}

fn failure_of(ran: &RanTask<'_>) -> Failure {
    let Some(error) = &ran.error else { return Failure::new(errors::TASK_EXECUTION_FAILED, "") };
    Failure {
        service_code: error.service_code.as_deref().map(Arc::from),
        details: error.details.map(|details| Payload::new(compact(details.get()).as_ref())),
        ..Failure::new(code(&error.code), error.message.as_str())
    }
}

fn note(ran: &RanAttempt) -> Result<AttemptNote, Rejection> {
    Ok(AttemptNote {
        attempt: AttemptNo(ran.attempt),
        worker: ran.worker.as_deref().map(WorkerId::new),
        ended_at: time(&ran.ended_at)?,
        code: code(&ran.code),
        message: Arc::from(ran.message.as_str()),
    })
}

/// A later version may have codes that this one does not know.
fn code(text: &str) -> Code {
    Code::parse(text).unwrap_or(errors::TASK_EXECUTION_FAILED)
}

/// A large one gets its place in the log later, when all of them are laid out.
fn stored(json: &RawValue) -> Stored {
    Stored::fresh(Payload::new(compact(json.get()).as_ref()), &mut 0)
}

fn time(text: &str) -> Result<Timestamp, Rejection> {
    let parsed = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
    let ms = parsed.and_then(|ms| u64::try_from(ms).ok());
    ms.map(Timestamp)
        .ok_or_else(|| Rejection::new(INVALID_ARGUMENT, format!("`{text}` is no time as exports have it")))
}

fn refused(what: &str) -> Rejection {
    Rejection::new(WORKFLOW_PARSE_ERROR, format!("this is no run that can be imported: {what}"))
}
