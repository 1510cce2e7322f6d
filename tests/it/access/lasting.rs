//! What was answered lasts: over `kill -9`, and in what is already open.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use super::{Caller, begun, init, refused, text};
use crate::harness::Server;

#[test]
fn keys_and_their_end_outlive_a_crash() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (mut server, admin_key) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin_key));
    admin.user("anna", "operator");
    let (kept, secret) = admin.key(&json!({"user": "anna", "name": "kept", "role": "user"}));
    let (gone, revoked) = admin.key(&json!({"user": "anna", "name": "gone", "role": "user"}));
    assert_eq!(admin.ask("DELETE", &format!("/api/v1/keys/{gone}"), &Value::Null).status, 200);
    server.kill();
    server.restart();
    let who = Caller::new(&server, Some(&secret)).get("/api/v1/whoami").body;
    assert_eq!(
        (&who["user"], &who["role"], &who["key"]["id"]),
        (&json!("anna"), &json!("user"), &json!(kept))
    );
    refused(&Caller::new(&server, Some(&revoked)).get("/api/v1/whoami"), 401, "GZ4010", "a revoked key");
    // A stop writes a checkpoint, and the start after it reads nothing else.
    assert!(server.terminate().0.success());
    server.restart();
    assert_eq!(Caller::new(&server, Some(&secret)).get("/api/v1/stats").status, 200);
    refused(&Caller::new(&server, Some(&revoked)).get("/api/v1/stats"), 401, "GZ4010", "a revoked key");
    let keys = Caller::new(&server, Some(&admin_key)).get("/api/v1/keys").body;
    // Two that were made within a millisecond are in either order.
    let told = |key: &Value| format!("{} {}", key["name"], key["status"]).replace('"', "");
    let mut keys: Vec<String> = keys["items"].as_array().unwrap().iter().map(told).collect();
    keys.sort();
    assert_eq!(keys, ["first admin key active", "gone revoked", "kept active"]);
}

/// Also a use that is no hour old, which a process that goes on need not write down yet.
#[test]
fn when_a_key_was_last_used_outlives_a_stop() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (mut server, admin_key) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin_key));
    let (used, secret) = admin.key(&json!({"user": "admin", "name": "used", "role": "readonly"}));
    let (unused, _) = admin.key(&json!({"user": "admin", "name": "unused", "role": "readonly"}));
    let last_used = |admin: &Caller, id: &str| {
        let keys = admin.get("/api/v1/keys").body;
        let key = keys["items"].as_array().unwrap().iter().find(|key| key["id"] == id).cloned();
        key.expect("it is listed")["last_used_at"].clone()
    };
    assert_eq!(Caller::new(&server, Some(&secret)).get("/api/v1/stats").status, 200);
    let before = last_used(&admin, &used);
    assert!(before.is_string(), "{before}");
    assert!(server.terminate().0.success());
    server.restart();
    let admin = Caller::new(&server, Some(&admin_key));
    assert_eq!((last_used(&admin, &used), last_used(&admin, &unused)), (before, Value::Null));
}

#[test]
fn a_user_takes_the_keys_along() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    admin.user("anna", "operator");
    let (_, secret) = admin.key(&json!({"user": "anna", "name": "laptop", "role": "operator"}));
    let anna = Caller::new(&server, Some(&secret));
    assert_eq!(anna.get("/api/v1/webhooks").status, 200);
    let lowered = admin.ask("PATCH", "/api/v1/users/anna", &json!({"role": "readonly"}));
    assert_eq!(lowered.status, 200, "{}", lowered.body);
    refused(&anna.get("/api/v1/webhooks"), 403, "GZ4021", "what the owner may no longer");
    assert_eq!(anna.get("/api/v1/stats").status, 200);
    assert_eq!(admin.ask("DELETE", "/api/v1/users/anna", &Value::Null).status, 200);
    refused(&anna.get("/api/v1/stats"), 401, "GZ4010", "a key without an owner");
    refused(&admin.ask("DELETE", "/api/v1/users/admin", &Value::Null), 409, "GZ4013", "the only admin");
    refused(&admin.ask("DELETE", "/api/v1/users/anna", &Value::Null), 404, "GZ4011", "nobody");
}

#[test]
fn a_key_expires() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    let (_, secret) = admin.key(&json!({
        "user": "admin", "name": "short", "role": "readonly", "expires_in_seconds": 1,
    }));
    let short = Caller::new(&server, Some(&secret));
    let limit = std::time::Duration::from_mins(1);
    let answer = crate::harness::until("the end of the key", limit, || {
        Some(short.get("/api/v1/stats")).filter(|answer| answer.status == 401)
    });
    refused(&answer, 401, "GZ4002", "an expired key");
}

#[test]
fn a_stream_ends_with_its_key() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    let (id, secret) = admin.key(&json!({"user": "admin", "name": "stream", "role": "operator"}));
    let request = ureq::get(format!("{}/api/v1/events?since=0", server.url()));
    let response = request.header("Authorization", format!("Bearer {secret}")).call().expect("it begins");
    let mut lines = BufReader::new(response.into_body().into_reader()).lines();
    assert!(lines.next().is_some_and(|line| line.is_ok()), "the stream tells what was");
    assert_eq!(admin.ask("DELETE", &format!("/api/v1/keys/{id}"), &Value::Null).status, 200);
    // A stream that goes on would keep the test here until it is ended from outside.
    let told: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(told.iter().any(|line| line.contains("key_created")), "{told:?}");
}

#[test]
fn acts_are_in_the_log_with_whoever_did_them() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    let (id, secret) = admin.key_of_role("operator");
    let operator = Caller::new(&server, Some(&secret));
    let drained = operator.ask("POST", "/api/v1/services/nobody/drain", &json!({}));
    assert_eq!(drained.status, 404, "{}", drained.body);
    let looks = admin.key_of_role("readonly").1;
    let last = admin.get("/api/v1/stats").body["log"]["durable_seq"].as_u64().expect("a position");
    let page_for = |key: &str, about: &str| {
        let request = ureq::get(format!("{}/api/v1/events?since=0&limit=1000{about}", server.url()));
        let request =
            request.header("Accept", "application/json").header("Authorization", format!("Bearer {key}"));
        let page = request.call().expect("an answer").body_mut().read_to_string().expect("text");
        let page: Value = serde_json::from_str(&page).expect("JSON");
        page["items"].as_array().expect("events").clone()
    };
    let page = |about: &str| page_for(&secret, about);
    let events = page("");
    assert!(events.len() as u64 <= last);
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
    let added: Vec<_> = of("user_added").iter().map(|event| (&event["user"], &event["by"])).collect();
    assert_eq!(
        added,
        [
            (&json!("admin"), &json!("local")),
            (&json!("the-operator"), &json!("admin")),
            (&json!("the-readonly"), &json!("admin"))
        ]
    );
    assert_eq!(of("key_created").len(), 3);
    let acted = of("acted");
    assert_eq!(acted.len(), 1);
    assert_eq!(
        (&acted[0]["what"], &acted[0]["by"], &acted[0]["by_key"]),
        (&json!("POST /api/v1/services/nobody/drain"), &json!("the-operator"), &json!(id))
    );
    let acts = page("&about=access");
    let kinds: Vec<_> = acts.iter().filter_map(|act| act["type"].as_str()).collect();
    assert_eq!(
        kinds,
        ["user_added", "key_created", "user_added", "key_created", "acted", "user_added", "key_created"]
    );
    assert!(acts.len() < events.len() && acts.iter().all(|act| events.contains(act)));
    // Whoever may not list users and keys does not find them here.
    assert!(page_for(&looks, "&about=access").is_empty());
    assert!(page_for(&looks, "").iter().all(|event| event["by"].is_null()), "{events:?}");
    refused(&operator.get("/api/v1/events?about=nothing"), 400, "GZ7001", "there is no such kind of events");
}

#[test]
fn the_first_key_is_made_once_and_not_beside_a_server() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (mut server, key) = begun(data.path());
    let beside = init(data.path());
    assert_eq!(beside.status.code(), Some(9), "{}", text(&beside.stderr));
    assert!(text(&beside.stderr).contains("GZ5012"), "{}", text(&beside.stderr));
    assert!(server.terminate().0.success());
    let again = init(data.path());
    assert!(text(&again.stderr).contains("GZ4012") && again.stdout.is_empty(), "{}", text(&again.stderr));
    server.restart();
    let admin = Caller::new(&server, Some(&key));
    assert_eq!(admin.get("/api/v1/whoami").body["user"], "admin", "the first key still counts");
}

#[test]
fn a_server_without_keys_makes_none_for_whoever_reaches_it() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let anybody = Caller::new(&server, None);
    let who = anybody.get("/api/v1/whoami").body;
    assert_eq!((&who["user"], &who["guarded"]), (&json!("local"), &json!(false)));
    let body = json!({"name": "anna", "role": "admin"});
    refused(&anybody.ask("POST", "/api/v1/users", &body), 409, "GZ4012", "a first user by REST");
}

#[test]
fn the_token_of_the_configuration_is_an_admin() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &["--token", "a simple way"]);
    let token = Caller::new(&server, Some("a simple way"));
    assert_eq!(token.get("/api/v1/whoami").body["user"], "token");
    token.user("anna", "admin");
    let (_, secret) = token.key(&json!({"user": "anna", "name": "first", "role": "admin"}));
    assert_eq!(Caller::new(&server, Some(&secret)).get("/api/v1/users").status, 200);
    assert_eq!(token.get("/api/v1/users").status, 200, "it stays beside the keys");
}
