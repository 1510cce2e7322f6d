//! Who did it, in the events of what people do to tasks.

use serde_json::{Value, json};

use super::{Caller, begun};
use crate::harness::{PATIENCE, until};

fn post(caller: &Caller, path: &str, body: &Value) {
    let answer = caller.ask("POST", &format!("/api/v1{path}"), body);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
}

#[test]
fn the_key_says_who_did_it_and_not_the_body() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    let key = admin.key_of_role("user").1;
    let user = Caller::new(&server, Some(&key));
    let task =
        |name: &str| json!({"name": name, "external": "custom", "service": "Nobody", "max_retries": 0});
    let body = json!({"name": "W", "error_strategy": "continue", "tasks": [task("c"), task("s"), task("f")]});
    let answer = user.ask("POST", "/api/v1/workflows", &body);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.body["id"].as_str().expect("it has an id").to_owned();
    let ended = || {
        until("the workflow has failed", PATIENCE, || {
            (user.get(&format!("/api/v1/workflows/{id}")).body["status"] == "failed").then_some(())
        });
    };
    let forged = |more: Value| {
        let mut body = json!({"by": "admin", "reason": "because"});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    post(&user, &format!("/tasks/{id}.0/complete"), &forged(json!({"result": 1})));
    post(&user, &format!("/tasks/{id}.1/skip"), &forged(json!({})));
    post(&user, &format!("/tasks/{id}.2/fail"), &forged(json!({"error": "no"})));
    ended();
    let parameters = json!({"parameters": {"f": {"external_parameters": {"n": 1}}}});
    post(&user, &format!("/workflows/{id}/retry"), &forged(parameters));
    post(&user, &format!("/tasks/{id}.2/fail"), &forged(json!({"error": "no"})));
    ended();
    post(&user, &format!("/tasks/{id}.2/retry"), &forged(json!({})));
    post(&user, &format!("/tasks/{id}.2/fail"), &json!({"error": "no"}));
    ended();
    post(&user, "/workflows/retry", &json!({"filter": {"name": "W"}}));
    post(&user, &format!("/tasks/{id}.2/fail"), &json!({"error": "no"}));
    ended();
    post(&user, "/tasks/retry", &json!({"filter": {"name": "W"}}));

    // The workflow ended and was opened again, and its own list begins with that.
    let events: Value =
        serde_json::from_str(&user.ask_for_json("/api/v1/events?since=0&limit=1000")).expect("JSON");
    let events = events["items"].as_array().expect("events").clone();
    let of = |kind: &str| {
        let found: Vec<_> = events.iter().filter(|event| event["type"] == kind).collect();
        assert!(found.iter().all(|event| event["by"] == "the-user"), "{kind}: {found:?}");
        found.len()
    };
    let counts = ["task_completed_by_hand", "task_skipped_by_hand", "task_failed_by_hand"].map(of);
    assert_eq!(counts, [1, 1, 4], "{events:?}");
    assert_eq!((of("tasks_retried"), of("parameters_edited")), (4, 1), "{events:?}");
    let told = events.iter().find(|event| event["type"] == "task_completed_by_hand").expect("it was counted");
    assert_eq!(told["reason"], "because", "the reason is the caller's own");
}
