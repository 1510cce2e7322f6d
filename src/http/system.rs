//! Health, readiness, and the end of the process.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::body::Body;
use super::problem::Failed;
use super::{App, Shutdown};
use crate::clock;
use crate::core::rejection::Rejection;
use crate::protocol::rest::{Health, parse_request, webhook_warning};

/// What the engine knows of that somebody should look at.
pub type Warnings = Arc<[String]>;

/// Webhooks that fail are named up to here; where more do, something else is wrong.
const WEBHOOKS_NAMED_MAX: usize = 5;

/// The engine answered, so it lives; what is wrong is named. On a full disk an answer may have to wait for space,
/// and that the disk is full is known without one.
pub async fn health(State(app): State<Arc<App>>) -> Result<(StatusCode, Json<Health>), Failed> {
    let read_only = app.engine.commits().is_read_only();
    let failing = if read_only { Warnings::default() } else { answers(&app).await? };
    let mut problems = Vec::new();
    if read_only {
        problems.push("the disk is full: new work is refused until there is space".to_owned());
    }
    if let Some(frozen) = app.engine.store_frozen() {
        problems.push(format!(
            "the store of ended workflows is frozen ({frozen}); it is rebuilt at the next start"
        ));
    }
    let noted = app.engine.condition().now();
    problems.extend(noted.problems());
    let mut warnings = noted.warnings();
    warnings.extend(failing.iter().cloned());
    let version = env!("CARGO_PKG_VERSION");
    let status = if problems.is_empty() { "healthy" } else { "degraded" };
    Ok((StatusCode::OK, Json(Health { status, version, read_only, problems, warnings })))
}

/// Each webhook that does not tell what it is to tell, so many of them at most.
async fn failing_webhooks(app: &App) -> Result<Warnings, Rejection> {
    let all = app.engine.subscriptions().await?;
    let mut said: Vec<String> = all.iter().filter_map(|(id, known)| webhook_warning(*id, known)).collect();
    let more = said.len().saturating_sub(WEBHOOKS_NAMED_MAX);
    if more > 0 {
        said.truncate(WEBHOOKS_NAMED_MAX);
        said.push(format!("{more} more webhooks fail; see `gleitzeit webhooks list`"));
    }
    Ok(said.into())
}

pub async fn livez() -> &'static str {
    "ok"
}

/// The log has been replayed before the address is bound: who gets an answer gets a ready server.
pub async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Failed> {
    answers(&app).await?;
    Ok("ok")
}

/// Whether the engine answers, and what it warns of.
async fn answers(app: &App) -> Result<Warnings, Rejection> {
    app.pulse.feel(clock::instant(), failing_webhooks(app)).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutdownRequest {
    /// Whether connected services are told to end too.
    #[serde(default)]
    services: bool,
}

pub async fn shutdown(
    State(app): State<Arc<App>>,
    Body(body): Body,
) -> Result<(StatusCode, Json<Value>), Failed> {
    let request: ShutdownRequest = parse_request(&body, &app.limits)?;
    let how = if request.services { Shutdown::WithServices } else { Shutdown::Restart };
    // A second request changes nothing: the first one is under way.
    let _ = app.shutdown.try_send(how);
    Ok((StatusCode::ACCEPTED, Json(json!({"status": "stopping"}))))
}
