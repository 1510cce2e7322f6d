//! Nobody locks everybody out, and whoever has lost the last key gets back in.

use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Caller, begun, init, refused, text};
use crate::harness::{Answer, Server, gleitzeit, until};

/// The id of the key with which `caller` asks.
fn own_key(caller: &Caller) -> String {
    let who = caller.get("/api/v1/whoami").body;
    who["key"]["id"].as_str().unwrap_or_else(|| panic!("no id in {who}")).to_owned()
}

fn revoke(caller: &Caller, key: &str) -> Answer {
    caller.ask("DELETE", &format!("/api/v1/keys/{key}"), &Value::Null)
}

fn admin_key(caller: &Caller, user: &str) -> (String, String) {
    caller.key(&json!({"user": user, "name": "another", "role": "admin"}))
}

fn revoke_by_command(server: &Server, with: &str, key: &str) -> Output {
    let mut command = gleitzeit();
    command.args(["auth", "key", "revoke", key]).env("GLEITZEIT_URL", server.url());
    command.env("GLEITZEIT_TOKEN", with).output().expect("the binary can be started")
}

#[test]
fn the_last_admin_key_stays() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (mut server, first) = begun(data.path());
    let root = Caller::new(&server, Some(&first));
    let id = own_key(&root);
    let refusal = revoke(&root, &id);
    refused(&refusal, 409, "GZ4013", "the last key");
    let told = refusal.body.to_string();
    assert!(told.contains(&id) && told.contains("gleitzeit auth key create"), "{told}");
    let told = revoke_by_command(&server, &first, &id);
    assert_eq!(told.status.code(), Some(9), "{}", text(&told.stderr));
    let told = text(&told.stderr);
    assert!(told.contains("GZ4013") && told.contains("gleitzeit auth key create"), "{told}");

    // An admin without an admin key gets nobody in.
    root.user("anna", "admin");
    root.key(&json!({"user": "anna", "name": "less", "role": "operator"}));
    refused(&revoke(&root, &id), 409, "GZ4013", "the last key of several admins");
    let lower = || root.ask("PATCH", "/api/v1/users/admin", &json!({"role": "operator"}));
    refused(&lower(), 409, "GZ4013", "the only admin with a key");
    refused(&root.ask("DELETE", "/api/v1/users/admin", &Value::Null), 409, "GZ4013", "the same one");

    server.kill();
    server.restart();
    let root = Caller::new(&server, Some(&first));
    let users = root.get("/api/v1/users").body;
    let admin = users["items"].as_array().and_then(|users| users.iter().find(|user| user["name"] == "admin"));
    assert_eq!(admin.map(|user| (&user["role"], &user["keys"])), Some((&json!("admin"), &json!(1))));

    let (second, secret) = admin_key(&root, "anna");
    assert_eq!(revoke(&root, &id).status, 200);
    refused(&root.get("/api/v1/whoami"), 401, "GZ4010", "a revoked key");
    let anna = Caller::new(&server, Some(&secret));
    assert_eq!(own_key(&anna), second);
    refused(&revoke(&anna, &second), 409, "GZ4013", "the last key again");
    assert_eq!(anna.ask("DELETE", "/api/v1/users/admin", &Value::Null).status, 200);
}

/// A key that expires counts until then; how long a machine takes decides how long it must last to be seen to count.
#[test]
fn a_key_that_expires_counts_until_then() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (mut server, first) = begun(data.path());
    let root = Caller::new(&server, Some(&first));
    let id = own_key(&root);
    let expiring = |seconds: u64| {
        let body = json!({
            "user": "admin", "name": "short", "role": "admin", "expires_in_seconds": seconds,
        });
        root.key(&body).1
    };
    let ended = |secret: &str| {
        let short = Caller::new(&server, Some(secret));
        let answer = until("the end of the key", Duration::from_mins(5), || {
            Some(short.get("/api/v1/whoami")).filter(|answer| answer.status == 401)
        });
        refused(&answer, 401, "GZ4002", "an expired key");
    };
    ended(&expiring(1));
    refused(&revoke(&root, &id), 409, "GZ4013", "the other one has expired");
    let short = (1..8).map(|power| expiring(1 << power)).find(|_| revoke(&root, &id).status == 200);
    let short = short.expect("one of them lasts long enough");
    refused(&root.get("/api/v1/whoami"), 401, "GZ4010", "a revoked key");
    ended(&short);
    // Time cannot be refused: now nobody gets in but whoever sits at the machine.
    assert!(server.terminate().0.success());
    let renewed = init(data.path());
    assert!(renewed.status.success(), "{}", text(&renewed.stderr));
    server.restart();
    let root = Caller::new(&server, Some(text(&renewed.stdout).trim()));
    assert_eq!(root.get("/api/v1/users").status, 200);
}

/// The key is good, but nobody knows it any more.
#[test]
fn whoever_has_lost_the_last_key_gets_back_in_with_a_token() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (mut server, lost) = begun(data.path());
    let id = own_key(&Caller::new(&server, Some(&lost)));
    assert!(server.terminate().0.success());
    let again = init(data.path());
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
    let told = text(&again.stderr);
    assert!(told.contains("GZ4012") && told.contains("GLEITZEIT_TOKEN"), "{told}");
    let token = "6f1c0a86b2f0487a9d4e3c5b7a190e2d";
    let server = Server::start(data.path(), &["--token", token]);
    let holder = Caller::new(&server, Some(token));
    refused(&revoke(&holder, &id), 409, "GZ4013", "the last key, by whoever may do everything");
    let (_, secret) = admin_key(&holder, "admin");
    assert_eq!(revoke(&holder, &id).status, 200);
    drop(server);
    let server = Server::start(data.path(), &[]);
    assert_eq!(Caller::new(&server, Some(&secret)).get("/api/v1/users").status, 200);
    refused(&Caller::new(&server, Some(token)).get("/api/v1/users"), 401, "GZ4010", "the token of before");
    refused(&Caller::new(&server, Some(&lost)).get("/api/v1/users"), 401, "GZ4010", "the lost key");
}
