//! Wrong keys, one after the other.

use serde_json::{Value, json};

use super::{Caller, begun, refused};
use crate::harness::Server;

#[test]
fn wrong_keys_have_to_wait_and_missing_ones_do_not_count() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let nobody = Caller::new(&server, None);
    for _ in 0..40 {
        refused(&nobody.get("/api/v1/stats"), 401, "GZ4001", "a missing key");
    }
    let wrong = Caller::new(&server, Some("guessed"));
    let answers: Vec<u16> = (0..40).map(|_| wrong.get("/api/v1/stats").status).collect();
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 30, "{answers:?}");
    let waits = ureq::get(format!("{}/api/v1/stats", server.url())).header("Authorization", "Bearer guessed");
    let waits = waits.config().http_status_as_error(false).build().call().expect("an answer");
    let seconds: u64 = waits.headers()["retry-after"].to_str().unwrap().parse().expect("seconds");
    assert!(waits.status() == 429 && (1..=60).contains(&seconds), "{seconds}");
    refused(&wrong.get("/api/v1/stats"), 429, "GZ4022", "too many");
    // Nobody can guess a key, so whoever has one comes in from the same address.
    assert_eq!(Caller::new(&server, Some(&admin)).get("/api/v1/stats").status, 200);
    refused(&nobody.get("/api/v1/stats"), 401, "GZ4001", "a missing key");
}

/// A text that somebody has chosen may be guessed, so it waits like the wrong ones.
#[test]
fn the_token_of_the_configuration_cannot_be_found_by_trying() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &["--token", "hunter2"]);
    for guess in 0..30 {
        let guess = format!("hunter-{guess}");
        refused(&Caller::new(&server, Some(&guess)).get("/api/v1/stats"), 401, "GZ4010", &guess);
    }
    refused(&Caller::new(&server, Some("hunter2")).get("/api/v1/stats"), 429, "GZ4022", "the right one");
}

#[test]
fn refusals_of_users_and_keys_say_what_is_wrong() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    admin.user("ops", "operator");
    let post = |path: &str, body: Value| admin.ask("POST", path, &body);
    let key = |body: Value| post("/api/v1/keys", body);
    refused(&post("/api/v1/users", json!({"name": "ops", "role": "user"})), 409, "GZ4012", "twice");
    refused(&post("/api/v1/users", json!({"name": "Ops", "role": "user"})), 400, "GZ7001", "a name");
    refused(&post("/api/v1/users", json!({"name": "x", "role": "root"})), 400, "GZ7001", "a role");
    refused(&key(json!({"user": "ops", "name": "k", "role": "admin"})), 400, "GZ7001", "too far");
    refused(&key(json!({"user": "ops", "name": "k", "role": "service"})), 422, "GZ7006", "no services");
    refused(&key(json!({"user": "x", "name": "k", "role": "user"})), 404, "GZ4011", "nobody");
    refused(&key(json!({"user": "ops", "name": "k", "role": "user", "more": 1})), 422, "GZ7003", "a member");
    refused(&admin.ask("DELETE", "/api/v1/keys/nothing", &Value::Null), 404, "GZ4011", "no key");
    let users = admin.get("/api/v1/users").body;
    assert_eq!(users["items"].as_array().map(Vec::len), Some(2), "a refusal leaves no trace: {users}");
}
