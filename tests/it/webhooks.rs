//! Webhooks, with the real binary and receivers on loopback: tasks that are handed on and answered by a callback, and
//! subscriptions that are told of ends.

mod callbacks;
mod documented;
mod explained;
mod hmac;
pub mod receiver;
mod restarts;
mod subscriptions;

use std::path::Path;

use serde_json::{Value, json};

pub use crate::harness::PATIENCE as SOON;
use crate::harness::{Rest, Server, until};

/// The secret that signs tasks without one of their own.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The same, decoded.
const SECRET_BYTES: [u8; 24] = [
    0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a, 0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c, 0xf6,
    0x48, 0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0,
];

/// A server that may deliver to this machine, tries again soon, and keeps its settings beside its data.
fn serve(directory: &Path) -> Server {
    let config = directory.join("gleitzeit.toml");
    let text = format!(
        "[http]\nallow = [\"127.0.0.1\"]\n[webhooks]\nsecret = \"{SECRET}\"\ntimeout_seconds = 10\n\
         retry_base_seconds = 0.05\nretry_max_seconds = 0.2\n"
    );
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().expect("temporary paths are text").to_owned();
    Server::start(&directory.join("data"), &["--config", &config])
}

/// A workflow of one task that is handed on, with more keys for the task.
#[expect(clippy::needless_pass_by_value, reason = "the keys are made in place")]
fn submit(rest: &Rest, url: &str, more: Value) -> String {
    let mut task =
        json!({"name": "Hand on", "external": "webhook", "service_url": url, "parameters": {"order": 17}});
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = rest.post("/workflows", &[], &json!({"name": "W", "tasks": [task]})).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

fn ended(rest: &Rest, workflow: &str) -> Value {
    until("the workflow ends", SOON, || {
        let known = rest.read(&format!("/workflows/{workflow}"));
        ["completed", "failed", "cancelled"].contains(&known["status"].as_str()?).then_some(known)
    })
}

fn task(rest: &Rest, workflow: &str) -> Value {
    rest.read(&format!("/tasks/{workflow}.0"))
}

fn processing(rest: &Rest, workflow: &str) {
    until("the task is accepted", SOON, || (task(rest, workflow)["status"] == "processing").then_some(()));
}

/// Posts to a callback: the status and the answer.
#[expect(clippy::needless_pass_by_value, reason = "bodies are made in place")]
fn call(rest: &Rest, callback: &str, body: Value) -> (u16, Value) {
    let answer = rest.post(callback, &[], &body).unwrap();
    (answer.status, answer.body)
}

/// What is told of the deliveries of a workflow's tasks.
fn deliveries(rest: &Rest, workflow: &str) -> Vec<Value> {
    let events = rest.read(&format!("/workflows/{workflow}/events"));
    let tried = events["items"].as_array().unwrap().iter().filter(|event| event["type"] == "delivery_tried");
    tried.cloned().collect()
}
