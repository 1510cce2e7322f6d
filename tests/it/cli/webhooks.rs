//! `gleitzeit webhooks`, against a real server and a real receiver.

use serde_json::Value;

use super::remote::verb;
use super::text;
use crate::harness::{Server, until};
use crate::webhooks::SOON;
use crate::webhooks::receiver::{Receiver, Reply};

/// Runs the verb and gives its exit code and what it printed.
fn said(server: &Server, line: &str) -> (i32, String) {
    let output = verb(server, line, "");
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    (output.status.code().expect("it ends by itself"), said)
}

#[test]
fn webhooks_are_made_tried_and_deleted() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--http-allow", "127.0.0.1"]);
    let receiver = Receiver::start();
    let add = format!(
        "webhooks add {} --event workflow.completed,task.failed --name hello --tag a --metadata team=x -o json",
        receiver.url()
    );
    let (code, made) = said(&server, &add);
    assert_eq!(code, 0, "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(made["filter"], serde_json::json!({"name": "hello", "tag": ["a"], "metadata": {"team": "x"}}));
    let id = made["id"].as_str().unwrap();
    assert_eq!(said(&server, "webhooks list -o name"), (0, format!("{id}\n")));
    assert!(said(&server, "webhooks").1.contains("enabled  workflow.completed task.failed"));
    let (code, shown) = said(&server, &format!("webhooks show {id}"));
    assert!(code == 0 && shown.contains("\"team\":\"x\"") && !shown.contains("whsec_"), "{shown}");

    assert_eq!(said(&server, &format!("webhooks test {id}")).0, 0);
    receiver.script([Reply::Status(403)]);
    let (code, failed) = said(&server, &format!("webhooks test {id}"));
    assert!(code == 1 && failed.contains("answered 403"), "{failed}");
    for verb in ["pause", "resume", "resume --now"] {
        assert_eq!(said(&server, &format!("webhooks {verb} {id}")).0, 0);
    }
    let hello =
        "name: Say hello\ntags: [a]\nmetadata: {team: x}\ntasks: [{name: U, function: generate_uuid}]\n";
    assert!(verb(&server, "run -q -", hello).status.success());
    let delivery = until("it is delivered", SOON, || {
        let (_, names) = said(&server, &format!("webhooks deliveries {id} -o name"));
        names.lines().next().map(str::to_owned)
    });
    let (code, again) = said(&server, &format!("webhooks redeliver {id} {delivery}"));
    assert!(code == 0 && again.contains("workflow.completed  delivered"), "{again}");
    assert_eq!(said(&server, &format!("webhooks redeliver {id} 1")).0, 8);

    assert_eq!(said(&server, &format!("webhooks remove {id}")).0, 0);
    let (code, unknown) = said(&server, &format!("webhooks show {id}"));
    assert!(code == 8 && unknown.contains("GZ2070"), "{unknown}");
    assert_eq!(said(&server, "webhooks add http://x --metadata team").0, 2);
}

#[test]
fn a_webhook_that_fails_is_shown_by_every_verb_that_looks() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--http-allow", "127.0.0.1"]);
    let receiver = Receiver::start();
    receiver.answers_always(Reply::Status(503));
    let target = format!("{}/a-secret-path", receiver.url());
    let (code, id) = said(&server, &format!("webhooks add {target} -o name"));
    assert_eq!(code, 0, "{id}");
    let id = id.trim();
    assert_eq!(said(&server, "webhooks").1.lines().count(), 2);
    let hello = "name: Say hello\ntasks: [{name: U, function: generate_uuid}]\n";
    assert!(verb(&server, "run -q -", hello).status.success());
    let listed = until("the list says so", SOON, || {
        let (_, listed) = said(&server, "webhooks list");
        listed.contains("failing").then_some(listed)
    });
    for words in ["FAILING SINCE", "NEXT TRY", "LAST ERROR", "the receiver answered 503", &target] {
        assert!(listed.contains(words), "{words}: {listed}");
    }
    let (_, shown) = said(&server, &format!("webhooks show {id}"));
    for line in [&["failing since"][..], &["last error", "the receiver answered 503"], &["waiting", " 1"]] {
        let is_there = shown.lines().any(|said| line.iter().all(|words| said.contains(words)));
        assert!(is_there, "{line:?}: {shown}");
    }
    let (code, health) = said(&server, "health");
    assert!(code == 0 && health.contains(&format!("webhook {id} has been failing since")), "{health}");
    let (code, report) = said(&server, "doctor");
    let (findings, rest) = report.split_once("== Program ==").unwrap();
    assert!(code == 1 && findings.contains(&format!("webhook {id} has been failing since")), "{findings}");
    let (_, section) = rest.split_once("== Webhooks ==").unwrap();
    assert!(section.contains("the receiver answered 503"), "{section}");
    assert!(!report.contains("a-secret-path"), "a report goes to others: {report}");
}

#[test]
fn a_receiver_that_cannot_be_reached_is_named_without_its_path() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--http-allow", "127.0.0.1"]);
    // Nobody listens there.
    let (code, id) = said(&server, "webhooks add http://127.0.0.1:9/services/T/a-secret-path -o name");
    assert_eq!(code, 0, "{id}");
    let hello = "name: Say hello\ntasks: [{name: U, function: generate_uuid}]\n";
    assert!(verb(&server, "run -q -", hello).status.success());
    let error = until("the list says why", SOON, || {
        let page: Value = serde_json::from_str(&said(&server, "webhooks list -o json").1).ok()?;
        page["items"][0]["failing"]["error"].as_str().map(str::to_owned)
    });
    assert!(error.starts_with("POST http://127.0.0.1:9: ") && error.contains("refused"), "{error}");
    let (_, deliveries) = said(&server, &format!("webhooks deliveries {}", id.trim()));
    let (_, report) = said(&server, "doctor");
    let events = server.rest().read_json("/events?since=0&limit=1000").to_string();
    for told in [&deliveries, &report, &events] {
        assert!(told.contains("POST http://127.0.0.1:9: ") && !told.contains("a-secret-path"), "{told}");
    }
}
