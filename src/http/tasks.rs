//! Single tasks.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};

use super::App;
use super::access::signed;
use super::body::{Body, Path};
use super::edits;
use super::problem::Failed;
use crate::core::access::Principal;
use crate::core::command::{Command, Verdict};
use crate::core::errors;
use crate::core::event::Note;
use crate::core::ids::{Seq, TaskId, WorkerId};
use crate::core::state::{StatusKind, Workflow};
use crate::core::why::{Reason, Why};
use crate::protocol::rest::{
    CompleteRequest, Done, FailRequest, ReasonView, RetryTaskRequest, SkipRequest, TaskDetail, WhyView,
    parse_request, receiver_in,
};

pub async fn detail(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<TaskDetail>, Failed> {
    let (workflow, task) = app.engine.find_task(&id).await?;
    let parameters = app.engine.payload(workflow.parameters_of(task.index)).await?;
    let result = match workflow.task(task.index).status.result() {
        Some(result) => Some(app.engine.payload(result).await?),
        None => None,
    };
    let progress = app.engine.progress(task).await?;
    let mut detail = TaskDetail::of(&workflow, task.index, &parameters, result.as_ref(), progress);
    let (releasing, now) = (app.engine.releasing(task).await?, app.engine.now());
    detail.releasing = releasing.iter().map(|reason| ReasonView::of(&workflow, reason, now)).collect();
    Ok(Json(detail))
}

pub async fn why(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<WhyView>, Failed> {
    let (workflow, task) = app.engine.find_task(&id).await?;
    let status = &workflow.task(task.index).status;
    let receiver = receiver(&app, &workflow, task.index).await?;
    let why = match app.engine.why(task, receiver).await? {
        Some(why) => why,
        // A task of an archived workflow waits for nothing; a worker may still have to stop it.
        None => Why {
            task,
            status: status.kind(),
            summary: format!("{} is {}: it has ended", workflow.name_of(task.index), status.name()),
            reasons: [Reason::Ended].into_iter().chain(app.engine.releasing(task).await?).collect(),
        },
    };
    Ok(Json(WhyView::of(&workflow, &why, app.engine.now())))
}

/// Whom a task is handed on to, without what may be a secret: its scheme, host and port.
async fn receiver(app: &App, workflow: &Workflow, index: u32) -> Result<Option<Arc<str>>, Failed> {
    let held = workflow.task(index).holder().is_some_and(|holder| &*holder.0 == WorkerId::WEBHOOKS);
    if !held {
        return Ok(None);
    }
    let parameters = app.engine.payload(workflow.parameters_of(index)).await?;
    Ok(receiver_in(parameters.as_str()))
}

pub async fn cancel(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, id, |task| Command::CancelTask { task }).await
}

pub async fn retry(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(who): Extension<Principal>,
    Body(body): Body,
) -> Result<Json<Done>, Failed> {
    let request: RetryTaskRequest = parse_request(&body, &app.limits)?;
    let note = signed(&app, &who, request.note()?);
    let Some(patch) = &request.parameters else {
        return act(&app, id, |task| Command::RetryTask { task, edit: None, note }).await;
    };
    let (workflow, task) = app.engine.find_task(&id).await?;
    let edit = edits::patched(&app, &workflow, task.index, patch).await?;
    act(&app, id, |task| Command::RetryTask { task, edit: Some(edit), note }).await
}

pub async fn complete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(who): Extension<Principal>,
    Body(body): Body,
) -> Result<Json<Done>, Failed> {
    let (verdict, note) = parse_request::<CompleteRequest>(&body, &app.limits)?.verdict()?;
    settle(&app, id, verdict, signed(&app, &who, note)).await
}

pub async fn fail(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(who): Extension<Principal>,
    Body(body): Body,
) -> Result<Json<Done>, Failed> {
    let (verdict, note) = parse_request::<FailRequest>(&body, &app.limits)?.verdict()?;
    settle(&app, id, verdict, signed(&app, &who, note)).await
}

pub async fn skip(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(who): Extension<Principal>,
    Body(body): Body,
) -> Result<Json<Done>, Failed> {
    let (verdict, note) = parse_request::<SkipRequest>(&body, &app.limits)?.verdict()?;
    settle(&app, id, verdict, signed(&app, &who, note)).await
}

async fn settle(app: &App, id: String, verdict: Verdict, note: Note) -> Result<Json<Done>, Failed> {
    let (_, task) = app.engine.find_task(&id).await?;
    let command = Command::SettleTask { task, verdict: verdict.clone(), note };
    let seq = match app.engine.submit(command).await {
        Ok(accepted) => accepted.seq,
        Err(rejection) if rejection.code == errors::TASK_ALREADY_ENDED => {
            // The same request again is answered as the first one was.
            let repeated = is_so_already(app, task, &verdict).await?;
            repeated.ok_or(rejection)?
        }
        Err(rejection) => return Err(rejection.into()),
    };
    done(app, id, task, seq).await
}

/// Whether the task has ended in just this way, and the position at which that is true.
async fn is_so_already(app: &App, task: TaskId, verdict: &Verdict) -> Result<Option<Seq>, Failed> {
    let (kind, value) = match verdict {
        Verdict::Complete(value) => (StatusKind::Completed, value),
        Verdict::Skip(Some(value)) => (StatusKind::Skipped, value),
        Verdict::Skip(None) | Verdict::Fail(_) => return Ok(None),
    };
    let workflow = app.engine.workflow(task.workflow).await?;
    let status = &workflow.task(task.index).status;
    let Some(result) = status.result().filter(|_| status.kind() == kind) else { return Ok(None) };
    let same = app.engine.payload(result).await? == *value;
    Ok(workflow.task(task.index).ended_seq.filter(|_| same))
}

async fn act(app: &App, id: String, command: impl FnOnce(TaskId) -> Command) -> Result<Json<Done>, Failed> {
    let (_, task) = app.engine.find_task(&id).await?;
    let accepted = app.engine.submit(command(task)).await?;
    done(app, id, task, accepted.seq).await
}

async fn done(app: &App, id: String, task: TaskId, seq: Seq) -> Result<Json<Done>, Failed> {
    let workflow = app.engine.workflow(task.workflow).await?;
    Ok(Json(Done { id, status: workflow.task(task.index).status.name(), seq: seq.0 }))
}
