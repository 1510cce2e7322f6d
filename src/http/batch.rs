//! Many workflows in one request: one a line, each stored and answered by itself.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::App;
use super::parsing::parse;
use crate::core::command::Command;
use crate::core::effect::Receipt;
use crate::core::errors;
use crate::core::ids::{Fingerprint, WorkflowId};
use crate::core::rejection::Rejection;
use crate::engine::{Answer, EngineHandle};
use crate::protocol::rest::{BatchLine, batch_line};
use crate::protocol::submit::{ContentType, Submission};

/// Workflows that may wait for the disk at once.
const IN_FLIGHT: usize = 256;
/// Answers that may wait for a client that sends everything before it reads anything: some 3 MiB. One that sends
/// more lines has to read while it sends.
const ANSWERS_WAITING: usize = 10_000;

/// A line on its way.
enum Sent {
    Refused(Rejection),
    Submitted { label: Arc<str>, name: Arc<str>, total_tasks: u32, answer: oneshot::Receiver<Answer> },
}

pub async fn submit(State(app): State<Arc<App>>, body: Body) -> Response {
    let (sent, waiting) = mpsc::channel(IN_FLIGHT);
    let (answers, told) = mpsc::channel(ANSWERS_WAITING);
    tokio::spawn(read_lines(app, body, sent));
    tokio::spawn(answer_lines(waiting, answers));
    let told = ReceiverStream::new(told).map(Ok::<Bytes, Infallible>);
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(told)).into_response()
}

/// Takes the lines apart and submits them in their order. Ends when the client is gone.
async fn read_lines(app: Arc<App>, body: Body, sent: mpsc::Sender<Sent>) {
    let mut chunks = body.into_data_stream();
    let mut line = BytesMut::new();
    let limit = app.limits.body_bytes_max;
    while let Some(chunk) = chunks.next().await {
        let Ok(mut chunk) = chunk else { return };
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(&chunk.split_to(end));
            drop(chunk.split_to(1));
            if pass_on(&app, line.split().freeze(), &sent).await.is_err() {
                return;
            }
        }
        line.extend_from_slice(&chunk);
        if line.len() > limit {
            let message = format!("a line has more than {limit} bytes; nothing behind it was read");
            // Where the next line begins could only be found by reading what may never end.
            let _ = sent.send(Sent::Refused(Rejection::new(errors::PAYLOAD_TOO_LARGE, message))).await;
            return;
        }
    }
    let _ = pass_on(&app, line.freeze(), &sent).await;
}

/// Nobody waits for answers any more.
struct Gone;

async fn pass_on(app: &Arc<App>, line: Bytes, sent: &mpsc::Sender<Sent>) -> Result<(), Gone> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    let one = submit_line(app, line).await.unwrap_or_else(Sent::Refused);
    sent.send(one).await.map_err(|_| Gone)
}

async fn submit_line(app: &Arc<App>, line: Bytes) -> Result<Sent, Rejection> {
    let BatchLine { workflow: text, key } = batch_line(&line, &app.limits)?;
    let Submission { id, spec, .. } = parse(app, ContentType::Json, Bytes::from(text)).await?;
    let workflow = id.as_deref().map_or_else(|| app.engine.fresh_workflow_id(), WorkflowId::from_text);
    let label = spec.label.clone().unwrap_or_else(|| Arc::from(workflow.to_string()));
    let (name, total_tasks) = (Arc::clone(&spec.name), spec.total());
    let key = key.map(|key| Fingerprint::of(key.as_bytes()));
    let (told, answer) = oneshot::channel();
    let command = Command::SubmitWorkflow {
        workflow,
        spec: Arc::new(spec),
        body: Fingerprint::of(line.trim_ascii()),
        key,
    };
    app.engine.request(
        command,
        Box::new(move |said| {
            let _ = told.send(said);
        }),
    )?;
    Ok(Sent::Submitted { label, name, total_tasks, answer })
}

async fn answer_lines(mut waiting: mpsc::Receiver<Sent>, answers: mpsc::Sender<Bytes>) {
    let mut number = 0_u64;
    while let Some(sent) = waiting.recv().await {
        number += 1;
        let line = match sent {
            Sent::Refused(rejection) => BatchLine::refused(number, &rejection),
            Sent::Submitted { label, name, total_tasks, answer } => {
                match EngineHandle::answered(answer).await {
                    Ok(accepted) => match accepted.receipt {
                        Receipt::Submitted { workflow, first } => {
                            // A repeated key without an id leads to the workflow that was made the first time.
                            let made = Arc::from(workflow.to_string());
                            let id = if WorkflowId::from_text(&label) == workflow { label } else { made };
                            BatchLine::stored(number, (&id, &name), total_tasks, first, accepted.seq)
                        }
                        Receipt::Done
                        | Receipt::Registered { .. }
                        | Receipt::Carried { .. }
                        | Receipt::Tried { .. } => continue,
                    },
                    Err(rejection) => BatchLine::refused(number, &rejection),
                }
            }
        };
        if answers.send(line.into()).await.is_err() {
            return;
        }
    }
}
