//! The REST interface of the real binary.

mod batch;
mod by_hand;
mod described;
mod functions;
mod gone;
mod graph;
mod letters;
mod lists;
mod metrics;
mod namesakes;
mod waiting;
mod workers;

use serde_json::{Value, json};

use crate::harness::{Answer, PATIENCE as SOON, Rest};

fn post(rest: &Rest, path: &str, body: &Value) -> Answer {
    rest.post(path, &[], body).unwrap_or_else(|error| panic!("POST {path}: {error}"))
}

/// The body of an answer with this status.
fn posted(rest: &Rest, path: &str, body: &Value, status: u16) -> Value {
    let answer = post(rest, path, body);
    assert_eq!(answer.status, status, "POST {path} {body}: {}", answer.body);
    answer.body
}

fn refused(rest: &Rest, path: &str, body: &Value) -> (u16, String) {
    let answer = post(rest, path, body);
    let code = answer.body["code"].as_str().unwrap_or_else(|| panic!("POST {path}: {}", answer.body));
    (answer.status, code.to_owned())
}

/// Submits a workflow and returns its id.
fn submit(rest: &Rest, body: &Value) -> String {
    posted(rest, "/workflows", body, 201)["id"].as_str().expect("a workflow has an id").to_owned()
}

fn ended(rest: &Rest, id: &str) -> Value {
    rest.ended(id)
}

/// The id of a workflow's task by its name.
fn task_id(rest: &Rest, workflow: &str, name: &str) -> String {
    let tasks = rest.read(&format!("/workflows/{workflow}/tasks"));
    let found = tasks["items"].as_array().unwrap().iter().find(|task| task["name"] == name);
    found.unwrap_or_else(|| panic!("{workflow} has no {name}"))["id"].as_str().unwrap().to_owned()
}

fn external(name: &str, dependencies: &[&str]) -> Value {
    json!({"name": name, "external": "custom", "service": "nobody", "dependencies": dependencies,
        "external_parameters": {"n": 1}})
}
