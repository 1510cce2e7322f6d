//! Verbs on everything that a filter finds. Each thing is a command of its own, committed before the answer names it.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use futures_util::{StreamExt, stream};

use super::App;
use super::access::signed;
use super::body::Body;
use super::letters::{cursor, letter_place};
use super::problem::Failed;
use super::workflows::{place, place_cursor};
use crate::core::access::Principal;
use crate::core::command::Command;
use crate::core::errors::{Code, NOTHING_TO_RETRY};
use crate::core::event::Note;
use crate::core::ids::WorkflowId;
use crate::core::listing::{ListFilter, Summary};
use crate::core::rejection::Rejection;
use crate::core::state::{TaskStatus, WorkflowStatus};
use crate::engine::Letter;
use crate::protocol::rest::{
    BulkDone, BulkItem, BulkRefusal, BulkRequest, Problem, Rehearsal, parse_request,
};

/// Things that one request acts on, unless it asks for fewer or more.
const BULK: usize = 100;
const BULK_MAX: usize = 1_000;
/// Commands of one request that wait for the disk together.
const IN_FLIGHT: usize = 32;
/// Lists that one request reads; one that finds little in them says where to go on.
const LISTS_MAX: usize = 50;

type Outcome = Result<BulkItem, BulkRefusal>;
/// What is done to a workflow that was found.
type ToCommand<'c> = dyn Fn(WorkflowId) -> Command + Sync + 'c;

pub async fn retry_tasks(
    State(app): State<Arc<App>>,
    Extension(who): Extension<Principal>,
    Body(body): Body,
) -> Result<Json<BulkDone>, Failed> {
    let request: BulkRequest = parse_request(&body, &app.limits)?;
    let filter = request.letters()?;
    let mut from = request.cursor.as_deref().map(letter_place).transpose()?;
    let wanted = wanted(&request);
    let mut letters = Vec::new();
    for _ in 0..LISTS_MAX {
        let page = app.engine.dead_letters(filter.clone(), from, wanted - letters.len()).await?;
        letters.extend(page.items);
        from = page.next;
        if from.is_none() || letters.len() >= wanted {
            break;
        }
    }
    let rehearsal = request.rehearsal();
    let outcomes =
        stream::iter(letters).map(|letter| retry_task(&app, &who, letter, rehearsal)).buffered(IN_FLIGHT);
    Ok(Json(answer(rehearsal, outcomes.collect().await, from.map(cursor))))
}

async fn retry_task(app: &App, who: &Principal, letter: Letter, rehearsal: Rehearsal) -> Outcome {
    let Letter { workflow, index } = letter;
    let task = workflow.task_id(index);
    let mut item = BulkItem {
        id: workflow.wire_id(index),
        name: workflow.name_of(index),
        workflow_id: Some(workflow.label()),
        status: workflow.task(index).status.name(),
        seq: None,
    };
    if rehearsal == Rehearsal::Dry {
        return Ok(item);
    }
    let command = Command::RetryTask { task, edit: None, note: signed(app, who, Note::default()) };
    let retried = app.engine.submit(command).await;
    let now = match app.engine.workflow(task.workflow).await {
        Ok(now) => now,
        Err(rejection) => return Err(refusal(item, &rejection)),
    };
    item.status = now.task(index).status.name();
    match retried {
        Ok(accepted) => item.seq = Some(accepted.seq.0),
        // Another task of its workflow has taken it along.
        Err(rejection) if rejection.code == NOTHING_TO_RETRY && !now.task(index).status.has_ended() => {}
        Err(rejection) => return Err(refusal(item, &rejection)),
    }
    Ok(item)
}

pub async fn cancel_workflows(
    State(app): State<Arc<App>>,
    Body(body): Body,
) -> Result<Json<BulkDone>, Failed> {
    let open = [WorkflowStatus::Pending, WorkflowStatus::Running, WorkflowStatus::Paused];
    act(&app, &body, &open, &|workflow| Command::CancelWorkflow { workflow }).await
}

pub async fn retry_workflows(
    State(app): State<Arc<App>>,
    Extension(who): Extension<Principal>,
    Body(body): Body,
) -> Result<Json<BulkDone>, Failed> {
    let note = signed(&app, &who, Note::default());
    act(&app, &body, &[WorkflowStatus::Failed], &|workflow| Command::RetryWorkflow {
        workflow,
        edits: Vec::new(),
        note: note.clone(),
    })
    .await
}

async fn act(
    app: &App,
    body: &[u8],
    usual: &[WorkflowStatus],
    command: &ToCommand<'_>,
) -> Result<Json<BulkDone>, Failed> {
    let request: BulkRequest = parse_request(body, &app.limits)?;
    let (mut filter, codes) = request.workflows()?;
    if filter.statuses.is_empty() {
        filter.statuses = usual.to_vec();
    }
    let mut before = request.cursor.as_deref().map(place).transpose()?;
    let wanted = wanted(&request);
    let mut found: Vec<Summary> = Vec::new();
    for _ in 0..LISTS_MAX {
        let page = app.engine.list(ListFilter::clone(&filter), before, wanted - found.len()).await?;
        for item in page.items {
            if codes.is_empty() || failed_with(app, item.place.1, &codes).await? {
                found.push(item);
            }
        }
        before = page.next;
        if before.is_none() || found.len() >= wanted {
            break;
        }
    }
    let rehearsal = request.rehearsal();
    let outcomes =
        stream::iter(found).map(|item| on_workflow(app, item, command, rehearsal)).buffered(IN_FLIGHT);
    Ok(Json(answer(rehearsal, outcomes.collect().await, before.map(place_cursor))))
}

async fn on_workflow(app: &App, found: Summary, command: &ToCommand<'_>, rehearsal: Rehearsal) -> Outcome {
    let id = found.place.1;
    let mut item = BulkItem {
        id: found.label,
        name: found.name,
        workflow_id: None,
        status: found.status.name(),
        seq: None,
    };
    if rehearsal == Rehearsal::Dry {
        return Ok(item);
    }
    match app.engine.submit(command(id)).await {
        Ok(accepted) => item.seq = Some(accepted.seq.0),
        Err(rejection) => return Err(refusal(item, &rejection)),
    }
    if let Ok(now) = app.engine.workflow(id).await {
        item.status = now.status.name();
    }
    Ok(item)
}

/// Whether a task of the workflow has failed with one of these codes.
async fn failed_with(app: &App, id: WorkflowId, codes: &[Code]) -> Result<bool, Failed> {
    let workflow = app.engine.workflow(id).await?;
    let found = workflow.tasks.iter().any(|task| {
        if let TaskStatus::Failed { failure } = &task.status { codes.contains(&failure.code) } else { false }
    });
    Ok(found)
}

fn wanted(request: &BulkRequest) -> usize {
    request.limit.unwrap_or(BULK).clamp(1, BULK_MAX)
}

fn refusal(item: BulkItem, rejection: &Rejection) -> BulkRefusal {
    BulkRefusal { id: item.id, name: item.name, error: Problem::from(rejection) }
}

fn answer(rehearsal: Rehearsal, outcomes: Vec<Outcome>, next_cursor: Option<String>) -> BulkDone {
    let mut answer =
        BulkDone { dry_run: rehearsal == Rehearsal::Dry, done: Vec::new(), refused: Vec::new(), next_cursor };
    for outcome in outcomes {
        match outcome {
            Ok(item) => answer.done.push(item),
            Err(refused) => answer.refused.push(refused),
        }
    }
    answer
}
