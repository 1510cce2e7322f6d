//! What a service says of a task.

use serde_json::{Value, json};

use crate::cli::conformance::kit::record::{Kind, shown};
use crate::cli::conformance::kit::stage::Stage;
use crate::cli::conformance::kit::verdict::{Checked, Missed, deviation, failed, not_applicable, passed};

/// As large as the protocol promises at least.
const LARGE_BYTES: usize = 1_000_000;

/// What an echo came back as.
async fn echoed(stage: &mut Stage, value: &Value) -> Result<Result<(), String>, Missed> {
    let id = stage.run(&json!({"do": "echo", "value": value})).await?;
    let Some(end) = stage.task(&id).end() else { return Ok(Err("it has no end".to_owned())) };
    match end.kind {
        Kind::Completed if end.result() == value => Ok(Ok(())),
        Kind::Completed => Ok(Err(format!("{} came back as {}", shown(value), shown(end.result())))),
        Kind::Failed | Kind::Accepted | Kind::Progress => {
            Ok(Err(format!("{} came back as {}", shown(value), end.told())))
        }
    }
}

pub(super) async fn accept(stage: &mut Stage) -> Checked {
    let id = stage.run(&json!({"do": "echo", "value": 1})).await?;
    let task = stage.task(&id);
    let Some(accepted) = task.accepted() else {
        return failed("the task was completed and never accepted");
    };
    if task.end().is_some_and(|end| end.place < accepted.place) {
        return failed("task:accepted came after the end of the task");
    }
    let node_id = stage.facts().map_or("", |facts| &*facts.worker.0);
    match accepted.payload.get("node_id").and_then(Value::as_str) {
        Some(given) if given == node_id => passed("it came before the result"),
        given => failed(format!("it says that the node is {given:?}; the registration said {node_id:?}")),
    }
}

pub(super) async fn complete(stage: &mut Stage) -> Checked {
    let values = [
        json!("text with \"quotes\", \\ and ünïcödé 🚀"),
        json!({"nested": {"list": [1, -2.5, true, false, null, []], "empty": {}}, "ключ": ""}),
        json!([]),
        json!(false),
        json!(0),
        json!(9_007_199_254_740_991_u64),
    ];
    for value in &values {
        if let Err(what) = echoed(stage, value).await? {
            return failed(what);
        }
    }
    passed(format!("{} results came back as they were", values.len()))
}

pub(super) async fn complete_null(stage: &mut Stage) -> Checked {
    match echoed(stage, &Value::Null).await? {
        Ok(()) => passed("it came back"),
        Err(what) => failed(what),
    }
}

pub(super) async fn progress(stage: &mut Stage) -> Checked {
    let id = stage.run(&json!({"do": "progress", "value": "done"})).await?;
    let task = stage.task(&id);
    let Some(first) = task.of(Kind::Progress).next() else { return failed("there was no task:progress") };
    for report in task.of(Kind::Progress) {
        let percent = report.payload.get("progress").unwrap_or(&Value::Null);
        if percent.as_u64().is_none_or(|percent| percent > 100) {
            return failed(format!("`progress` is {}; it is a whole number up to 100", shown(percent)));
        }
        let message = report.payload.get("message").unwrap_or(&Value::Null);
        if !message.is_string() {
            return failed(format!("`message` is {}; it is a text", shown(message)));
        }
    }
    match task.end() {
        Some(end) if end.place < first.place => failed("it came after the end of the task"),
        Some(end) if end.kind == Kind::Completed => passed(shown(&first.payload)),
        Some(end) => failed(format!("the task ended with {}", end.told())),
        None => failed("the task has no end"),
    }
}

pub(super) async fn fail(stage: &mut Stage) -> Checked {
    let message = "as asked: no such model";
    let id = stage.run(&json!({"do": "fail", "message": message})).await?;
    match stage.task(&id).end() {
        Some(end) if end.kind == Kind::Failed && end.error().contains(message) => passed(end.told()),
        Some(end) => failed(format!("the task ended with {}", end.told())),
        None => failed("the task has no end"),
    }
}

pub(super) async fn fail_details(stage: &mut Stage) -> Checked {
    let asked = json!({"do": "fail", "message": "as asked", "code": "NO_MODEL", "retryable": false});
    let id = stage.run(&asked).await?;
    let Some(end) = stage.task(&id).end().filter(|end| end.kind == Kind::Failed) else {
        return failed("the task did not fail");
    };
    let (code, retryable) = (end.payload.get("code"), end.payload.get("retryable"));
    match (code.and_then(Value::as_str), retryable.and_then(Value::as_bool)) {
        (Some("NO_MODEL"), Some(false)) => passed("code NO_MODEL, retryable false"),
        (None, None) if code.is_none() && retryable.is_none() => {
            deviation("neither `code` nor `retryable` is there; the retry policy of the task decides")
        }
        (code, retryable) => {
            failed(format!("asked for code NO_MODEL and retryable false; it said {code:?} and {retryable:?}"))
        }
    }
}

pub(super) async fn unknown_type(stage: &mut Stage) -> Checked {
    let wanted = format!("{}_of_nobody", stage.asked.task_type);
    let id = stage.prepare();
    stage.send_as(&id, 1, &wanted, &json!({"do": "echo", "value": "anything"})).await?;
    stage.end_of(&id).await?;
    match stage.task(&id).end() {
        Some(end) if end.kind == Kind::Completed => {
            not_applicable("the service does not look at the type of a task: it completed one of any type")
        }
        Some(end) if end.error().starts_with("No handler registered for task type") => passed(end.told()),
        Some(end) => {
            failed(format!("the task ended with {}, which the server takes for a failure", end.told()))
        }
        None => failed("the task has no end"),
    }
}

pub(super) async fn large_payload(stage: &mut Stage) -> Checked {
    let value = Value::String("x".repeat(LARGE_BYTES));
    match echoed(stage, &value).await? {
        Ok(()) => passed(format!("{LARGE_BYTES} bytes came back")),
        Err(what) => failed(what),
    }
}
