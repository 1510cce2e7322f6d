//! A run is exported in its middle and imported elsewhere: there it is looked at, and nothing of it ever runs.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{PATIENCE, Rest, Server, gleitzeit, until};

fn verb(server: &Server, words: &[&str], file: &Path) -> Output {
    let mut command = gleitzeit();
    command.args(words).arg(file).args(["--url", &server.url()]);
    command.output().expect("the binary can be started")
}

fn statuses(rest: &Rest, id: &str) -> Vec<(String, String)> {
    let tasks = rest.read(&format!("/workflows/{id}/tasks"));
    let text = |task: &Value, member: &str| task[member].as_str().expect("a text").to_owned();
    tasks["items"]
        .as_array()
        .expect("tasks")
        .iter()
        .map(|task| (text(task, "name"), text(task, "status")))
        .collect()
}

/// One after the other: two that end, one that runs for ever, two that wait.
fn begin(rest: &Rest) -> String {
    let one =
        |name: &str, function: &str, args: Value| json!({"name": name, "function": function, "args": args});
    let mut broken = one("Broken", "factorial", json!([-1]));
    broken["max_retries"] = json!(0);
    let body = json!({"name": "Stuck", "max_parallel_tasks": 1, "tags": ["support"], "tasks": [
        one("Large", "encode_base64", json!(["x".repeat(3_000)])),
        broken,
        one("Runs", "async_timer", json!([3_600, "late"])),
        one("Held", "count_words", json!(["never here"])),
        one("After", "count_words", json!(["{{Held.result}}"])),
    ]});
    let answer = rest.post("/workflows", &[], &body).expect("it answers");
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.body["id"].as_str().expect("it has an id").to_owned();
    until("the middle of the run", PATIENCE, || {
        let statuses: Vec<String> = statuses(rest, &id).into_iter().map(|(_, status)| status).collect();
        (statuses == ["completed", "failed", "processing", "queued", "pending"]).then_some(())
    });
    id
}

/// The run as the support sees it.
fn looks_as_it_was(rest: &Rest, id: &str, exported: &Value) {
    let shown = rest.read(&format!("/workflows/{id}"));
    assert_eq!((&shown["status"], &shown["imported"]["status"]), (&json!("cancelled"), &json!("running")));
    assert_eq!((&shown["name"], &shown["tags"]), (&json!("Stuck"), &json!(["support"])));
    let all: Vec<String> = statuses(rest, id).into_iter().map(|(_, status)| status).collect();
    assert_eq!(all, ["completed", "failed", "cancelled", "cancelled", "cancelled"]);
    for (index, before) in exported["tasks"].as_array().expect("tasks").iter().enumerate() {
        let task = rest.read(&format!("/tasks/{id}.{index}"));
        for member in ["name", "parameters", "result", "attempt", "started_at", "worker", "dependencies"] {
            let gone = member == "worker" && task["status"] != "completed";
            assert!(gone || task[member] == before[member], "{member} of {index}: {task} was {before}");
        }
        if before["status"] == "failed" {
            for member in ["code", "message"] {
                assert_eq!(task["error"][member], before["error"][member]);
            }
        }
    }
    let error = |index: u32| rest.read(&format!("/tasks/{id}.{index}"))["error"].clone();
    let said = |index: u32| error(index)["message"].as_str().expect("a message").to_owned();
    assert_eq!(error(2)["code"], "GZ3011");
    assert!(said(2).starts_with("processing on built-in when the run was exported"), "{}", said(2));
    assert!(
        said(3).starts_with("queued when the run was exported: ") && said(3).contains("at once"),
        "{}",
        said(3)
    );
    assert!(
        said(4).starts_with("pending when the run was exported: ") && said(4).contains("Held"),
        "{}",
        said(4)
    );
    let results = rest.read(&format!("/workflows/{id}/results"));
    assert_eq!(results["results"]["Large"], exported["tasks"][0]["result"]);
    let events = rest.read(&format!("/workflows/{id}/events"));
    assert_eq!(events["items"], exported["events"]);
    let all = events["items"].as_array().expect("events");
    let (second, third) = (all[1]["seq"].as_u64().expect("a seq"), all[2]["seq"].as_u64().expect("a seq"));
    let page = rest.read(&format!("/workflows/{id}/events?since={second}&limit=1"));
    assert_eq!((&page["items"], &page["next_cursor"]), (&json!([all[1]]), &json!(third.to_string())));
    assert_eq!(
        rest.read(&format!("/workflows/{id}/definition"))["tasks"].as_array().expect("tasks").len(),
        5
    );
    assert_eq!(rest.read("/workflows?tag=support")["items"][0]["id"], json!(id));
}

#[test]
fn a_run_in_its_middle_is_looked_at_elsewhere_and_never_runs() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let theirs = Server::start(&base.path().join("theirs"), &[]);
    let id = begin(&theirs.rest());
    let file = base.path().join("run.json");
    let output = verb(&theirs, &["export", &id, "-o"], &file);
    assert!(output.status.success(), "{output:?}");
    let exported: Value = serde_json::from_slice(&fs::read(&file).expect("it is there")).expect("it is JSON");
    assert!(!exported["definition"].to_string().contains("parameters"), "they are told once");
    let refused = verb(&theirs, &["import"], &file);
    assert_eq!(refused.status.code(), Some(9), "it is there already: {refused:?}");

    let mut ours = Server::start(&base.path().join("ours"), &["--http-allow", "127.0.0.1"]);
    let rest = ours.rest();
    let events = ["workflow.cancelled", "workflow.completed", "task.failed"];
    let hook = json!({"url": "http://127.0.0.1:9/", "events": events});
    let hook = rest.post("/webhooks", &[], &hook).expect("it answers");
    assert_eq!(hook.status, 201, "{}", hook.body);
    for _ in 0..2 {
        let output = verb(&ours, &["import", "-o", "name"], &file);
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), id, "{output:?}");
    }
    looks_as_it_was(&rest, &id, &exported);
    for (path, body) in [
        (format!("/workflows/{id}/retry"), json!({})),
        (format!("/tasks/{id}.3/retry"), json!({})),
        (format!("/tasks/{id}.1/complete"), json!({"result": 1})),
        (format!("/tasks/{id}.3/skip"), json!({})),
    ] {
        let answer = rest.post(&path, &[], &body).expect("it answers");
        assert_eq!((answer.status, &answer.body["code"]), (409, &json!("GZ3011")), "{path}: {}", answer.body);
    }
    let answer = rest.post(&format!("/workflows/{id}/cancel"), &[], &json!({})).expect("it answers");
    assert_eq!(answer.body["code"], "GZ3005", "{}", answer.body);

    ours.kill();
    ours.restart();
    let rest = ours.rest();
    looks_as_it_was(&rest, &id, &exported);
    // Whatever was to be done about it would have been done before this task that comes later.
    rest.run_task(&json!({"name": "Later", "function": "count_words", "args": ["a b"]}));
    let kinds = rest.read_json("/events?since=0")["items"].to_string();
    assert_eq!(kinds.matches("\"task_assigned\"").count(), 1, "{kinds}");
    let hook = hook.body["id"].as_str().expect("an id");
    let told = until("a word of the later task", PATIENCE, || {
        let told = rest.read(&format!("/webhooks/{hook}/deliveries"))["items"].clone();
        (told != json!([])).then_some(told)
    });
    assert!(!told.to_string().contains(&id), "nobody is told of the import: {told}");
    // What has just ended may not be archived yet.
    until("both are archived, and all of it is whole", PATIENCE, || {
        let verified = rest.post("/store/verify", &[], &json!({})).expect("it answers").body;
        assert_eq!(verified["whole"], json!(true), "{verified}");
        (verified["archived_workflows"] == json!(2)).then_some(())
    });

    // What was exported here again says the same.
    let again = base.path().join("again.json");
    assert!(verb(&ours, &["export", &id, "-o"], &again).status.success());
    let again: Value = serde_json::from_slice(&fs::read(&again).expect("it is there")).expect("it is JSON");
    assert_eq!(again["events"], exported["events"]);
    drop(theirs);
}

#[test]
fn files_that_are_no_runs_are_refused() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(base.path(), &[]);
    let rest = server.rest();
    let answer = rest.post(
        "/workflows",
        &[("Prefer", "wait=30")],
        &json!({"id": "mine", "name": "Mine", "tasks": [
        {"name": "a", "function": "count_words", "args": ["b"]}]}),
    );
    assert_eq!(answer.expect("it answers").status, 201);
    rest.ended("mine");
    let file = base.path().join("mine.json");
    assert!(verb(&server, &["export", "mine", "-o"], &file).status.success());
    let whole: Value = serde_json::from_slice(&fs::read(&file).expect("it is there")).expect("it is JSON");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = whole.clone();
        change(&mut changed);
        changed
    };
    let cases = [
        (json!({}), 422, "`export` is missing"),
        (json!([1]), 400, "an exported run"),
        (with(&|file| file["export"] = json!(2)), 400, "formats up to 1"),
        (with(&|file| file["tasks"] = json!([])), 400, "1 tasks, but 0"),
        (with(&|file| file["tasks"][0]["status"] = json!("lost")), 400, "no task is lost"),
        (with(&|file| file["workflow"]["status"] = json!("lost")), 400, "no workflow is lost"),
        (with(&|file| file["workflow"]["created_at"] = json!("yesterday")), 400, "`yesterday`"),
        (with(&|file| file["events"] = json!([{"seq": 2}, {"seq": 1}])), 400, "order of their `seq`"),
        (with(&|file| file["definition"]["tasks"][0]["dependencies"] = json!(["a"])), 422, "itself"),
        (whole.clone(), 409, "not from this file"),
    ];
    for (body, status, words) in cases {
        let answer = rest.post("/import", &[], &body).expect("it answers");
        assert_eq!(answer.status, status, "{words}: {}", answer.body);
        assert!(answer.body["detail"].to_string().contains(words), "{words}: {}", answer.body);
    }
    assert_eq!(rest.read("/workflows")["items"].as_array().expect("a list").len(), 1, "nothing was stored");

    // Under another id it is another workflow, with a label that is no UUID.
    let renamed = with(&|file| file["workflow"]["id"] = json!("theirs"));
    let answer = rest.post("/import", &[], &renamed).expect("it answers");
    assert_eq!((answer.status, &answer.body["id"]), (201, &json!("theirs")), "{}", answer.body);
    let shown = rest.read("/workflows/theirs");
    assert_eq!((&shown["status"], &shown["imported"]["status"]), (&json!("completed"), &json!("completed")));
}
