//! The results of a workflow. Together they may be far larger than what the server should hold, so they are sent
//! while they are read: a slow reader keeps one chunk in memory, not all of them.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use tracing::warn;

use super::App;
use super::body::Path;
use super::problem::Failed;
use super::workflows;
use crate::core::rejection::Rejection;
use crate::core::state::{TaskStatus, Workflow};
use crate::protocol::rest::Results;

/// Sent at once. Smaller answers are whole before they begin, so that an error is still an answer of its own.
const CHUNK_BYTES: usize = 256 << 10;

pub async fn of_workflow(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Failed> {
    let workflow = workflows::find(&app, &id).await?;
    let mut sending = Sending::begin(app, workflow);
    let length = sending.length();
    let first = sending.chunk().await?;
    let rest = stream::unfold(Some(sending), |sending| async {
        let mut sending = sending.filter(|sending| !sending.is_whole())?;
        match sending.chunk().await {
            Ok(chunk) => Some((Ok(chunk), Some(sending))),
            Err(rejection) => {
                // The status is out already: only a broken connection can still say that the rest is missing.
                warn!(workflow = %sending.workflow.id, %rejection, "results could not be read to their end");
                Some((Err(rejection), None))
            }
        }
    });
    let body = Body::from_stream(stream::iter([Ok::<_, Rejection>(first)]).chain(rest));
    let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// How far an answer has got.
struct Sending {
    app: Arc<App>,
    workflow: Arc<Workflow>,
    /// The completed tasks that are still to come, the next one last.
    left: Vec<(Arc<str>, u32)>,
    /// Written and not yet sent.
    written: String,
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    FirstValue,
    MoreValues,
    Whole,
}

impl Sending {
    fn begin(app: Arc<App>, workflow: Arc<Workflow>) -> Self {
        let completed = (0..workflow.spec.total())
            .filter(|index| matches!(workflow.task(*index).status, TaskStatus::Completed { .. }));
        let mut left: Vec<_> = completed.map(|index| (workflow.name_of(index), index)).collect();
        left.sort_unstable_by(|a, b| b.cmp(a));
        let head = Results::without_values(&workflow, app.engine.now());
        let mut written = serde_json::to_string(&head).expect("plain types in memory always become JSON");
        // The values follow as the last field.
        written.pop();
        written.push_str(",\"results\":{");
        Self { app, workflow, left, written, part: Part::FirstValue }
    }

    /// Of the whole answer, before any of it is taken: stored values have a known length.
    fn length(&self) -> usize {
        let values = self.left.iter().map(|(name, index)| {
            let TaskStatus::Completed { result, .. } = &self.workflow.task(*index).status else { return 0 };
            in_json(name).len() + ":".len() + result.len()
        });
        let commas = self.left.len().saturating_sub(1);
        self.written.len() + values.sum::<usize>() + commas + "}}".len()
    }

    fn is_whole(&self) -> bool {
        self.part == Part::Whole
    }

    /// The next part of the answer; the last one ends it.
    async fn chunk(&mut self) -> Result<Bytes, Rejection> {
        while self.written.len() < CHUNK_BYTES {
            let Some((name, index)) = self.left.pop() else {
                self.written.push_str("}}");
                self.part = Part::Whole;
                break;
            };
            if let TaskStatus::Completed { result, .. } = &self.workflow.task(index).status {
                let value = self.app.engine.payload(result).await?;
                if self.part == Part::MoreValues {
                    self.written.push(',');
                }
                self.part = Part::MoreValues;
                self.written.push_str(&in_json(&name));
                self.written.push(':');
                self.written.push_str(value.as_str());
            }
        }
        Ok(Bytes::from(std::mem::take(&mut self.written)))
    }
}

fn in_json(name: &str) -> String {
    serde_json::to_string(name).expect("text is JSON")
}
