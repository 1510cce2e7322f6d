//! Subscriptions: receivers that are told when workflows and tasks end.

mod asking;
mod canary;
mod documented;
mod failing;
mod lasting;
mod telling;

use std::path::Path;

use serde_json::{Value, json};

use super::SOON;
use super::receiver::{Received, Receiver};
use crate::harness::{Rest, Server, until};

/// A server that may tell this machine, and is impatient: three tries, and two ends given up disable.
fn serve(directory: &Path) -> Server {
    serve_waiting(directory, 5)
}

/// The same, which waits so long for an answer.
fn serve_waiting(directory: &Path, timeout_seconds: u32) -> Server {
    let config = directory.join("gleitzeit.toml");
    let text = format!(
        "[http]\nallow = [\"127.0.0.1\"]\n[webhooks]\ntimeout_seconds = {timeout_seconds}\n\
         [webhooks.subscriptions]\ntries = 3\nretry_base_seconds = 0.02\nretry_max_seconds = 0.05\n\
         disable_after = 2\n"
    );
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().expect("temporary paths are text").to_owned();
    Server::start(&directory.join("data"), &["--config", &config])
}

/// A webhook: its path, and its secret.
#[expect(clippy::needless_pass_by_value, reason = "the members are made in place")]
fn subscribe(rest: &Rest, receiver: &Receiver, events: Value, more: Value) -> (String, String) {
    let mut body = json!({"url": receiver.url(), "events": events});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = rest.post("/webhooks", &[], &body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let secret = answer.body["secret"].as_str().unwrap_or_default().to_owned();
    (format!("/webhooks/{}", answer.body["id"].as_str().unwrap()), secret)
}

/// Runs a workflow of one function task to its end, and gives its id.
fn run(rest: &Rest, name: &str) -> String {
    run_with(rest, name, &json!({}))
}

fn run_with(rest: &Rest, name: &str, more: &Value) -> String {
    let task = json!({"name": "Count", "function": "count_words", "args": ["to be or not to be"]});
    let mut body = json!({"name": name, "tasks": [task]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = rest.post("/workflows", &[("Prefer", "wait=25")], &body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.body["id"].as_str().unwrap().to_owned();
    rest.ended(&id);
    id
}

/// What the webhook at this path remembers of its deliveries, the latest first.
fn deliveries(rest: &Rest, webhook: &str) -> Vec<Value> {
    rest.read(&format!("{webhook}/deliveries"))["items"].as_array().unwrap().clone()
}

/// Waits until the latest delivery stands like this.
fn delivered(rest: &Rest, webhook: &str, status: &str) -> Value {
    until(&format!("the latest delivery is {status}"), SOON, || {
        deliveries(rest, webhook).first().filter(|latest| latest["status"] == status).cloned()
    })
}

fn status(rest: &Rest, webhook: &str, status: &str) -> Value {
    until(&format!("the webhook is {status}"), SOON, || {
        Some(rest.read(webhook)).filter(|known| known["status"] == status)
    })
}

fn post(rest: &Rest, path: &str, body: &Value) -> Value {
    let answer = rest.post(path, &[], body).unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

/// The bytes of a secret in its written form.
fn bytes(secret: &str) -> Vec<u8> {
    let text = secret.strip_prefix("whsec_").expect("it is written in base64");
    super::hmac::decoded(text)
}

/// What is told of: the type without its beginning, and the subject.
fn told(received: &Received) -> (String, String) {
    let event = received.json();
    let kind = event["type"].as_str().unwrap().strip_prefix("dev.gleitzeit.").unwrap().to_owned();
    (kind, event["subject"].as_str().unwrap().to_owned())
}
