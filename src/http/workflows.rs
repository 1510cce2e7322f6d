//! Workflows: submit, look at, and act on them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::access::signed;
use super::body::{Body, Params, Path};
use super::doubts;
use super::edits;
use super::encoding;
use super::parsing::parse;
use super::problem::{Failed, called, invalid};
use crate::core::access::Principal;
use crate::core::command::Command;
use crate::core::effect::{First, Receipt};
use crate::core::errors;
use crate::core::ids::{Fingerprint, TaskId, Timestamp, WorkflowId};
use crate::core::listing::Place;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;
use crate::core::spec::references;
use crate::core::state::{Workflow, WorkflowStatus};
use crate::core::trace;
use crate::engine::Accepted;
use crate::protocol::rest::{
    Done, ListQuery, Page, RetryWorkflowRequest, ShapeView, Submitted, TaskView, WorkflowDetail,
    WorkflowView, parse_request,
};
use crate::protocol::submit::{ContentType, Submission};

/// Items of one page, unless the request asks for fewer or more.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;
/// The longest time an answer may be held back by `Prefer: wait`.
const WAIT_MAX_SECONDS: u64 = 300;

pub async fn submit(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Failed> {
    let submission = read(&app, &headers, body).await?;
    let key = text(&headers, "idempotency-key")?.map(|key| Fingerprint::of(key.as_bytes()));
    let wait = wait_seconds(&headers)?;
    let workflow =
        submission.id.as_deref().map_or_else(|| app.engine.fresh_workflow_id(), WorkflowId::from_text);
    let (name, total_tasks) = (Arc::clone(&submission.spec.name), submission.spec.total());
    let label = submission.spec.label.clone();
    let command =
        Command::SubmitWorkflow { workflow, spec: Arc::new(submission.spec), body: submission.body, key };
    let accepted = app.engine.submit(command).await?;
    let Receipt::Submitted { workflow, first } = accepted.receipt else {
        return Err(invalid("the engine answered a submission with something else"));
    };
    let mut answer = Submitted {
        id: label.unwrap_or_else(|| Arc::from(workflow.to_string())),
        name,
        status: WorkflowStatus::Pending.name(),
        total_tasks,
        seq: accepted.seq.0,
    };
    if let Some(seconds) = wait {
        app.engine.wait_for_end(workflow, Duration::from_secs(seconds)).await?;
    }
    if wait.is_some() || first == First::Repeated {
        answer.status = app.engine.workflow(workflow).await?.status.name();
    }
    stored(&accepted.receipt, answer)
}

/// 201 with the place of what was made, or 200 where it had been made before.
pub(super) fn stored(receipt: &Receipt, answer: Submitted) -> Result<Response, Failed> {
    let status = match receipt {
        Receipt::Submitted { first: First::Created, .. } => StatusCode::CREATED,
        Receipt::Submitted { first: First::Repeated, .. } => StatusCode::OK,
        Receipt::Done | Receipt::Carried { .. } | Receipt::Registered { .. } | Receipt::Tried { .. } => {
            return Err(invalid("the engine answered a submission with something else"));
        }
    };
    let location = format!("/api/v1/workflows/{}", encoded(&answer.id));
    let mut response = (status, Json(answer)).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidateQuery {
    /// Whether the answer has the tasks and what they wait for, too.
    #[serde(default)]
    graph: bool,
}

pub async fn validate(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Params(query): Params<ValidateQuery>,
    Body(body): Body,
) -> Result<Response, Failed> {
    let submission = read(&app, &headers, body).await?;
    let spec = &submission.spec;
    let warnings = doubts::of(&app, spec).await?;
    let graph = query.graph.then(|| ShapeView::of_draft(spec));
    let answer = Validated { valid: true, name: &spec.name, total_tasks: spec.total(), warnings, graph };
    Ok(encoding::json(&headers, &answer))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Validated<'a> {
    valid: bool,
    name: &'a str,
    total_tasks: u32,
    /// Functions and models that nobody has now, and what this server is bound to refuse.
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<ShapeView>,
}

async fn read(app: &Arc<App>, headers: &HeaderMap, body: Bytes) -> Result<Submission, Failed> {
    let content_type = ContentType::parse(text(headers, "content-type")?)?;
    let mut submission = parse(app, content_type, body).await?;
    // A proxy may have sent anything; W3C has receivers go on without a context that is none.
    if let Some(traceparent) = text(headers, "traceparent")?.filter(|given| trace::is_context(given)) {
        submission.spec.traceparent = Some(Arc::from(traceparent));
    }
    Ok(submission)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Failed> {
    let value = headers.get(name).map(HeaderValue::to_str).transpose();
    value.map_err(|_| invalid(format!("the header {name} is not plain ASCII text")))
}

/// The seconds of `Prefer: wait=30`.
fn wait_seconds(headers: &HeaderMap) -> Result<Option<u64>, Failed> {
    let Some(prefer) = text(headers, "prefer")? else { return Ok(None) };
    let wait = prefer.split([',', ';']).find_map(|part| part.trim().strip_prefix("wait="));
    let Some(wait) = wait else { return Ok(None) };
    let seconds: u64 =
        wait.parse().map_err(|_| invalid(format!("Prefer: wait={wait} is not a number of seconds")))?;
    Ok(Some(seconds.min(WAIT_MAX_SECONDS)))
}

/// A path segment: labels may hold any character.
fn encoded(segment: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let character =
        |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    segment.bytes().map(character).collect()
}

pub async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<WorkflowView>>, Failed> {
    let query = ListQuery::parse(query.as_deref().unwrap_or_default())?;
    let before = query.cursor.as_deref().map(place).transpose()?;
    let page = app.engine.list(query.filter, before, limit(query.limit)).await?;
    Ok(Json(Page {
        items: page.items.into_iter().map(WorkflowView::from).collect(),
        next_cursor: page.next.map(place_cursor),
    }))
}

pub fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(PAGE).clamp(1, PAGE_MAX)
}

pub fn place_cursor((at, id): Place) -> String {
    format!("{}-{:032x}", at.0, id.0)
}

pub fn place(cursor: &str) -> Result<Place, Failed> {
    let parsed = cursor.split_once('-').and_then(|(at, id)| {
        Some((Timestamp(at.parse().ok()?), WorkflowId(u128::from_str_radix(id, 16).ok()?)))
    });
    parsed.ok_or_else(|| invalid(format!("cursor={cursor} is not one that this list gave")))
}

pub async fn detail(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<WorkflowDetail>, Failed> {
    let workflow = find(&app, &id).await?;
    Ok(Json(WorkflowDetail::from(&*workflow)))
}

/// A workflow whose id is also the last word of a path that is posted to.
pub async fn namesake(app: State<Arc<App>>, path: MatchedPath) -> Result<Json<WorkflowDetail>, Failed> {
    let id = path.as_str().rsplit('/').next().unwrap_or_default().to_owned();
    detail(app, Path(id)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TasksQuery {
    status: Option<String>,
    cursor: Option<u32>,
    limit: Option<usize>,
}

pub async fn tasks(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Params(query): Params<TasksQuery>,
) -> Result<Json<Page<TaskView>>, Failed> {
    let workflow = find(&app, &id).await?;
    let wanted = |index: &u32| {
        query.status.as_deref().is_none_or(|status| workflow.task(*index).status.name() == status)
    };
    let mut indexes = (query.cursor.unwrap_or(0)..workflow.spec.total()).filter(wanted);
    let items =
        indexes.by_ref().take(limit(query.limit)).map(|index| TaskView::of(&workflow, index)).collect();
    let next_cursor = indexes.next().map(|index| index.to_string());
    Ok(Json(Page { items, next_cursor }))
}

pub async fn cancel(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, id, |workflow| Command::CancelWorkflow { workflow }).await
}

pub async fn pause(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, id, |workflow| Command::PauseWorkflow { workflow }).await
}

pub async fn resume(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, id, |workflow| Command::ResumeWorkflow { workflow }).await
}

pub async fn retry(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(who): Extension<Principal>,
    Body(body): Body,
) -> Result<Json<Done>, Failed> {
    let request: RetryWorkflowRequest = parse_request(&body, &app.limits)?;
    let note = signed(&app, &who, request.note()?);
    let mut edits = Vec::new();
    if !request.parameters.is_empty() {
        let workflow = find(&app, &id).await?;
        for (reference, patch) in &request.parameters {
            let index = index_of(&workflow, reference)?;
            if edits.iter().any(|(edited, _)| *edited == index) {
                return Err(invalid(format!("task `{}` is named twice", workflow.name_of(index))));
            }
            edits.push((index, edits::patched(&app, &workflow, index, patch).await?));
        }
    }
    act(&app, id, |workflow| Command::RetryWorkflow { workflow, edits, note }).await
}

/// The workflow with this id, generated or the submitter's own.
pub(super) async fn find(app: &App, id: &str) -> Result<Arc<Workflow>, Rejection> {
    app.engine.workflow(WorkflowId::from_text(id)).await.map_err(called(id))
}

/// A task of this workflow by its name, key or id.
fn index_of(workflow: &Workflow, reference: &str) -> Result<u32, Failed> {
    let by_id = || TaskId::parse(reference).filter(|task| task.workflow == workflow.id);
    let found = workflow.spec.find(reference).or_else(|| by_id().map(|task| task.index));
    found.filter(|index| *index < workflow.spec.total()).ok_or_else(|| {
        let names = references(&workflow.spec.tasks);
        let near = suggestion(reference, names.keys().copied());
        Rejection::new(errors::TASK_NOT_FOUND, format!("this workflow has no task `{reference}`{near}"))
            .into()
    })
}

async fn act(
    app: &App,
    id: String,
    command: impl FnOnce(WorkflowId) -> Command,
) -> Result<Json<Done>, Failed> {
    let workflow = WorkflowId::from_text(&id);
    let Accepted { seq, .. } = app.engine.submit(command(workflow)).await.map_err(called(&id))?;
    let status = app.engine.workflow(workflow).await?.status.name();
    Ok(Json(Done { id, status, seq: seq.0 }))
}
