//! Dead letters, and verbs on everything that a filter finds.

use serde_json::{Value, json};

use super::{ended, external, posted, refused, submit};
use crate::harness::{Rest, Server};

fn failing(name: &str, strategy: &str, tags: &[&str]) -> Value {
    let bad = |name: &str| json!({"name": name, "function": "fibonacci", "args": [-1]});
    json!({"name": name, "error_strategy": strategy, "tags": tags,
        "tasks": [bad("bad 1"), bad("bad 2"), {"name": "good", "function": "count_words", "args": ["x"]},
            {"name": "unknown", "function": "json_extract", "args": [1]}]})
}

/// Every dead letter as `workflow/task`, page by page.
fn letters(rest: &Rest, query: &str, limit: usize) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = rest.read(&format!("/dead-letters?limit={limit}&{query}{cursor}"));
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        found.extend(items.iter().map(|item| {
            assert_eq!(item["status"], "failed");
            format!("{}/{}", item["workflow_name"].as_str().unwrap(), item["name"].as_str().unwrap())
        }));
        let Some(next) = page["next_cursor"].as_str() else { return found };
        cursor = format!("&cursor={next}");
    }
    panic!("the list has no end");
}

#[test]
fn dead_letters_are_found_in_memory_and_in_the_store() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let rest = server.rest();
    ended(&rest, &submit(&rest, &failing("one", "continue", &["red"])));
    // It completes although some of it has failed.
    assert_eq!(ended(&rest, &submit(&rest, &failing("two", "skip", &[])))["status"], "completed");
    let mut live = failing("three", "continue", &["red", "blue"]);
    live["tasks"].as_array_mut().unwrap().push(external("waits", &[]));
    let live = submit(&rest, &live);
    crate::harness::until("the live one has failures", super::SOON, || {
        (rest.read(&format!("/workflows/{live}"))["failed_tasks"] == 3).then_some(())
    });
    let of = |name: &str| ["bad 1", "bad 2", "unknown"].map(|task| format!("{name}/{task}"));
    for _ in 0..2 {
        for limit in [1, 2, 100] {
            assert_eq!(letters(&rest, "", limit), [of("three"), of("two"), of("one")].concat(), "{limit}");
            assert_eq!(letters(&rest, "tag=red", limit), [of("three"), of("one")].concat());
            assert_eq!(letters(&rest, "name=tw&text=BAD", limit), ["two/bad 1", "two/bad 2"]);
        }
        assert_eq!(letters(&rest, "code=GZ7001", 100).len(), 9);
        assert_eq!(letters(&rest, "code=GZ2002", 100), Vec::<String>::new());
        assert_eq!(letters(&rest, "service=built-in", 100).len(), 9);
        assert_eq!(letters(&rest, "service=nobody", 100).len(), 0);
        assert_eq!(letters(&rest, "failed_before=2020-01-01T00:00:00Z", 100).len(), 0);
        assert_eq!(letters(&rest, "failed_after=2020-01-01T00:00:00Z", 100).len(), 9);
        assert_eq!(rest.get("/dead-letters?colour=red").unwrap().status, 400);
        server.terminate();
        server.restart();
    }
}

#[test]
fn failed_tasks_are_retried_by_filter() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let one = submit(&rest, &failing("one", "continue", &["red"]));
    let two = submit(&rest, &failing("two", "stop", &["red"]));
    ended(&rest, &one);
    ended(&rest, &two);
    let names = |answer: &Value| -> Vec<String> {
        let item = |item: &Value| item["name"].as_str().unwrap().to_owned();
        answer["done"].as_array().unwrap().iter().map(item).collect()
    };
    assert_eq!(refused(&rest, "/tasks/retry", &json!({"filter": {}})), (400, "GZ7001".into()));
    let body = json!({"filter": {"tag": "red", "name": "one"}, "dry_run": true});
    let planned = posted(&rest, "/tasks/retry", &body, 200);
    assert_eq!((names(&planned).len(), &planned["dry_run"]), (3, &json!(true)));
    assert_eq!(rest.read(&format!("/workflows/{one}"))["status"], "failed");
    let body = json!({"filter": {"tag": ["red"], "name": "one", "code": "GZ7001"}, "limit": 2});
    let done = posted(&rest, "/tasks/retry", &body, 200);
    assert_eq!((names(&done), &done["refused"]), (vec!["bad 1".into(), "bad 2".into()], &json!([])));
    assert!(done["done"][0]["seq"].as_u64().is_some() && done["next_cursor"].is_string(), "{done}");
    assert_eq!(ended(&rest, &one)["failed_tasks"], 3);
    let events = rest.read(&format!("/workflows/{one}/events"));
    let retries = events["items"].as_array().unwrap().iter().filter(|event| event["type"] == "tasks_retried");
    assert_eq!(retries.count(), 2);
    // Under `stop` the first one takes the others along.
    let done = posted(&rest, "/tasks/retry", &json!({"filter": {"name": "two"}}), 200);
    assert_eq!(done["refused"], json!([]), "{done}");
}

#[test]
fn workflows_are_cancelled_and_retried_by_filter() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let waiting = |name: &str| json!({"name": name, "metadata": {"team": 7}, "tasks": [external("t", &[])]});
    let ids: Vec<String> =
        (0..5).map(|number| submit(&rest, &waiting(&format!("Night run {number}")))).collect();
    let other = submit(&rest, &json!({"name": "Day run", "tasks": [external("t", &[])]}));
    let body = |more: &Value| {
        let mut body = json!({"filter": {"text": "night", "metadata": {"team": 7}}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let planned = posted(&rest, "/workflows/cancel", &body(&json!({"dry_run": true})), 200);
    assert_eq!(planned["done"].as_array().unwrap().len(), 5);
    let first = posted(&rest, "/workflows/cancel", &body(&json!({"limit": 2})), 200);
    assert_eq!(first["done"].as_array().unwrap().len(), 2);
    let rest_of_them = body(&json!({"cursor": first["next_cursor"]}));
    let second = posted(&rest, "/workflows/cancel", &rest_of_them, 200);
    assert_eq!((second["done"].as_array().unwrap().len(), &second["next_cursor"]), (3, &Value::Null));
    for id in &ids {
        assert_eq!(rest.read(&format!("/workflows/{id}"))["status"], "cancelled");
    }
    assert_eq!(rest.read(&format!("/workflows/{other}"))["status"], "pending");
    // What has ended is refused one by one when it is asked for.
    let again = json!({"filter": {"text": "night", "status": "cancelled"}});
    let refused = posted(&rest, "/workflows/cancel", &again, 200);
    assert_eq!(refused["refused"].as_array().unwrap().len(), 5);
    assert_eq!(refused["refused"][0]["error"]["code"], "GZ3005");
    let retried = posted(&rest, "/workflows/retry", &again, 200);
    assert_eq!(retried["done"].as_array().unwrap().len(), 5);
    assert_eq!(rest.read(&format!("/workflows/{}", ids[0]))["status"], "running");
    // By the code of a failed task.
    let failed = submit(&rest, &failing("Night fails", "continue", &[]));
    ended(&rest, &failed);
    let by = |code: &str| json!({"filter": {"text": "night", "code": code}, "dry_run": true});
    assert_eq!(posted(&rest, "/workflows/retry", &by("GZ2002"), 200)["done"], json!([]));
    assert_eq!(posted(&rest, "/workflows/retry", &by("GZ7001"), 200)["done"][0]["id"], json!(failed));
}
