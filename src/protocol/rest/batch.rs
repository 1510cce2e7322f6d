//! Lines of `POST /workflows/batch` and of its answer.

use std::collections::BTreeMap;

use serde_json::json;
use serde_json::value::RawValue;

use super::problem::Problem;
use super::requests::parse_request;
use crate::core::effect::First;
use crate::core::errors::INVALID_ARGUMENT;
use crate::core::ids::Seq;
use crate::core::limits::SubmissionLimits;
use crate::core::rejection::Rejection;
use crate::core::state::WorkflowStatus;

/// A line that was taken apart.
#[derive(Debug)]
pub struct BatchLine {
    /// The workflow as JSON.
    pub workflow: String,
    pub key: Option<String>,
}

/// Takes the idempotency key, which is a header elsewhere, out of a workflow.
///
/// # Errors
/// When the line is not an object, or its key is no text.
pub fn batch_line(line: &[u8], limits: &SubmissionLimits) -> Result<BatchLine, Rejection> {
    const KEY: &str = "idempotency_key";
    let plain = str::from_utf8(line).ok().filter(|text| !text.contains(KEY));
    if let Some(text) = plain {
        return Ok(BatchLine { workflow: text.to_owned(), key: None });
    }
    let mut members: BTreeMap<String, Box<RawValue>> = parse_request(line, limits)?;
    let key = members.remove(KEY).map(|key| serde_json::from_str(key.get()));
    let key =
        key.transpose().map_err(|_| Rejection::new(INVALID_ARGUMENT, "`idempotency_key` is no text"))?;
    let workflow = serde_json::to_string(&members).expect("members of an object are one");
    Ok(BatchLine { workflow, key })
}

impl BatchLine {
    /// The answer to a line that was stored, now or before.
    pub fn stored(number: u64, (id, name): (&str, &str), total_tasks: u32, first: First, seq: Seq) -> String {
        let (code, status) = match first {
            First::Created => (201, Some(WorkflowStatus::Pending.name())),
            First::Repeated => (200, None),
        };
        let line = json!({
            "line": number, "code": code, "id": id, "name": name, "status": status,
            "total_tasks": total_tasks, "seq": seq.0,
        });
        format!("{line}\n")
    }

    /// The answer to a line that was refused.
    pub fn refused(number: u64, rejection: &Rejection) -> String {
        let problem = Problem::from(rejection);
        let line = json!({"line": number, "code": problem.status, "error": problem});
        format!("{line}\n")
    }
}
