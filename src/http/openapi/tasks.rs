//! Single tasks.

use serde_json::json;
use utoipa::openapi::Required;

use super::document::{Document, Tag};
use super::examples::{self, TASK};
use crate::core::errors::{
    CALLBACK_CONFLICT, CALLBACK_UNKNOWN, DISK_SPACE_FULL, NOTHING_TO_RETRY, PARAMETER_SUBSTITUTION_FAILED,
    PARAMETERS_CHANGED, REQUIRED_FIELD_MISSING, TASK_ALREADY_ENDED, TASK_NOT_FOUND, WORKFLOW_ALREADY_ENDED,
};
use crate::protocol::CallbackTaken;
use crate::protocol::rest::{
    CallbackReport, CompleteRequest, Done, FailRequest, RetryTaskRequest, SkipRequest, TaskDetail, WhyView,
};

const ID: &str = "The generated id, or the submitter's own where that is a UUID.";

pub fn detail() -> Document {
    Document::new(Tag::Tasks, "get_task", "Read a task")
        .describe(
            "With its parameters, its result and its unsuccessful attempts. Secrets such as a `webhook_token` are hidden.",
        )
        .path("id", ID, TASK)
        .answers::<TaskDetail>(200, "The task.", examples::task_in_full())
        .refuses([TASK_NOT_FOUND])
}

pub fn why() -> Document {
    let summary = "Statistics waits for \"Numbers\", which is running";
    let waits = json!({
        "task_id": TASK, "task_name": "Statistics", "workflow_id": examples::WORKFLOW, "status": "pending",
        "summary": summary,
        "reasons": [{
            "kind": "dependencies", "message": summary, "waiting_on": 1,
            "dependencies": [{"id": "019ac000-5f2e-7c1a-9d3b-2e6f8a4b1c70.0", "name": "Numbers", "status": "processing"}],
        }],
    });
    Document::new(Tag::Tasks, "why_task", "Ask what a task waits for")
        .describe("`kind` is a stable word, and each kind has members of its own.")
        .path("id", ID, TASK)
        .answers::<WhyView>(200, "The reasons, in words and as data.", waits)
        .refuses([TASK_NOT_FOUND])
}

pub fn cancel() -> Document {
    verb("cancel_task", "Cancel a task", "cancelled")
        .describe("Tasks that need it are skipped.")
        .refuses([TASK_ALREADY_ENDED, WORKFLOW_ALREADY_ENDED])
}

pub fn retry() -> Document {
    let edited = json!({"parameters": {"args": [[1, 2, 3]]}, "by": "ada", "reason": "the list was empty"});
    verb("retry_task", "Run a task again", "queued")
        .describe(
            "A failed, cancelled, skipped or retrying task, with what it needs and with what fell with it. \
             `parameters` is a JSON merge patch (RFC 7396).",
        )
        .takes::<RetryTaskRequest>(
            Required::False,
            &[("as_it_was", "As it was", json!({})), ("edited", "With other parameters", edited)],
        )
        .refuses([
            NOTHING_TO_RETRY,
            PARAMETER_SUBSTITUTION_FAILED,
            PARAMETERS_CHANGED,
            REQUIRED_FIELD_MISSING,
        ])
}

pub fn complete() -> Document {
    let given = json!({"result": {"mean": 3.5}, "by": "ada", "reason": "counted by hand"});
    verb("complete_task", "Say that this is the result of a task", "completed")
        .describe("A worker that runs it is told to stop; tasks that depend on it run with the result.")
        .takes::<CompleteRequest>(Required::True, &[("given", "A result", given)])
        .refuses([REQUIRED_FIELD_MISSING, TASK_ALREADY_ENDED])
}

pub fn fail() -> Document {
    let failed = json!({"error": "the input is wrong", "code": "E7", "retryable": false, "by": "ada"});
    verb("fail_task", "Say that a task has failed", "failed")
        .describe("For good, unless `retryable` asks for another try by the task's own policy.")
        .takes::<FailRequest>(Required::True, &[("failed", "A failure", failed)])
        .refuses([REQUIRED_FIELD_MISSING, TASK_ALREADY_ENDED])
}

pub fn skip() -> Document {
    verb("skip_task", "Leave a task out", "skipped")
        .describe("Without a value, tasks that need it are left out too; with one, they run with it.")
        .takes::<SkipRequest>(
            Required::False,
            &[
                ("left_out", "Without a value", json!({"reason": "not needed today"})),
                ("with_value", "With a value", json!({"with": {"mean": 3.5}})),
            ],
        )
        .refuses([TASK_ALREADY_ENDED])
}

pub fn callback() -> Document {
    let taken = json!({"task_id": TASK, "attempt": 1, "status": "completed", "duplicate": false});
    Document::new(Tag::Tasks, "answer_callback", "Answer for a task that was handed on")
        .describe(
            "For the receiver of a webhook task. The path is the permission and needs no other token; it works until \
             the attempt has ended. The same answer again is answered in the same way.",
        )
        .path("token", "As in the `callback_url` that the receiver was given.", "AZrAAF8ufBqdOy5vikscLAAAAAEAAAAB")
        .takes::<CallbackReport>(
            Required::True,
            &[
                ("completed", "It is done", json!({"status": "completed", "result": {"pages": 3}})),
                ("failed", "It has failed", json!({"status": "failed", "error": "out of paper", "retryable": true})),
                ("progress", "It goes on", json!({"status": "progress", "progress": 40, "message": "page 2"})),
            ],
        )
        .answers::<CallbackTaken>(200, "It counts, or it had counted before.", taken)
        .refuses([CALLBACK_CONFLICT, CALLBACK_UNKNOWN, DISK_SPACE_FULL, REQUIRED_FIELD_MISSING])
}

fn verb(id: &'static str, summary: &'static str, status: &str) -> Document {
    Document::new(Tag::Tasks, id, summary)
        .path("id", ID, TASK)
        .answers::<Done>(200, "It is done.", examples::done(TASK, status))
        .refuses([DISK_SPACE_FULL, TASK_NOT_FOUND])
}
