//! Many things at once.

use serde_json::{Value, json};
use utoipa::openapi::Required;

use super::conditions;
use super::document::{Document, Tag};
use super::examples::{self, TASK, WORKFLOW};
use crate::core::errors::DISK_SPACE_FULL;
use crate::protocol::rest::{BulkDone, BulkRequest, LetterView};

pub fn dead_letters() -> Document {
    Document::new(Tag::Many, "list_dead_letters", "List the tasks that have failed for good")
        .describe("Those of the latest workflow first. All conditions must hold.")
        .queries(conditions::of_letters())
        .queries(conditions::page(100, 1_000))
        .lists::<LetterView>("One page.", &examples::letter())
}

pub fn retry_tasks() -> Document {
    let done = json!({
        "id": TASK, "name": "Statistics", "workflow_id": WORKFLOW, "status": "queued", "seq": 99,
    });
    verb("retry_tasks", "Retry the failed tasks that a filter finds", &done).describe(
        "`filter` has the conditions of `GET /api/v1/dead-letters`, with lists for several values and an object for \
         `metadata`. A task that was taken along by the retry of another one has no `seq`.",
    )
}

pub fn cancel_workflows() -> Document {
    let done = json!({"id": WORKFLOW, "name": "Dice", "status": "cancelled", "seq": 99});
    verb("cancel_workflows", "Cancel the workflows that a filter finds", &done).describe(
        "`filter` has the conditions of `GET /api/v1/workflows`, and `code`, the code of one of their failed tasks. \
         Without `status`, pending, running and paused ones.",
    )
}

pub fn retry_workflows() -> Document {
    let done = json!({"id": WORKFLOW, "name": "Dice", "status": "running", "seq": 99});
    verb("retry_workflows", "Retry the workflows that a filter finds", &done).describe(
        "`filter` has the conditions of `GET /api/v1/workflows`, and `code`, the code of one of their failed tasks. \
         Without `status`, failed ones.",
    )
}

fn verb(id: &'static str, summary: &'static str, done: &Value) -> Document {
    let rehearsal =
        json!({"filter": {"tag": ["red"], "metadata": {"team": "billing"}}, "limit": 100, "dry_run": true});
    let answer = json!({"dry_run": false, "done": [done], "refused": [], "next_cursor": null});
    Document::new(Tag::Many, id, summary)
        .takes::<BulkRequest>(
            Required::True,
            &[
                ("rehearsal", "Only say what would be done", rehearsal),
                ("real", "Do it", json!({"filter": {"tag": ["red"]}})),
            ],
        )
        .answers::<BulkDone>(
            200,
            "Each thing is a command of its own: one that is refused stops no other.",
            answer,
        )
        .refuses([DISK_SPACE_FULL])
}
