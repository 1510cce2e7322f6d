//! `why` for a task that is handed on: whom to, how far that is, and nothing that may be a secret.

use std::path::Path;

use serde_json::{Value, json};

use super::receiver::{Receiver, Reply};
use super::{SOON, call, deliveries, ended, submit, task};
use crate::harness::{Rest, Server, until};

fn why(rest: &Rest, workflow: &str) -> Value {
    let why = rest.read(&format!("/tasks/{workflow}.0/why"));
    assert!(!why.to_string().contains("hidden"), "{why}");
    assert!(!why.to_string().contains("built-in"), "that is nobody whom a user knows: {why}");
    why
}

/// What may be shown of a receiver: its URL has a secret behind the host.
fn host(receiver: &Receiver) -> String {
    let url = receiver.url();
    let (host, secret) = url.split_once("/tasks").expect("it has a path");
    assert!(secret.contains("hidden"));
    host.to_owned()
}

/// Waits until the reason has this in it.
fn says(rest: &Rest, workflow: &str, words: &str) -> (Value, Value) {
    until(&format!("`{words}` is why"), SOON, || {
        let why = why(rest, workflow);
        let message = why["reasons"][0]["message"].as_str()?.to_owned();
        message.contains(words).then(|| (why["reasons"][0].clone(), why["summary"].clone()))
    })
}

/// A server whose next try is an hour away.
fn serve_patient(directory: &Path) -> Server {
    let config = directory.join("gleitzeit.toml");
    let text = "[http]\nallow = [\"127.0.0.1\"]\n[webhooks]\ntimeout_seconds = 300\nretry_base_seconds = 3600\nretry_max_seconds = 3600\n";
    std::fs::write(&config, text).unwrap();
    Server::start(&directory.join("data"), &["--config", config.to_str().unwrap()])
}

#[test]
fn a_task_that_is_handed_on_says_to_whom_and_how_far_that_is() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve_patient(directory.path());
    let (rest, busy, silent, willing) =
        (server.rest(), Receiver::start(), Receiver::start(), Receiver::start());
    busy.answers_always(Reply::Status(503));
    silent.answers_always(Reply::Silence);
    let handed = |receiver: &Receiver| submit(&rest, &receiver.url(), json!({"timeout": 7200}));
    let (refused, open, taken) = (handed(&busy), handed(&silent), handed(&willing));

    let (reason, summary) = says(&rest, &refused, "failed");
    let tried = deliveries(&rest, &refused).pop().unwrap();
    let begins = format!("try 1 to post it to {} failed: it answered 503; the next one is in ", host(&busy));
    assert!(reason["message"].as_str().unwrap().starts_with(&begins), "{reason}");
    assert!(summary.as_str().unwrap().starts_with(&format!("Hand on is processing: {begins}")), "{summary}");
    assert_eq!(
        (&reason["kind"], &reason["receiver"], &reason["tries"], &reason["error"], &reason["taken"]),
        (&json!("handed_on"), &json!(host(&busy)), &json!(1), &json!("it answered 503"), &json!(false))
    );
    assert!(reason["next_at"].is_string() && reason["next_at"] == tried["next_at"], "{reason} {tried}");

    silent.next();
    let (reason, _) = says(&rest, &open, "is being posted");
    assert_eq!(reason["message"], format!("is being posted to {}", host(&silent)));

    let callback = willing.next().callback();
    let has_taken =
        format!("{} has taken it and is to answer by its callback, for which it has ", host(&willing));
    let (reason, _) = says(&rest, &taken, &has_taken);
    assert_eq!((&reason["taken"], &reason["next_at"]), (&json!(true), &Value::Null));
    server.kill();
    server.restart();
    says(&rest, &taken, &has_taken);
    assert_eq!(call(&rest, &callback, json!({"result": 1})).0, 200);
    ended(&rest, &taken);
    assert_eq!(why(&rest, &taken)["reasons"][0]["kind"], "ended");
}

#[test]
fn a_receiver_that_cannot_be_reached_or_refuses_is_named_without_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve_patient(directory.path());
    let rest = server.rest();
    // Nobody listens there.
    let unreached =
        submit(&rest, "http://127.0.0.1:9/services/T/hidden?key=hidden", json!({"timeout": 7200}));
    let begins = "try 1 to post it to http://127.0.0.1:9 failed: POST http://127.0.0.1:9: ";
    let (reason, _) = says(&rest, &unreached, begins);
    assert!(reason["error"].as_str().unwrap().contains("refused"), "{reason}");
    assert_eq!(deliveries(&rest, &unreached).pop().unwrap()["error"], reason["error"]);

    let stern = Receiver::start();
    stern.answers_always(Reply::Status(400));
    let url = format!("{}/services/T/hidden", host(&stern));
    let refused = submit(&rest, &url, json!({"max_retries": 0}));
    ended(&rest, &refused);
    let error = task(&rest, &refused)["error"]["message"].as_str().unwrap().to_owned();
    assert!(error.starts_with(&format!("POST {} answered 400 and does not take", host(&stern))), "{error}");

    let events = rest.read_json("/events?since=0&limit=1000").to_string();
    assert!(events.contains("POST http://127.0.0.1:9: ") && !events.contains("hidden"), "{events}");
}
