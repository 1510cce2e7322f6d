//! Services that were here: what is told of them, and by `why`.

use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::{SOON, external, posted, submit, task_id};
use crate::harness::{Rest, Server, gleitzeit, until};
use crate::socket::house::{Network, Peer, registration, report};

async fn come(url: &str, id: &str, name: &str, task_type: &str) -> Peer {
    let mut peer = Peer::connect(url).await;
    let facts = json!({"name": name, "capabilities": {"task_types": [task_type]}});
    let answer = peer.call("node:register", registration(id, facts)).await;
    assert_eq!(answer["ok"], true, "{answer}");
    peer
}

/// Names and how they left, the one that was seen last first.
fn gone(rest: &Rest) -> Vec<(String, Value)> {
    let services = rest.read("/services");
    let all = services["gone"].as_array().unwrap().iter();
    all.map(|one| (one["name"].as_str().unwrap().to_owned(), one["left"].clone())).collect()
}

fn until_gone(rest: &Rest, expected: &[(&str, Value)]) {
    let expected: Vec<_> = expected.iter().map(|(name, left)| ((*name).to_owned(), left.clone())).collect();
    until(&format!("these are gone: {expected:?}"), SOON, || (gone(rest) == expected).then_some(()));
}

fn said(server: &Server, verb: &str) -> String {
    let output = gleitzeit().args(verb.split(' ')).args(["--url", &server.url()]).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn why(rest: &Rest, workflow: &str, task: &str) -> Value {
    let id = task_id(rest, workflow, task);
    rest.read(&format!("/tasks/{id}/why"))["reasons"][0].clone()
}

/// Nobody is waited for once its connection has broken.
fn serve(directory: &std::path::Path) -> Server {
    let config = directory.join("gleitzeit.toml");
    std::fs::write(&config, "[limits]\ndisconnect_grace_seconds = 0.01\n").unwrap();
    Server::start(&directory.join("data"), &["--config", config.to_str().unwrap()])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_that_left_are_told_apart_from_those_that_are_here() {
    let directory = tempfile::tempdir().unwrap();
    let server = block_in_place(|| serve(directory.path()));
    let rest = server.rest();
    assert!(block_in_place(|| gone(&rest)).is_empty());
    let network = Network::to(&server.url()).await;
    let polite = come(&server.url(), "w1", "Polite", "external_ml").await;
    let drained = come(&server.url(), "w2", "Drained", "external_api").await;
    let twin = come(&server.url(), "w3", "Drained", "external_api").await;
    let _cut = come(&network.url, "w4", "Cut off", "external_custom").await;

    polite.socket.close().await;
    block_in_place(|| until_gone(&rest, &[("Polite", json!("clean"))]));
    block_in_place(|| posted(&rest, "/services/w2/drain", &json!({}), 200));
    drained.socket.close().await;
    block_in_place(|| {
        until("one of two is gone", SOON, || (rest.get("/services/w2").unwrap().status == 404).then_some(()));
    });
    block_in_place(|| until_gone(&rest, &[("Polite", json!("clean"))]));
    block_in_place(|| posted(&rest, "/services/w3/drain", &json!({}), 200));
    twin.socket.close().await;
    block_in_place(|| until_gone(&rest, &[("Drained", json!("drained")), ("Polite", json!("clean"))]));
    network.cut();
    let all = [("Cut off", json!("lost")), ("Drained", json!("drained")), ("Polite", json!("clean"))];
    block_in_place(|| until_gone(&rest, &all));
    let services = block_in_place(|| rest.read("/services"));
    let cut = &services["gone"][0];
    assert_eq!(
        (&cut["id"], &cut["node_type"], &cut["task_types"]),
        (&json!("w4"), &json!("external_service"), &json!(["external_custom"])),
    );
    assert!(cut["last_seen_at"].is_string(), "{cut}");
    assert!(
        services["items"].as_array().unwrap().iter().all(|one| one["node_type"] == "built_in"),
        "{services}"
    );
    let last = services["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap();
    let further = block_in_place(|| rest.read(&format!("/services?cursor={last}")));
    assert_eq!(further["gone"], json!([]), "they are told with the first page alone");

    // Whatever shows services shows them.
    for verb in ["services", "doctor"] {
        let shown = block_in_place(|| said(&server, verb));
        let (_, below) = shown.split_once("GONE").unwrap_or_else(|| panic!("{verb}: {shown}"));
        for word in ["Cut off", "lost", "Drained", "drained", "Polite", "clean", "external_custom"] {
            assert!(below.contains(word), "{verb}, {word}: {shown}");
        }
    }
    let shown = block_in_place(|| said(&server, "monitor --once"));
    assert!(shown.contains("gone") && shown.contains("Cut off"), "{shown}");

    // Whoever comes back, as whatever node, is here.
    let _again = come(&server.url(), "another", "Cut off", "external_custom").await;
    block_in_place(|| until_gone(&rest, &all[1..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_names_a_service_that_used_to_do_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = block_in_place(|| serve(directory.path()));
    let rest = server.rest();
    let named = json!({"name": "N", "tasks": [external("First", &[]), external("Second", &["First"])]});
    let workflow = block_in_place(|| submit(&rest, &named));
    let nobody = block_in_place(|| why(&rest, &workflow, "First"));
    assert_eq!((&nobody["kind"], &nobody["gone"]), (&json!("no_worker"), &Value::Null), "{nobody}");
    let mut peer = come(&server.url(), "w1", "nobody", "external_custom").await;
    let assigned = peer.next("task:assign").await;
    peer.call("task:accepted", report(&assigned, json!({}))).await;
    peer.call("task:completed", report(&assigned, json!({"result": 1}))).await;
    let second = peer.next("task:assign").await;
    peer.socket.close().await;
    block_in_place(|| until_gone(&rest, &[("nobody", json!("clean"))]));
    assert_eq!(second["task_name"], "Second");
    let reason = block_in_place(|| why(&rest, &workflow, "Second"));
    assert_eq!((&reason["gone"]["service"], &reason["gone"]["left"]), (&json!("nobody"), &json!("clean")));
    let message = reason["message"].as_str().unwrap();
    assert!(
        message.contains("; \"nobody\" did, and left ") && message.contains("and said goodbye"),
        "{message}"
    );
    let other = json!({"name": "O", "tasks": [{"name": "Other", "external": "ml", "operation": "train"}]});
    let other = block_in_place(|| submit(&rest, &other));
    assert_eq!(block_in_place(|| why(&rest, &other, "Other"))["gone"], Value::Null, "it never did that");

    // What the log knows is known after a restart: its name, and its latest report.
    block_in_place(|| {
        server.kill();
        server.restart();
    });
    let rest = server.rest();
    block_in_place(|| until_gone(&rest, &[("nobody", Value::Null)]));
    let known = block_in_place(|| rest.read("/services"))["gone"][0].clone();
    assert_eq!((&known["task_types"], &known["tasks_completed"]), (&json!([]), &json!(1)), "{known}");
    let reason = block_in_place(|| why(&rest, &workflow, "Second"));
    assert_eq!((&reason["gone"]["service"], &reason["gone"]["left"]), (&json!("nobody"), &Value::Null));
    assert_eq!(reason["gone"]["last_seen_at"], known["last_seen_at"]);
    let message = reason["message"].as_str().unwrap();
    assert!(message.contains("; \"nobody\" last reported "), "{message}");
}
