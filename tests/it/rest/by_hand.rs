//! Results, failures, omissions and new parameters by hand.

use serde_json::{Value, json};

use super::{ended, external, posted, refused, submit, task_id};
use crate::harness::Server;

fn function(name: &str, arguments: &Value, dependencies: &[&str]) -> Value {
    json!({"name": name, "function": "count_words", "kwargs": {"text": arguments}, "dependencies": dependencies})
}

#[test]
fn a_result_by_hand_is_used_by_dependents_and_told_in_the_events() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let tasks = json!([external("a", &[]), function("b", &json!("{{a.result.words}}"), &["a"])]);
    let id = submit(&rest, &json!({"name": "By hand", "tasks": tasks}));
    let path = format!("/tasks/{}", task_id(&rest, &id, "a"));
    assert_eq!(refused(&rest, &format!("{path}/complete"), &json!({})), (422, "GZ7006".into()));
    let body = json!({"result": {"words": "one two three"}, "by": "Ada", "reason": "the service is gone"});
    let done = posted(&rest, &format!("{path}/complete"), &body, 200);
    assert_eq!(done["status"], "completed");
    assert_eq!(ended(&rest, &id)["status"], "completed");
    assert_eq!(rest.read(&format!("/workflows/{id}/results"))["results"]["b"], 3);
    // The same again is the same; another result is too late.
    posted(&rest, &format!("{path}/complete"), &json!({"result": {"words": "one two three"}}), 200);
    assert_eq!(refused(&rest, &format!("{path}/complete"), &json!({"result": 7})), (409, "GZ2007".into()));
    assert_eq!(refused(&rest, &format!("{path}/skip"), &json!({})), (409, "GZ2007".into()));
    assert_eq!(refused(&rest, &format!("{path}/fail"), &json!({"error": "x"})), (409, "GZ2007".into()));
    assert_eq!(refused(&rest, &format!("{path}/retry"), &json!({})), (409, "GZ2007".into()));
    let events = rest.read(&format!("/workflows/{id}/events"));
    let told =
        events["items"].as_array().unwrap().iter().find(|event| event["type"] == "task_completed_by_hand");
    let told = told.expect("the event is there");
    assert_eq!((&told["by"], &told["reason"]), (&json!("Ada"), &json!("the service is gone")));
}

#[test]
fn a_skip_with_a_value_and_a_failure_by_hand_survive_kill_and_archive() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let large = "word ".repeat(1_000);
    let tasks =
        json!([external("a", &[]), external("f", &[]), function("b", &json!("{{a.result}}"), &["a"])]);
    let id = submit(&rest, &json!({"name": "Skipped", "tasks": tasks}));
    let (a, f) = (task_id(&rest, &id, "a"), task_id(&rest, &id, "f"));
    posted(&rest, &format!("/tasks/{a}/skip"), &json!({"with": large}), 200);
    let failure = json!({"error": "nobody will", "code": "E7", "details": {"n": 1}});
    posted(&rest, &format!("/tasks/{f}/fail"), &failure, 200);
    posted(&rest, &format!("/tasks/{f}/fail"), &failure, 200);
    assert_eq!(ended(&rest, &id)["status"], "failed");
    server.kill();
    server.restart();
    for _ in 0..2 {
        let task = rest.read(&format!("/tasks/{a}"));
        assert_eq!((&task["status"], &task["result"]), (&json!("skipped"), &json!(large)));
        assert_eq!(rest.read(&format!("/workflows/{id}/results"))["results"]["b"], 1_000);
        let error = &rest.read(&format!("/tasks/{f}"))["error"];
        assert_eq!((&error["message"], &error["service_code"]), (&json!("nobody will"), &json!("E7")));
        assert!(server.terminate().0.success());
        server.restart();
    }
    // The archived workflow opens again, and ends well.
    posted(&rest, &format!("/tasks/{f}/complete"), &json!({"result": null}), 200);
    assert_eq!(ended(&rest, &id)["status"], "completed");
}

#[test]
fn a_task_is_retried_with_edited_parameters() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let bad = json!({"name": "c", "function": "fibonacci", "kwargs": {"n": 1_000}, "dependencies": ["a"]});
    let tasks = json!([
        function("a", &json!("one two"), &[]),
        function("free", &json!("x"), &[]),
        bad,
        function("d", &json!("{{c.result}}"), &["c"]),
    ]);
    let id = submit(&rest, &json!({"name": "Edited", "tasks": tasks}));
    assert_eq!(ended(&rest, &id)["status"], "failed");
    let c = task_id(&rest, &id, "c");
    let path = format!("/tasks/{c}/retry");
    let edit = |kwargs: Value| json!({"parameters": {"kwargs": kwargs}});
    // Not a dependency, itself, nobody, another function, no object.
    for (body, code) in [
        (edit(json!({"n": "{{free.result}}"})), "GZ3013"),
        (edit(json!({"n": "{{c.result}}"})), "GZ3013"),
        (edit(json!({"n": "{{d.result}}"})), "GZ3013"),
        (edit(json!({"n": "{{e.result}}"})), "GZ3013"),
        (json!({"parameters": {"function_name": "gcd"}}), "GZ7001"),
        (json!({"parameters": [1]}), "GZ7001"),
        (json!({"parametres": {}}), "GZ7003"),
    ] {
        assert_eq!(refused(&rest, &path, &body).1, code, "{body}");
    }
    assert_eq!(rest.read(&format!("/tasks/{c}"))["parameters_edited"], false);
    posted(&rest, &path, &edit(json!({"n": "{{a.result}}"})), 200);
    ended(&rest, &id);
    let results = rest.read(&format!("/workflows/{id}/results"));
    assert_eq!(results["results"]["c"], json!([0, 1]), "{results}");
    server.kill();
    server.restart();
    let task = rest.read(&format!("/tasks/{c}"));
    assert_eq!(task["parameters"]["kwargs"], json!({"n": "{{a.result}}"}));
    assert_eq!(
        (&task["parameters"]["function_name"], &task["parameters_edited"]),
        (&json!("fibonacci"), &json!(true))
    );
}

#[test]
fn a_workflow_is_retried_with_parameters_for_several_tasks() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let bad = |name: &str| json!({"name": name, "id": format!("{name}_key"), "function": "fibonacci", "args": [-1]});
    let id = submit(
        &rest,
        &json!({"name": "Several", "tasks": [bad("a"), bad("b"), function("c", &json!("x"), &[])]}),
    );
    assert_eq!(ended(&rest, &id)["status"], "failed");
    let path = format!("/workflows/{id}/retry");
    let edit = json!({"args": [3]});
    let both = json!({"parameters": {"a": edit, "a_key": edit}});
    assert_eq!(refused(&rest, &path, &both), (400, "GZ7001".into()));
    assert_eq!(refused(&rest, &path, &json!({"parameters": {"x": edit}})), (404, "GZ2005".into()));
    assert_eq!(refused(&rest, &path, &json!({"parameters": {"c": {"args": null}}})), (400, "GZ7001".into()));
    posted(
        &rest,
        &path,
        &json!({"parameters": {"a": edit, "b_key": {"args": null, "kwargs": {"n": 1}}}}),
        200,
    );
    assert_eq!(ended(&rest, &id)["status"], "completed");
}

/// Each retry finds it in the store alone, and writes it into the log anew.
#[test]
fn a_workflow_that_is_opened_again_tells_all_that_has_happened_to_it() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let bad = json!({"name": "bad", "function": "fibonacci", "args": [-1]});
    submit(&rest, &json!({"name": "Before", "tasks": [function("x", &json!("x"), &[])]}));
    let id = submit(&rest, &json!({"name": "Again", "tasks": [bad]}));
    let count = |kind: &str| {
        let events = rest.read(&format!("/workflows/{id}/events"));
        let items = events["items"].as_array().unwrap();
        assert_eq!(items[0]["type"], "workflow_submitted", "{events}");
        items.iter().filter(|event| event["type"] == kind).count()
    };
    for retries in 0..3 {
        assert_eq!(ended(&rest, &id)["status"], "failed");
        assert_eq!((count("tasks_retried"), count("task_failed")), (retries, retries + 1));
        server.terminate();
        server.restart();
        posted(&rest, &format!("/workflows/{id}/retry"), &json!({}), 200);
    }
}
