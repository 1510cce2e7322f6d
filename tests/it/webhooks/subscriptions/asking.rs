//! What people ask of webhooks, and what they are answered.

use serde_json::{Value, json};

use super::{bytes, delivered, deliveries, post, run, serve, status, subscribe, told};
use crate::harness::{Answer, Server};
use crate::webhooks::receiver::{Receiver, Reply};

#[test]
fn a_webhook_is_made_read_changed_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver, moved) = (server.rest(), Receiver::start(), Receiver::start());
    let filter = json!({"name": "import", "tag": ["red"], "metadata": {"team": "x"}});
    let (webhook, secret) =
        subscribe(&rest, &receiver, json!(["task.*", "workflow.failed"]), json!({"filter": filter}));
    assert_eq!(bytes(&secret).len(), 32);
    let known = rest.read(&webhook);
    assert_eq!((&known["filter"], &known["status"]), (&filter, &json!("enabled")));
    let events = ["workflow.failed", "task.completed", "task.failed", "task.cancelled", "task.skipped"]
        .map(|name| json!(name));
    assert_eq!(known["events"], json!(events));
    assert!(known.get("secret").is_none());
    assert_eq!(rest.read("/webhooks")["items"], json!([known]));

    let change =
        json!({"url": moved.url(), "events": ["workflow.completed"], "filter": {}, "description": "moved"});
    let answer = rest.patch(&webhook, &change);
    assert_eq!((answer.status, &answer.body["filter"]), (200, &json!({})), "{}", answer.body);
    assert!(answer.body.get("secret").is_none() && answer.body["seq"].is_u64());
    run(&rest, "Anything");
    assert!(moved.next().is_signed_with(&bytes(&secret)), "the secret has stayed");
    assert_eq!(answer.body["description"], "moved");
    assert_eq!(rest.patch(&webhook, &json!({"description": ""})).body["description"], Value::Null);
    let rotated = post(&rest, &format!("{webhook}/rotate"), &json!({}));
    let fresh = rotated["secret"].as_str().unwrap();
    assert_ne!(fresh, secret);
    run(&rest, "Anything");
    let one = moved.next();
    assert!(one.is_signed_with(&bytes(fresh)) && !one.is_signed_with(&bytes(&secret)));
    let own = json!({"secret": "a secret of my own, long enough"});
    assert_eq!(rest.patch(&webhook, &own).status, 200);
    run(&rest, "Anything");
    assert!(moved.next().is_signed_with(b"a secret of my own, long enough"));
    receiver.hears_nothing();

    let gone = rest.delete(&webhook);
    assert_eq!((gone.status, &gone.body["status"]), (200, &json!("deleted")));
    run(&rest, "Anything");
    moved.hears_nothing();
    assert_eq!(rest.read("/webhooks")["items"], json!([]));
    for Answer { status, body } in [
        rest.get(&webhook).unwrap(),
        rest.get(&format!("{webhook}/deliveries")).unwrap(),
        rest.delete(&webhook),
        rest.patch(&webhook, &json!({})),
        rest.post(&format!("{webhook}/test"), &[], &json!({})).unwrap(),
        rest.get("/webhooks/nonsense").unwrap(),
    ] {
        assert_eq!((status, &body["code"]), (404, &json!("GZ2070")), "{body}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_and_leaves_no_trace() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("gleitzeit.toml");
    std::fs::write(&config, "[http]\nallow = [\"127.0.0.1\"]\n[webhooks.subscriptions]\ncount = 1\n")
        .unwrap();
    let server = Server::start(&directory.path().join("data"), &["--config", config.to_str().unwrap()]);
    let (rest, receiver) = (server.rest(), Receiver::start());
    let url = receiver.url();
    for (body, status, code) in [
        (json!({}), 422, "GZ7006"),
        (json!({"url": url}), 422, "GZ7006"),
        (json!({"url": url, "events": []}), 400, "GZ7001"),
        (json!({"url": url, "events": ["task.fialed"]}), 400, "GZ7001"),
        (json!({"url": url, "events": ["*"], "filter": {"status": "failed"}}), 400, "GZ7001"),
        (json!({"url": url, "events": ["*"], "sekret": "x"}), 422, "GZ7003"),
        (json!({"url": url, "events": ["*"], "secret": "short"}), 400, "GZ7001"),
        (json!({"url": url, "events": ["*"], "secret": "whsec_!"}), 400, "GZ7001"),
        (json!({"url": format!("{url}{}", "x".repeat(3_000)), "events": ["*"]}), 400, "GZ7001"),
    ] {
        let answer = rest.post("/webhooks", &[], &body).unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{body}: {}", answer.body);
    }
    assert_eq!(rest.read("/webhooks")["items"], json!([]));
    let (webhook, _) = subscribe(&rest, &receiver, json!(["*"]), json!({}));
    let second = rest.post("/webhooks", &[], &json!({"url": url, "events": ["*"]})).unwrap();
    assert_eq!((second.status, &second.body["code"]), (409, &json!("GZ2072")), "{}", second.body);
    for delivery in ["999999", "1"] {
        let path = format!("{webhook}/deliveries/{delivery}/redeliver");
        let answer = rest.post(&path, &[], &json!({})).unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("GZ2071")), "{}", answer.body);
    }
    let answer = rest.post(&format!("{webhook}/resume"), &[], &json!({"from": "then"})).unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("GZ7001")), "{}", answer.body);
    receiver.hears_nothing();
}

#[test]
fn a_paused_webhook_keeps_what_happens_or_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (webhook, _) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    run(&rest, "Before");
    receiver.next();
    post(&rest, &format!("{webhook}/pause"), &json!({}));
    assert_eq!(rest.read(&webhook)["status"], "paused");
    let kept = [run(&rest, "One"), run(&rest, "Two")];
    receiver.hears_nothing();
    assert_eq!(rest.patch(&webhook, &json!({"enabled": true})).body["status"], "enabled");
    assert_eq!([told(&receiver.next()).1, told(&receiver.next()).1], kept);
    delivered(&rest, &webhook, "delivered");

    assert_eq!(rest.patch(&webhook, &json!({"enabled": false})).body["enabled"], false);
    run(&rest, "Never told");
    post(&rest, &format!("{webhook}/resume"), &json!({"from": "now"}));
    let after = run(&rest, "After");
    assert_eq!(told(&receiver.next()).1, after);
    receiver.hears_nothing();
}

#[test]
fn a_pause_reaches_an_end_that_is_being_tried() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("gleitzeit.toml");
    let text = "[http]\nallow = [\"127.0.0.1\"]\n[webhooks.subscriptions]\nretry_base_seconds = 3600\n";
    std::fs::write(&config, text).unwrap();
    let server = Server::start(&directory.path().join("data"), &["--config", config.to_str().unwrap()]);
    let (rest, receiver, mended) = (server.rest(), Receiver::start(), Receiver::start());
    let (webhook, _) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    receiver.script([Reply::Status(500)]);
    let id = run(&rest, "One");
    let waiting = delivered(&rest, &webhook, "retrying");
    assert!(waiting["next_at"].is_string() && waiting["error"].as_str().unwrap().contains("500"));
    // By hand it need not wait, and is not sent once more afterwards.
    receiver.next();
    let path = format!("{webhook}/deliveries/{}/redeliver", waiting["id"].as_str().unwrap());
    assert_eq!(post(&rest, &path, &json!({}))["status"], "delivered");
    assert_eq!(told(&receiver.next()).1, id);
    let next = run(&rest, "Two");
    assert_eq!(told(&receiver.next()).1, next);

    receiver.script([Reply::Status(500)]);
    let third = run(&rest, "Three");
    delivered(&rest, &webhook, "retrying");
    receiver.next();
    post(&rest, &format!("{webhook}/pause"), &json!({}));
    assert_eq!(rest.patch(&webhook, &json!({"url": mended.url()})).status, 200);
    // What is wanted no longer is given up when the others go on.
    let fourth = run(&rest, "Four");
    let filter = json!({"filter": {"name": "Four"}});
    assert_eq!(rest.patch(&webhook, &filter).status, 200);
    post(&rest, &format!("{webhook}/resume"), &json!({}));
    assert_eq!(told(&mended.next()).1, fourth);
    delivered(&rest, &webhook, "delivered");
    let all = deliveries(&rest, &webhook);
    let of = |id: &str| {
        all.iter().find(|one| one["workflow_id"] == id).expect("it is remembered")["status"].clone()
    };
    assert_eq!((of(&third), of(&id)), (json!("given_up"), json!("delivered")));
}

#[test]
fn a_test_says_how_it_went_and_leaves_no_delivery() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (webhook, secret) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({"enabled": false}));
    status(&rest, &webhook, "paused");
    let answer = post(&rest, &format!("{webhook}/test"), &json!({}));
    assert_eq!(answer, json!({"delivered": true, "response_status": 202, "error": null}));
    let message = receiver.next();
    assert!(message.is_signed_with(&bytes(&secret)));
    assert_eq!(told(&message).0, "webhook.test");
    assert_eq!(message.json().get("seq"), None);
    receiver.script([Reply::Status(401)]);
    let answer = post(&rest, &format!("{webhook}/test"), &json!({}));
    assert_eq!((&answer["delivered"], &answer["response_status"]), (&json!(false), &json!(401)));
    assert_eq!(deliveries(&rest, &webhook), Vec::<Value>::new());
}
