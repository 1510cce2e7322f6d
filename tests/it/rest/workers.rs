//! What REST says of workers that fail, and of those that have something to stop.

use reqwest::Url;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::metrics::Scrape;
use super::{SOON, posted, submit, task_id};
use crate::harness::{Rest, Server, until};
use crate::socket::house::{Peer, registration, report};

async fn worker(server: &Server) -> Peer {
    let mut peer = Peer::connect(&server.url()).await;
    let slots = json!({"capabilities": {"task_types": ["external_custom"], "max_concurrent_tasks": 1}});
    let answer = peer.call("node:register", registration("w1", slots)).await;
    assert_eq!(answer["ok"], true, "{answer}");
    peer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_services_are_read_in_pages() {
    let data = tempfile::tempdir().unwrap();
    let server = block_in_place(|| Server::start(data.path(), &[]));
    let mut peers = Vec::new();
    for id in ["w3", "w1", "w 2/ü&x"] {
        let mut peer = Peer::connect(&server.url()).await;
        let slots = json!({"capabilities": {"task_types": ["external_custom"]}});
        assert_eq!(peer.call("node:register", registration(id, slots)).await["ok"], true);
        peers.push(peer);
    }
    let rest = server.rest();
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let whole = ids(&block_in_place(|| rest.read("/services")));
    let (mut paged, mut path) = (Vec::new(), "/services?limit=1".to_owned());
    for _ in 0..whole.len() {
        let page = block_in_place(|| rest.read(&path));
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
        paged.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        let mut url = Url::parse("http://server/services?limit=1").unwrap();
        url.query_pairs_mut().append_pair("cursor", cursor);
        path = format!("{}?{}", url.path(), url.query().unwrap());
    }
    assert_eq!(paged, whole);
    assert!(["w1", "w 2/ü&x", "w3"].iter().all(|id| whole.iter().any(|known| known == id)), "{whole:?}");
    let exact = block_in_place(|| rest.read(&format!("/services?limit={}", whole.len())));
    assert_eq!(exact["next_cursor"], Value::Null, "{exact}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_drained_by_its_name() {
    let data = tempfile::tempdir().unwrap();
    let server = block_in_place(|| Server::start(data.path(), &[]));
    let rest = server.rest();
    let mut peer = Peer::connect(&server.url()).await;
    let named = json!({"name": "My Service", "capabilities": {"task_types": ["external_custom"]}});
    assert_eq!(peer.call("node:register", registration("w1", named)).await["ok"], true);
    for (verb, draining) in [("drain", true), ("resume", false)] {
        let path = format!("/services/My%20Service/{verb}");
        assert_eq!(block_in_place(|| posted(&rest, &path, &json!({}), 200))["id"], "w1");
        assert_eq!(block_in_place(|| rest.read("/services/w1"))["draining"], draining);
    }
}

fn tasks(number: usize) -> Value {
    let task = |n: usize| json!({"name": format!("t{n}"), "external": "custom", "max_retries": 0});
    json!({"name": "failing", "tasks": (0..number).map(task).collect::<Vec<_>>()})
}

fn breaker(rest: &Rest) -> Value {
    let services = rest.read("/services");
    let found = services["items"].as_array().unwrap().iter().find(|item| item["id"] == "w1").cloned();
    found.unwrap_or_default()["breaker"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_is_seen_in_services_events_and_why_and_survives_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let mut server = block_in_place(|| Server::start(data.path(), &[]));
    let rest = server.rest();
    let mut peer = worker(&server).await;
    let id = block_in_place(|| submit(&rest, &tasks(6)));
    assert_eq!(block_in_place(|| breaker(&rest)), "closed");
    for _ in 0..5 {
        let assigned = peer.next("task:assign").await;
        let failed = peer.call("task:failed", report(&assigned, json!({"error": "it broke"}))).await;
        assert_eq!(failed["ok"], true, "{failed}");
    }
    assert_eq!(block_in_place(|| breaker(&rest)), "open");
    let metrics = block_in_place(|| Scrape::of(&server)).text;
    let state = |state: &str, value: u8| {
        format!("gleitzeit_service_breaker{{service=\"w1\",gleitzeit_service_breaker=\"{state}\"}} {value}")
    };
    for line in [state("closed", 0), state("half_open", 0), state("open", 1)] {
        assert!(metrics.lines().any(|known| known == line), "{line}: {metrics}");
    }
    assert!(metrics.contains("gleitzeit_service_tasks_failed_total{service=\"w1\"} 5"), "{metrics}");
    let last = block_in_place(|| task_id(&rest, &id, "t5"));
    let why = block_in_place(|| rest.read(&format!("/tasks/{last}/why")));
    assert_eq!(why["reasons"][0]["kind"], "breaker_open", "{why}");
    let seq = why_seq(&rest);
    let events = block_in_place(|| rest.events_up_to(seq));
    let opened: Vec<&Value> = events.iter().filter(|event| event["type"] == "breaker_opened").collect();
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert!(opened[0]["open_until"].is_string(), "{}", opened[0]);
    block_in_place(|| {
        server.kill();
        server.restart();
    });
    let _peer = worker(&server).await;
    assert_eq!(block_in_place(|| breaker(&rest)), "open");
}

fn why_seq(rest: &Rest) -> u64 {
    block_in_place(|| rest.read("/stats"))["log"]["durable_seq"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_shows_as_releasing_until_the_worker_confirms_it() {
    let data = tempfile::tempdir().unwrap();
    let server = block_in_place(|| Server::start(data.path(), &[]));
    let rest = server.rest();
    let mut peer = worker(&server).await;
    let id = block_in_place(|| submit(&rest, &tasks(1)));
    let assigned = peer.next("task:assign").await;
    peer.call("task:accepted", report(&assigned, json!({}))).await;
    let path = format!("/tasks/{}", block_in_place(|| task_id(&rest, &id, "t0")));
    block_in_place(|| posted(&rest, &format!("{path}/cancel"), &json!({}), 200));
    assert_eq!(peer.next("task:cancel").await["task_id"], assigned["task_id"]);
    let task = block_in_place(|| rest.read(&path));
    assert_eq!((&task["status"], &task["releasing"][0]["worker"]), (&json!("cancelled"), &json!("w1")));
    let why = block_in_place(|| rest.read(&format!("{path}/why")));
    let kinds: Vec<&Value> =
        why["reasons"].as_array().unwrap().iter().map(|reason| &reason["kind"]).collect();
    assert_eq!(kinds, ["ended", "releasing"], "{why}");
    peer.call("task:failed", report(&assigned, json!({"error": "Task cancelled"}))).await;
    block_in_place(|| {
        until("the slot is free", SOON, || (rest.read(&path)["releasing"] == json!([])).then_some(()));
    });
}
