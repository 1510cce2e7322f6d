//! Workflows.

use serde_json::{Value, json};
use utoipa::openapi::Required;

use super::conditions;
use super::document::{Document, Tag};
use super::examples::{self, WORKFLOW};
use crate::core::errors::{
    CIRCULAR_DEPENDENCY, DISK_SPACE_FULL, EVENTS_RELEASED, NO_FILES_ROOT, NOTHING_TO_RETRY,
    PARAMETER_SUBSTITUTION_FAILED, PARAMETERS_CHANGED, REQUIRED_FIELD_MISSING, TASK_NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE, WORKFLOW_ALREADY_ENDED, WORKFLOW_CONFLICT, WORKFLOW_NOT_FOUND,
    WORKFLOW_VALIDATION_FAILED, YAML_PARSE_ERROR,
};
use crate::core::state::StatusKind;
use crate::http::definition::Definition;
use crate::http::workflows::Validated;
use crate::protocol::rest::{
    BatchAnswer, Done, EventView, ExportedRun, GraphView, ResultsView, RetryWorkflowRequest, Submitted,
    TaskView, WorkflowBody, WorkflowDetail, WorkflowView,
};

const ID: &str = "The generated id, or the submitter's own.";

pub fn list() -> Document {
    Document::new(Tag::Workflows, "list_workflows", "List workflows, the latest first")
        .describe("All conditions must hold. One request looks at a bounded number of archived workflows.")
        .queries(conditions::of_workflows())
        .queries(conditions::page(100, 1_000))
        .lists::<WorkflowView>("One page.", &examples::workflow())
}

pub fn submit() -> Document {
    let submission = ("dice", "Two functions, one after the other", examples::submission());
    of_submission("submit_workflow", "Submit a workflow", &submission)
        .describe(
            "Answers when the workflow is on the disk. The same `id` or `Idempotency-Key` with the same body is \
             answered as the first time, with 200.",
        )
        .header("Idempotency-Key", "Makes the request repeatable for 24 hours.", "order-17")
        .header("Prefer", "`wait=30` holds the answer back until the workflow has ended, 300 seconds at most.", "wait=30")
        .header("traceparent", "W3C trace context, passed on to workers.", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .answers::<Submitted>(201, "It is stored.", examples::submitted())
        .answers::<Submitted>(200, "It had been stored before.", examples::submitted())
        .answer_header(201, "Location", "The path of the workflow.")
        .refuses([WORKFLOW_CONFLICT, DISK_SPACE_FULL])
}

pub fn validate() -> Document {
    let checked = json!({
        "valid": true, "name": "Dice", "total_tasks": 2, "warnings": [], "graph": examples::shape(),
    });
    let submission = ("dice", "Two functions, one after the other", examples::submission());
    of_submission("validate_workflow", "Check a workflow without storing it", &submission)
        .describe(
            "The same checks as at a submission. `warnings` name functions and models that nobody has now, file \
             tasks where the server has no folder for them, and URLs to which it sends no request.",
        )
        .query(
            "graph",
            conditions::words(["true", "false"]),
            "Whether the answer has the tasks and what they wait for, too.",
        )
        .answers::<Validated<'_>>(200, "It could be submitted.", checked)
}

/// What takes a workflow as its body.
fn of_submission(id: &'static str, summary: &'static str, example: &(&str, &str, Value)) -> Document {
    Document::new(Tag::Workflows, id, summary)
        .takes::<WorkflowBody>(Required::True, std::slice::from_ref(example))
        .takes_text("application/yaml", examples::SUBMISSION_YAML)
        .refuses([
            CIRCULAR_DEPENDENCY,
            NO_FILES_ROOT,
            PARAMETER_SUBSTITUTION_FAILED,
            REQUIRED_FIELD_MISSING,
            UNSUPPORTED_MEDIA_TYPE,
            WORKFLOW_VALIDATION_FAILED,
            YAML_PARSE_ERROR,
        ])
}

pub fn import() -> Document {
    let file = json!({
        "export": 1, "version": env!("CARGO_PKG_VERSION"), "workflow": examples::workflow_in_full(),
        "definition": examples::submission(), "tasks": [examples::task_in_full()], "events": [examples::event()],
    });
    Document::new(Tag::Workflows, "import_workflow", "Take in a run of another server, to look at it")
        .describe(
            "The body is a file that `gleitzeit export` wrote. The workflow keeps its id and never runs here: a task that \
             had not ended appears as cancelled with GZ3011, which says what it was and what it waited for. The same \
             file again is answered with 200.",
        )
        .takes::<ExportedRun>(Required::True, &[("run", "A run of one task", file)])
        .answers::<Submitted>(201, "It is stored.", examples::submitted())
        .answers::<Submitted>(200, "It had been stored before.", examples::submitted())
        .refuses([
            WORKFLOW_CONFLICT, WORKFLOW_VALIDATION_FAILED, CIRCULAR_DEPENDENCY, REQUIRED_FIELD_MISSING,
            PARAMETER_SUBSTITUTION_FAILED, DISK_SPACE_FULL,
        ])
}

pub fn batch() -> Document {
    let line = |name: &str| json!({"name": name, "tasks": [{"function": "count_words", "args": ["to be"]}]});
    let lines = format!("{}\n{}\n", line("First"), line("Second"));
    let answer = json!({
        "line": 1, "code": 201, "id": WORKFLOW, "name": "First", "status": "pending", "total_tasks": 1, "seq": 17,
    });
    Document::new(Tag::Workflows, "submit_workflows", "Submit many workflows, one a line")
        .describe(
            "Each line is a workflow as in `POST /api/v1/workflows`, with `idempotency_key` as one more member, and is \
             answered by one line as soon as it is on the disk. A line that is refused stops no other. The body may be \
             of any length; whoever sends more than 10,000 lines has to read answers while sending.",
        )
        .takes_text("application/x-ndjson", &lines)
        .answers_stream::<BatchAnswer>("One line for each line.", "application/x-ndjson", &format!("{answer}\n"))
}

pub fn detail() -> Document {
    Document::new(Tag::Workflows, "get_workflow", "Read a workflow")
        .describe("Its tasks are a list of their own.")
        .path("id", ID, WORKFLOW)
        .answers::<WorkflowDetail>(200, "The workflow.", examples::workflow_in_full())
        .refuses([WORKFLOW_NOT_FOUND])
}

/// Paths that are posted to are ids of workflows as well.
fn named(id: &'static str, summary: &'static str) -> Document {
    Document::new(Tag::Workflows, id, summary)
        .describe("The same as `GET /api/v1/workflows/{id}` with this id.")
        .answers::<WorkflowDetail>(200, "The workflow.", examples::workflow_in_full())
        .refuses([WORKFLOW_NOT_FOUND])
}

pub fn named_batch() -> Document {
    named("get_workflow_named_batch", "Read the workflow whose id is `batch`")
}

pub fn named_cancel() -> Document {
    named("get_workflow_named_cancel", "Read the workflow whose id is `cancel`")
}

pub fn named_retry() -> Document {
    named("get_workflow_named_retry", "Read the workflow whose id is `retry`")
}

pub fn tasks() -> Document {
    Document::new(Tag::Workflows, "list_tasks", "List the tasks of a workflow")
        .path("id", ID, WORKFLOW)
        .query(
            "status",
            conditions::words(StatusKind::ALL.map(StatusKind::name)),
            "Those in this status alone.",
        )
        .query("cursor", conditions::number(0), "The `next_cursor` of the page before.")
        .query("limit", conditions::number(0), "Items of this page at most; 100 unless given, at most 1,000.")
        .lists::<TaskView>("One page, in the order of the tasks.", &examples::task())
        .refuses([WORKFLOW_NOT_FOUND])
}

pub fn graph() -> Document {
    Document::new(Tag::Workflows, "get_graph", "Read a workflow with all of its tasks, in columns")
        .describe("One list for each property of the tasks, in their order: a sixth of the same as objects.")
        .path("id", ID, WORKFLOW)
        .answers::<GraphView>(200, "The columns.", examples::graph())
        .refuses([WORKFLOW_NOT_FOUND])
}

pub fn definition() -> Document {
    let definition = json!({
        "name": "Dice", "error_strategy": "continue", "tasks": [{
            "name": "Numbers", "task_type": "function", "timeout_seconds": 300.0,
            "parameters": {"function_name": "random_data", "kwargs": {"data_type": "numbers", "count": 100}},
            "retry": {
                "max_attempts": 4, "strategy": "exponential", "base_delay": 1.0, "max_delay": 60.0, "jitter": 0.2,
            },
        }],
    });
    Document::new(Tag::Workflows, "get_definition", "Read a workflow as it can be submitted again")
        .describe("Every task in its explicit form, with edited parameters where there are some.")
        .path("id", ID, WORKFLOW)
        .answers::<Definition>(200, "A body for a submission.", definition)
        .refuses([WORKFLOW_NOT_FOUND])
}

pub fn results() -> Document {
    let results = json!({
        "workflow_id": WORKFLOW, "name": "Dice", "status": "completed", "total_tasks": 2, "completed_tasks": 2,
        "failed_tasks": 0, "execution_time_seconds": 0.12, "errors": {},
        "results": {"Numbers": [4, 1, 6], "Statistics": {"count": 3, "mean": 3.666}},
    });
    Document::new(Tag::Workflows, "get_results", "Read the results of a workflow")
        .describe("By task name exactly the completed tasks, and the errors of the failed ones.")
        .path("id", ID, WORKFLOW)
        .answers::<ResultsView>(200, "All results so far.", results)
        .refuses([WORKFLOW_NOT_FOUND])
}

pub fn events() -> Document {
    Document::new(Tag::Workflows, "list_workflow_events", "List what has happened to a workflow")
        .path("id", ID, WORKFLOW)
        .query("since", conditions::number(0), "The first position of the log that is wanted.")
        .query("cursor", conditions::number(0), "The `next_cursor` of the page before.")
        .query("limit", conditions::number(0), "Items of this page at most; 1,000 unless given, and at most.")
        .lists::<EventView>("One page, in the order of the log.", &examples::event())
        .refuses([EVENTS_RELEASED, WORKFLOW_NOT_FOUND])
}

pub fn cancel() -> Document {
    verb("cancel_workflow", "Cancel a workflow", "cancelled")
        .describe("Cancels all that has not ended; whoever runs a task of it is told to stop.")
        .refuses([WORKFLOW_ALREADY_ENDED])
}

pub fn pause() -> Document {
    verb("pause_workflow", "Pause a workflow", "paused")
        .describe("Starts no further task; what runs goes on.")
        .refuses([WORKFLOW_ALREADY_ENDED])
}

pub fn resume() -> Document {
    verb("resume_workflow", "Let a paused workflow go on", "running").refuses([WORKFLOW_ALREADY_ENDED])
}

pub fn retry() -> Document {
    let edited = json!({"parameters": {"Statistics": {"args": [[1, 2, 3]]}}, "reason": "the list was empty"});
    verb("retry_workflow", "Run everything again that did not succeed", "running")
        .describe(
            "Also of a workflow that has ended. `parameters` are merge patches by task name, key or id.",
        )
        .takes::<RetryWorkflowRequest>(
            Required::False,
            &[("as_it_was", "As it was", json!({})), ("edited", "With other parameters", edited)],
        )
        .refuses([
            NOTHING_TO_RETRY,
            PARAMETER_SUBSTITUTION_FAILED,
            PARAMETERS_CHANGED,
            TASK_NOT_FOUND,
            REQUIRED_FIELD_MISSING,
        ])
}

fn verb(id: &'static str, summary: &'static str, status: &str) -> Document {
    Document::new(Tag::Workflows, id, summary)
        .path("id", ID, WORKFLOW)
        .answers::<Done>(200, "It is done.", examples::done(WORKFLOW, status))
        .refuses([DISK_SPACE_FULL, WORKFLOW_NOT_FOUND])
}
