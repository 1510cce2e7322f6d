//! What the dashboard reads: a run in columns, its definition, and the log in pages.

use serde_json::{Value, json};

use super::{ended, external, post, posted, submit, task_id};
use crate::harness::{Rest, Server};

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The dependencies of the task at `at`, as places.
fn dependencies(graph: &Value, at: usize) -> Vec<u64> {
    let counts: Vec<usize> = graph["dependency_counts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|count| usize::try_from(count.as_u64().unwrap()).unwrap())
        .collect();
    let from: usize = counts[..at].iter().sum();
    let all = graph["dependencies"].as_array().unwrap();
    all[from..from + counts[at]].iter().map(|place| place.as_u64().unwrap()).collect()
}

#[test]
fn columns_say_what_the_tasks_say() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let id = submit(
        &rest,
        &json!({"name": "columns", "tags": ["a"], "tasks": [
            {"id": "one", "name": "One", "function": "count_words", "args": ["a b"]},
            {"name": "Two", "function": "count_words", "args": [["not text"]], "dependencies": ["one"], "max_retries": 0},
            {"name": "Three", "function": "count_words", "args": ["{{Two.result}}"]},
            {"name": "Four", "function": "count_words", "args": ["x"], "dependencies": ["One"]},
        ]}),
    );
    ended(&rest, &id);
    // Once from memory, and once from the store.
    for _ in 0..2 {
        let graph = rest.read(&format!("/workflows/{id}/graph"));
        let tasks = rest.read(&format!("/workflows/{id}/tasks"));
        let names = strings(&graph["names"]);
        let statuses = strings(&graph["statuses"]);
        assert_eq!(
            (graph["id"].as_str(), graph["status"].as_str(), graph["total_tasks"].as_u64()),
            (Some(&*id), Some("failed"), Some(4))
        );
        for (at, task) in tasks["items"].as_array().unwrap().iter().enumerate() {
            assert_eq!(names[at], task["name"]);
            let status = usize::try_from(graph["task_status"][at].as_u64().unwrap()).unwrap();
            assert_eq!(statuses[status], task["status"], "{}", task["name"]);
            assert_eq!(graph["attempt"][at], task["attempt"]);
            assert_eq!(format!("{}.{at}", graph["generated_id"].as_str().unwrap()), task["id"]);
            let needed: Vec<&str> = dependencies(&graph, at)
                .into_iter()
                .map(|place| names[usize::try_from(place).unwrap()])
                .collect();
            assert_eq!(needed, strings(&task["dependencies"]));
            assert_eq!(graph["started"][at].as_i64().unwrap() >= 0, !task["started_at"].is_null());
            assert_eq!(graph["ended"][at].as_i64().unwrap() >= 0, !task["ended_at"].is_null());
            let route = &graph["routes"][usize::try_from(graph["route"][at].as_u64().unwrap()).unwrap()];
            assert_eq!(
                (&route["task_type"], &route["function"]),
                (&task["task_type"], &json!("count_words"))
            );
        }
        assert_eq!(graph["errors"]["1"], tasks["items"][1]["error"]);
        assert_eq!(graph["errors"].as_object().unwrap().len(), 1);
        assert_eq!(graph["workers"], json!(["built-in"]));
        server.terminate();
        server.restart();
    }
    assert_eq!(rest.get("/workflows/nothing/graph").unwrap().status, 404);
}

#[test]
fn ten_thousand_tasks_take_half_a_megabyte() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let mut tasks = vec![external("the first one", &[])];
    tasks.extend((1..10_000).map(|at| external(&format!("task number {at}"), &["the first one"])));
    let id = submit(&rest, &json!({"name": "wide", "tasks": tasks}));
    let bytes = rest.length_of(&format!("/workflows/{id}/graph"));
    assert!(bytes < 550_000, "{bytes} bytes");
}

#[test]
fn a_definition_is_what_can_be_submitted_again() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let body = json!({"name": "again", "description": "twice", "error_strategy": "stop", "max_parallel_tasks": 3,
    "timeout_seconds": 7_200.5, "tags": ["x"], "metadata": {"team": "ops"}, "tasks": [
        {"id": "first", "function": "count_words", "args": ["a b c"], "priority": "high", "max_retries": 1},
        {"name": "Second", "external": "ml", "service": "ML", "operation": "train", "model_params": {"n": 1},
         "data_params": {"rows": "{{first.result}}"}, "requirements": {"requires_gpu": true, "memory_mb": 10},
         "retry": {"max_attempts": 4, "strategy": "linear", "base_delay": 0.5, "jitter": false}},
        {"name": "Third", "url": "http://127.0.0.1:1/x", "method": "POST", "data": {"a": [1]},
         "dependencies": ["Second"], "depends_on_success": false, "queue_timeout_seconds": 9, "tags": ["t"],
         "metadata": {"k": "v"}},
    ]});
    let id = submit(&rest, &body);
    let definition = rest.read(&format!("/workflows/{id}/definition"));
    let again = submit(&rest, &definition);
    assert_ne!(id, again);
    assert_eq!(rest.read(&format!("/workflows/{again}/definition")), definition);
    let task = |workflow: &str, name: &str| {
        let mut task = rest.read(&format!("/tasks/{}", task_id(&rest, workflow, name)));
        for volatile in
            ["id", "workflow_id", "status", "started_at", "ended_at", "attempt", "worker", "result"]
        {
            task.as_object_mut().unwrap().remove(volatile);
        }
        task
    };
    for name in ["Second", "Third"] {
        assert_eq!(task(&id, name), task(&again, name));
    }
    // A body that was checked alone has the same graph.
    let checked = posted(&rest, "/validate?graph=true", &definition, 200);
    assert_eq!(checked["graph"]["names"], json!(["first", "Second", "Third"]));
    assert_eq!(checked["graph"]["dependencies"], json!([0, 1]));
    assert!(posted(&rest, "/validate", &definition, 200).get("graph").is_none());
    assert_eq!(post(&rest, "/validate?graph=perhaps", &definition).status, 400);
}

#[test]
fn the_log_is_read_in_pages_by_those_who_ask_for_json() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let first = submit(&rest, &json!({"name": "a", "tasks": [external("t", &[])]}));
    let second = submit(&rest, &json!({"name": "b", "tasks": [external("t", &[])]}));
    let whole = paged(&rest, "/events?since=0");
    assert!(whole.windows(2).all(|pair| pair[0]["seq"].as_u64() < pair[1]["seq"].as_u64()));
    for limit in [1, 2] {
        assert_eq!(paged(&rest, &format!("/events?since=0&limit={limit}")), whole);
    }
    let of_second = paged(&rest, &format!("/events?since=0&workflow={second}"));
    let expected: Vec<&Value> = whole.iter().filter(|event| event["workflow_id"] == *second).collect();
    assert!(!expected.is_empty() && of_second.iter().collect::<Vec<_>>() == expected);
    assert!(whole.iter().any(|event| event["workflow_id"] == *first));
    let beyond = rest.read_json(&format!("/events?since={}", u64::MAX));
    assert_eq!(beyond, json!({"items": [], "next_cursor": null}));

    // Whoever begins now learns where that is, and misses nothing from there on.
    let begin = rest.read_json("/events");
    let last = whole.last().expect("events")["seq"].as_u64().expect("a position");
    assert_eq!(begin, json!({"items": [], "next_cursor": (last + 1).to_string()}));
    let third = submit(&rest, &json!({"name": "c", "tasks": [external("t", &[])]}));
    let cursor = begin["next_cursor"].as_str().expect("a cursor");
    let next = paged(&rest, &format!("/events?since={cursor}"));
    assert_eq!((&next[0]["seq"], &next[0]["workflow_id"]), (&json!(last + 1), &json!(third)));
}

fn paged(rest: &Rest, path: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut next = path.to_owned();
    for _ in 0..100 {
        let page = rest.read_json(&next);
        events.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return events };
        let rest_of_query = path.split_once('&').map(|(_, rest)| format!("&{rest}")).unwrap_or_default();
        next = format!("/events?since={cursor}{rest_of_query}");
    }
    panic!("{path} has no end");
}
