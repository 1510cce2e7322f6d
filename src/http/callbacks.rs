//! Receivers of webhook tasks answer here. The URL is the permission: its token names the attempt and proves that
//! this server made it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;

use super::App;
use super::auth::address;
use super::body::Body;
use super::problem::Failed;
use crate::core::callback::{Earlier, SameResult, Verdict, compare, earlier};
use crate::core::command::{Callback, Command};
use crate::core::errors;
use crate::core::ids::{AttemptNo, TaskId};
use crate::core::json_text::compact;
use crate::core::limits::Limits;
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::protocol::{CallbackTaken, parse_callback};
use crate::signing::CallbackKey;

/// What stands around a result in the body of a callback.
const ENVELOPE_BYTES: usize = 64 << 10;

/// What callbacks are checked with.
#[derive(Debug)]
pub struct Callbacks {
    pub key: CallbackKey,
    pub limits: Limits,
}

impl Callbacks {
    /// A result of the full size, whatever its spelling, and what stands around it.
    pub const fn body_bytes_max(&self) -> usize {
        self.limits.result_bytes_max + ENVELOPE_BYTES
    }
}

/// The attempt that the URL names. Checked before the body is read: strangers cost no memory.
#[derive(Debug)]
pub struct Named {
    task: TaskId,
    attempt: AttemptNo,
}

impl FromRequestParts<Arc<App>> for Named {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failed> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let opened = path.ok().and_then(|Path(token)| app.callbacks.key.open(&token));
        let Some((task, attempt)) = opened else {
            // Whoever has a URL is known by it; whoever makes one up is a stranger.
            app.rates.stranger(address(&parts.extensions))?;
            return Err(unknown().into());
        };
        Ok(Self { task, attempt })
    }
}

pub async fn take(
    State(app): State<Arc<App>>,
    Named { task, attempt }: Named,
    Body(body): Body,
) -> Result<Json<CallbackTaken>, Failed> {
    let callback = parse_callback(&body, &app.callbacks.limits)?;
    let status = status_of(&callback);
    let command = Command::TakeCallback { task, attempt, callback: callback.clone() };
    let duplicate = match app.engine.submit(command).await {
        Ok(_) => false,
        Err(rejection) if rejection.code == errors::CALLBACK_UNKNOWN => {
            repeated(&app, (task, attempt), &callback).await?
        }
        Err(rejection) => return Err(rejection.into()),
    };
    Ok(Json(CallbackTaken { task_id: task.to_string(), attempt: attempt.0, status, duplicate }))
}

/// The attempt has ended: either this is what ended it, said again, or it is refused.
async fn repeated(
    app: &App,
    (task, attempt): (TaskId, AttemptNo),
    callback: &Callback,
) -> Result<bool, Failed> {
    let workflow = app.engine.workflow(task.workflow).await.map_err(|_| unknown())?;
    let known = workflow.tasks.get(task.at()).ok_or_else(unknown)?;
    let earlier = earlier(known, attempt).ok_or_else(unknown)?;
    let same = match (&earlier, callback) {
        (Earlier::Completed(stored), Callback::Completed(result)) => {
            same_result(&app.engine.payload(stored).await?, result)
        }
        (Earlier::Completed(_) | Earlier::Failed { .. }, _) => SameResult::No,
    };
    match compare(&earlier, callback, same) {
        Verdict::Same => Ok(true),
        Verdict::Over => Err(unknown().into()),
        Verdict::Other => Err(Rejection::new(
            errors::CALLBACK_CONFLICT,
            format!("attempt {attempt} of task {task} has ended with another outcome already"),
        )
        .into()),
    }
}

/// The same text, whitespace between the tokens aside. As values, large numbers that differ in their last digits
/// would count as one, and the sender would believe that the second one is stored.
fn same_result(stored: &Payload, result: &Payload) -> SameResult {
    if compact(stored.as_str()) == compact(result.as_str()) { SameResult::Yes } else { SameResult::No }
}

const fn status_of(callback: &Callback) -> &'static str {
    match callback {
        Callback::Completed(_) => "completed",
        Callback::Failed(_) => "failed",
        Callback::Progress(_) => "progress",
    }
}

/// A forged token and an attempt that is over look alike: neither has anything to tell.
fn unknown() -> Rejection {
    Rejection::new(
        errors::CALLBACK_UNKNOWN,
        "no attempt waits for this callback: its token is not one of this server's, or its attempt has ended",
    )
}
