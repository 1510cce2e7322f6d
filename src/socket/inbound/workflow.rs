//! `workflow:submit`, `workflow:cancel` and `workflow:status`.

use std::sync::Arc;

use socketioxide::handler::Value;

use crate::clock;
use crate::core::command::Command;
use crate::core::effect::{First, Receipt};
use crate::core::errors::{INTERNAL_ERROR, WORKFLOW_NOT_FOUND};
use crate::core::ids::WorkflowId;
use crate::core::limits::SubmissionLimits;
use crate::core::rejection::Rejection;
use crate::engine::{Answer, Reply};
use crate::protocol::socket::{
    Acknowledged, Answered, WorkflowPayload, WorkflowStart, WorkflowStatusResponse, first_argument,
    payload_of,
};
use crate::protocol::submit::{Submission, parse_submit_event};
use crate::protocol::time::NaiveUtc;
use crate::socket::Server;
use crate::socket::caller::Caller;
use crate::socket::live::Question;
use crate::socket::rooms::{Joined, Room};

/// A submission above this is read where it delays nobody: at some 100 MB/s this is half a millisecond.
const READ_HERE_MAX: usize = 64 << 10;

pub(super) async fn submit(server: &Arc<Server>, caller: &Caller, event: Value) -> Result<(), Rejection> {
    let submission = read(event, server.config.limits.submission.clone()).await?;
    let workflow =
        submission.id.as_deref().map_or_else(|| server.engine.fresh_workflow_id(), WorkflowId::from_text);
    let label = submission.id.unwrap_or_else(|| Arc::from(workflow.to_string()));
    let session = caller.connection.session.id;
    // Before the commit, so that the room hears of everything after it.
    let room = Room::Submitted(workflow);
    let joined = server.rooms.join(session, room, server.engine.feed().durable_end())?;
    let spec = Arc::new(submission.spec);
    let submitted = Submitted {
        server: Arc::clone(server),
        caller: caller.clone(),
        workflow,
        label: Arc::clone(&label),
        name: Arc::clone(&spec.name),
        total_tasks: spec.total(),
        joined,
    };
    let reply: Reply = Box::new(move |answer| submitted.tell(answer));
    let command = Command::SubmitWorkflow { workflow, spec, body: submission.body, key: None };
    server.engine.request(command, reply).inspect_err(|_| server.rooms.undo(session, room, joined))
}

async fn read(event: Value, limits: SubmissionLimits) -> Result<Submission, Rejection> {
    let bytes = event.as_str().map_or(0, |text| text.len());
    let parse = move || {
        let payload = event.as_str().and_then(|text| payload_of(text)).unwrap_or("null");
        first_argument(payload, |payload| parse_submit_event(payload, &limits))
    };
    if bytes <= READ_HERE_MAX {
        return parse();
    }
    let read = tokio::task::spawn_blocking(parse).await;
    read.unwrap_or_else(|error| {
        Err(Rejection::new(INTERNAL_ERROR, format!("the submission was not read: {error}")))
    })
}

/// What is told when a submission has been decided.
struct Submitted {
    server: Arc<Server>,
    caller: Caller,
    workflow: WorkflowId,
    label: Arc<str>,
    name: Arc<str>,
    total_tasks: u32,
    joined: Joined,
}

impl Submitted {
    fn tell(self, answer: Answer) {
        let session = self.caller.connection.session.id;
        let accepted = match answer {
            Ok(accepted) => accepted,
            Err(rejection) => {
                self.server.rooms.undo(session, Room::Submitted(self.workflow), self.joined);
                self.caller.refuse_about(&rejection, Some(&self.label));
                return;
            }
        };
        let started = WorkflowStart {
            workflow_id: &self.label,
            name: &self.name,
            total_tasks: self.total_tasks,
            timestamp: NaiveUtc(clock::wall()),
        };
        self.caller.emit(WorkflowStart::EVENT, &started);
        self.caller.answer(&Acknowledged::at(accepted.seq));
        if let Receipt::Submitted { workflow, first: First::Repeated } = accepted.receipt {
            // It may have ended before this client came, and then nothing more happens that could be told.
            self.server.live.ask(Question::HasEnded(workflow));
        }
    }
}

pub(super) fn cancel(
    server: &Arc<Server>,
    caller: &Caller,
    payload: &WorkflowPayload<'_>,
) -> Result<(), Rejection> {
    let reply = caller.reply_to_request(Some(payload.workflow_id.to_arc()));
    server.engine.request(Command::CancelWorkflow { workflow: payload.workflow() }, reply)
}

pub(super) async fn status(
    server: &Arc<Server>,
    caller: &Caller,
    payload: WorkflowPayload<'_>,
) -> Result<(), Rejection> {
    match server.engine.workflow(payload.workflow()).await {
        Ok(workflow) => {
            let label = workflow.label();
            let response = WorkflowStatusResponse::found(&label, &workflow);
            caller.emit(WorkflowStatusResponse::EVENT, &response);
            caller.answer(&Answered::new(&response));
        }
        // The earlier clients wait for the response and for nothing else.
        Err(rejection) if rejection.code == WORKFLOW_NOT_FOUND && !caller.wants_answer() => {
            let response = WorkflowStatusResponse::refused(&payload.workflow_id, &rejection);
            caller.emit(WorkflowStatusResponse::EVENT, &response);
        }
        Err(rejection) => return Err(rejection),
    }
    Ok(())
}
