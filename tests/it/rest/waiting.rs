//! Waiting for the end, and being told what is waited for.

use std::time::Duration;

use serde_json::json;

use super::{ended, external, posted, submit, task_id};
use crate::harness::{Server, now};

#[test]
fn an_answer_waits_for_the_end_or_until_the_time_is_up() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let quick = json!({"name": "quick", "tasks": [{"name": "t", "function": "count_words", "args": ["x"]}]});
    let answer = rest.post("/workflows", &[("Prefer", "wait=20")], &quick).unwrap();
    assert_eq!((answer.status, &answer.body["status"]), (201, &json!("completed")));
    let endless = json!({"name": "endless", "tasks": [external("t", &[])]});
    let begin = now();
    let answer = rest.post("/workflows", &[("Prefer", "respond-async, wait=1")], &endless).unwrap();
    assert_eq!((answer.status, &answer.body["status"]), (201, &json!("pending")));
    assert!(begin.elapsed() >= Duration::from_secs(1));
    let bad = rest.post("/workflows", &[("Prefer", "wait=soon")], &quick).unwrap();
    assert_eq!((bad.status, &bad.body["code"]), (400, &json!("GZ7001")));
}

#[test]
fn arguments_are_a_list_or_an_object() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let tasks = json!([
        {"name": "list", "function": "gcd", "args": [12, 18]},
        {"name": "object", "function": "gcd", "args": {"a": 12, "b": 18}},
        {"name": "both", "function": "gcd", "args": [12], "kwargs": {"b": 18}},
        {"name": "hash", "function": "hash_text", "args": {"text": "abc"}},
    ]);
    let id = submit(&rest, &json!({"name": "arguments", "tasks": tasks}));
    ended(&rest, &id);
    let results = rest.read(&format!("/workflows/{id}/results"))["results"].clone();
    for name in ["list", "object", "both"] {
        assert_eq!(results[name], 6, "{results}");
    }
    assert_eq!(results["hash"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let twice = json!({"name": "x", "tasks": [{"name": "t", "function": "gcd", "args": {"a": 1}, "kwargs": {"b": 1}}]});
    assert_eq!(posted(&rest, "/workflows", &twice, 400)["code"], "GZ7001");
    let text = json!({"name": "x", "tasks": [{"name": "t", "function": "gcd", "args": "12"}]});
    assert_eq!(posted(&rest, "/workflows", &text, 400)["code"], "GZ7001");
}

#[test]
fn a_function_that_nobody_has_is_named_with_the_nearest_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let task = json!({"name": "t", "function": "fibonaci", "args": [3]});
    let id = submit(&rest, &json!({"name": "typo", "tasks": [task]}));
    let why = rest.read(&format!("/tasks/{}/why", task_id(&rest, &id, "t")));
    let reason = &why["reasons"][0];
    assert_eq!((&reason["kind"], &reason["nearest"]), (&json!("no_worker"), &json!("fibonacci")), "{why}");
    let summary = why["summary"].as_str().unwrap();
    assert!(
        summary.contains("function fibonaci") && summary.contains("did you mean fibonacci?"),
        "{summary}"
    );
}
