//! Runs of other servers, taken in to be looked at.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::App;
use super::body::Body;
use super::parsing::aside;
use super::problem::Failed;
use super::workflows::stored;
use crate::core::command::Command;
use crate::core::errors;
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::protocol::parse_import;
use crate::protocol::rest::{Page, Submitted};

pub async fn import(State(app): State<Arc<App>>, Body(body): Body) -> Result<Response, Failed> {
    let (held, now) = (Arc::clone(&app), app.engine.now());
    let workflow = aside(body, move |body| parse_import(body, now, &held.limits)).await?;
    let (spec, id, status) = (Arc::clone(&workflow.spec), workflow.id, workflow.status.name());
    let accepted = app.engine.submit(Command::ImportWorkflow { workflow: Box::new(workflow) }).await?;
    let answer = Submitted {
        id: spec.label.clone().unwrap_or_else(|| Arc::from(id.to_string())),
        name: Arc::clone(&spec.name),
        status,
        total_tasks: spec.total(),
        seq: accepted.seq.0,
    };
    stored(&accepted.receipt, answer)
}

/// As much of an event as tells its place.
#[derive(Deserialize)]
struct Placed {
    seq: u64,
}

/// A page of what had happened to an imported workflow, as its server told it.
pub(super) fn events(all: &Payload, from: u64, limit: usize) -> Result<Response, Failed> {
    let damaged = |error: serde_json::Error| {
        Rejection::new(errors::DATA_CORRUPTION, format!("the events of the import cannot be read: {error}"))
    };
    let all: Vec<&RawValue> = serde_json::from_str(all.as_str()).map_err(damaged)?;
    let (mut items, mut next_cursor) = (Vec::new(), None);
    for event in all {
        let seq = serde_json::from_str::<Placed>(event.get()).map_err(damaged)?.seq;
        if seq < from {
            continue;
        }
        if items.len() == limit {
            next_cursor = Some(seq.to_string());
            break;
        }
        items.push(event);
    }
    Ok(Json(Page { items, next_cursor }).into_response())
}
