//! Secrets among the parameters of tasks: whoever may only look never sees one, and what is shown instead is none.

use std::path::Path;

use serde_json::{Value, json};

use super::{Caller, begun, init, text};
use crate::harness::{Logged, PATIENCE, Server, gleitzeit, until};

const TOKEN: &str = "canary-token-of-a-webhook-0123456789";

/// Handed on to an address that is denied, so that its tasks fail without a word to anybody; the token in the short form, in
/// the explicit one, and in one whose name is written with an escape.
fn workflow() -> String {
    let url = "http://127.0.0.1:9/jobs";
    let written = json!({"name": "Signed", "tasks": [
        {"name": "Short", "external": "webhook", "service_url": url, "webhook_token": TOKEN, "parameters": {"order": 17},
         "max_retries": 0},
        {"name": "Explicit", "task_type": "external_webhook", "max_retries": 0,
         "parameters": {"service_url": url, "webhook_token": TOKEN, "external_parameters": {"text": "x\n".repeat(2_000)}}},
        {"name": "Escaped", "task_type": "external_webhook", "max_retries": 0,
         "parameters": {"service_url": url, "ESCAPED": TOKEN, "external_parameters": {"order": 19}}}]});
    written.to_string().replace("ESCAPED", "webhook\\u005ftoken")
}

fn stored(data: &Path, words: &[&str]) -> String {
    let output = gleitzeit().args(["store", "dump"]).args(words).arg("--data-dir").arg(data).output();
    let output = output.expect("the binary can be started");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn submitted(caller: &Caller, body: &str) -> String {
    let answer = caller.ask_with("POST", "/api/v1/workflows", body);
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["id"].as_str().expect("it has an id").to_owned()
}

fn failed(caller: &Caller, id: &str) {
    until("all tasks have failed", PATIENCE, || {
        let known = caller.get(&format!("/api/v1/workflows/{id}")).body;
        (known["status"] == "failed").then_some(())
    });
}

#[test]
fn no_route_no_dump_and_no_log_tells_one() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let data = folder.path().join("data");
    let admin = text(&init(&data).stdout).trim().to_owned();
    let server = Logged::start(folder.path().join("log"), |command| {
        command.arg("--data-dir").arg(&data).env("GLEITZEIT_LOG", "trace");
    });
    let admin = Caller::at(&server.url, Some(&admin));
    let looks = admin.key_of_role("readonly").1;
    let looks = Caller::at(&server.url, Some(&looks));
    let id = submitted(&admin, &workflow());
    failed(&admin, &id);
    let edit = json!({"parameters": {"webhook_token": format!("{TOKEN}-edited"), "external_parameters": {"order": 18}}});
    assert_eq!(admin.ask("POST", &format!("/api/v1/tasks/{id}.0/retry"), &edit).status, 200);
    failed(&admin, &id);

    let run = format!("/api/v1/workflows/{id}");
    let task = format!("/api/v1/tasks/{id}.0");
    let mut paths = vec![
        "/api/v1/workflows".to_owned(),
        "/api/v1/events?since=0&limit=1000".to_owned(),
        "/api/v1/dead-letters".to_owned(),
        "/api/v1/stats".to_owned(),
        run.clone(),
        task.clone(),
        format!("{task}/why"),
    ];
    paths.extend(["tasks", "graph", "definition", "results", "events"].map(|part| format!("{run}/{part}")));
    for path in &paths {
        let answer = looks.ask_for_json(path);
        assert!(!answer.is_empty() && !answer.contains(TOKEN), "{path}: {answer}");
    }
    let definition = looks.get(&format!("{run}/definition")).body;
    for (task, members) in definition["tasks"].as_array().expect("tasks").iter().zip([18, 0, 19]) {
        assert_eq!(task["parameters"]["webhook_token"], "(hidden)", "{task}");
        assert_eq!(task["parameters"]["service_url"], "http://127.0.0.1:9/jobs", "all else is told");
        let told = task["parameters"]["external_parameters"]["order"].as_u64().unwrap_or_default();
        assert_eq!(told, members, "{task}");
    }
    let export = |to: &Path| {
        let mut command = gleitzeit();
        command.args(["export", &id, "--url", &server.url, "-o"]).arg(to);
        let output =
            command.env("GLEITZEIT_TOKEN", looks.secret()).output().expect("the binary can be started");
        assert!(output.status.success(), "{}", text(&output.stderr));
        std::fs::read_to_string(to).expect("it was written")
    };
    let exported = export(&folder.path().join("run.json"));
    assert!(exported.contains("(hidden)") && !exported.contains(TOKEN), "{exported}");

    let log = server.terminate();
    assert!(!log.contains(TOKEN), "it is in the log");
    for words in [&[] as &[&str], &["--archive"]] {
        let dump = stored(&data, words);
        assert!(
            dump.contains("webhook_token") && dump.contains("(hidden)") && !dump.contains(TOKEN),
            "{dump}"
        );
        assert!(dump.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{dump}");
    }
}

#[test]
fn what_is_shown_instead_is_not_taken_for_one() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (server, key) = begun(&folder.path().join("data"));
    let caller = Caller::new(&server, Some(&key));
    let id = submitted(&caller, &workflow());
    failed(&caller, &id);
    let definition = caller.get(&format!("/api/v1/workflows/{id}/definition")).body;
    let short = json!({"name": "W", "tasks": [
        {"name": "a", "external": "webhook", "service_url": "http://127.0.0.1:9/", "webhook_token": "(hidden)"}]});
    for body in [&definition, &short] {
        for path in ["/api/v1/workflows", "/api/v1/validate"] {
            let answer = caller.ask("POST", path, body);
            assert_eq!((answer.status, &answer.body["code"]), (400, &json!("GZ7001")), "{}", answer.body);
            let told = answer.body["detail"].to_string();
            assert!(told.contains("`webhook_token`") && told.contains("write the secret itself"), "{told}");
        }
    }
    let edit = json!({"parameters": {"webhook_token": "(hidden)"}});
    let answer = caller.ask("POST", &format!("/api/v1/tasks/{id}.0/retry"), &edit);
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("GZ7001")), "{}", answer.body);
    // An edit of something else keeps the secret.
    let edit = json!({"parameters": {"external_parameters": {"order": 18}}});
    assert_eq!(caller.ask("POST", &format!("/api/v1/tasks/{id}.0/retry"), &edit).status, 200);

    // A run that was exported can be looked at elsewhere, where nothing of it runs; its definition is no better there.
    let file = folder.path().join("run.json");
    let verb = |words: &[&str], server: &Server, key: &str| {
        let mut command = gleitzeit();
        command.args(words).arg(&file).args(["--url", &server.url()]).env("GLEITZEIT_TOKEN", key);
        let output = command.output().expect("the binary can be started");
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    verb(&["export", &id, "-o"], &server, &key);
    let (other, their_key) = begun(&folder.path().join("other"));
    verb(&["import"], &other, &their_key);
    let theirs = Caller::new(&other, Some(&their_key));
    let imported = theirs.get(&format!("/api/v1/workflows/{id}/definition")).body;
    assert_eq!(imported["tasks"][1]["parameters"]["webhook_token"], "(hidden)", "{imported}");
    assert_eq!(theirs.ask("POST", "/api/v1/workflows", &imported).status, 400);
}
