//! Codes that people meet, provoked one by one at the real binary.

use serde_json::{Value, json};

use crate::harness::{Answer, Rest, Server};

/// A task that no connected worker takes.
fn waiting(name: &str, more: &Value) -> Value {
    let mut task = json!({"name": name, "task_type": "external_api"});
    for (key, value) in more.as_object().expect("fields") {
        task[key.as_str()] = value.clone();
    }
    task
}

fn submit(rest: &Rest, workflow: &Value) -> String {
    let answer = rest.post("/workflows", &[], workflow).expect("the server answers");
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["id"].as_str().expect("a workflow has an id").to_owned()
}

/// What is said of a task of an ended workflow names the code.
fn told(rest: &Rest, id: &str, index: u32, code: &str) {
    let task = rest.read(&format!("/tasks/{id}.{index}"));
    assert!(task.to_string().contains(&format!("\"{code}\"")), "{code} is not in {task}");
}

#[test]
fn refusals_say_what_is_wrong() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let post = |path: &str| rest.post(path, &[], &json!({})).expect("the server answers");
    let one = json!({"name": "One", "tasks": [waiting("a", &json!({}))]});
    let id = submit(&rest, &one);
    let task = format!("/tasks/{id}.0");
    assert_eq!(post(&format!("{task}/cancel")).status, 200);
    rest.ended(&id);
    let refused = |Answer { status, body }: Answer, expected: u16, code: &str| {
        assert_eq!((status, &body["code"]), (expected, &json!(code)), "{body}");
    };
    refused(post(&format!("{task}/cancel")), 409, "GZ2007");
    refused(post(&format!("/workflows/{id}/cancel")), 409, "GZ3005");
    refused(rest.get(&format!("/tasks/{id}.1")).expect("an answer"), 404, "GZ2005");
    refused(rest.get("/services/nobody").expect("an answer"), 404, "GZ2013");
    refused(rest.post_as("text/plain", "/workflows", "one"), 415, "GZ7005");
}

#[test]
fn tasks_say_why_they_ended() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let queued = json!({"name": "Queued", "tasks": [
        waiting("late", &json!({"queue_timeout_seconds": 0.05})),
        waiting("after", &json!({"dependencies": ["late"]})),
    ], "error_strategy": "continue"});
    let id = submit(&rest, &queued);
    rest.ended(&id);
    told(&rest, &id, 0, "GZ2003");
    told(&rest, &id, 1, "GZ3010");

    let slow = json!({"name": "Slow", "timeout_seconds": 0.05, "tasks": [waiting("a", &json!({}))]});
    let id = submit(&rest, &slow);
    rest.ended(&id);
    told(&rest, &id, 0, "GZ3004");

    let both = json!({"name": "Cancelled", "tasks": [waiting("a", &json!({})), waiting("b", &json!({}))],
        "error_strategy": "continue"});
    let id = submit(&rest, &both);
    for path in [format!("/tasks/{id}.0/cancel"), format!("/workflows/{id}/cancel")] {
        rest.post(&path, &[], &json!({})).expect("the server answers");
    }
    rest.ended(&id);
    told(&rest, &id, 0, "GZ2006");
    told(&rest, &id, 1, "GZ3008");
}
