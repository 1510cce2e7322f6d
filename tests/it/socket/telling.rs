//! Watchers and broadcasts.

use std::time::Duration;

use serde_json::{Value, json};

use super::house::{House, Peer, report, wire_task};

async fn run(worker: &mut Peer, result: Value) -> Value {
    let assigned = worker.next("task:assign").await;
    assert_eq!(worker.call("task:accepted", report(&assigned, json!({}))).await["ok"], true);
    assert_eq!(worker.call("task:completed", report(&assigned, json!({"result": result}))).await["ok"], true);
    assigned
}

/// Collects frames until one holds an event of this type.
async fn frames_until(watcher: &mut Peer, kind: &str) -> Vec<Value> {
    let mut frames = Vec::new();
    loop {
        let frame = watcher.next("watch:frame").await;
        let found = frame["events"].as_array().unwrap().iter().any(|event| event["type"] == kind);
        frames.push(frame);
        if found {
            return frames;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_cover_everything_without_holes() {
    let house = House::new().await;
    let mut worker = house.worker("w1", json!({})).await;
    let (mut everything, mut one, mut submitter) =
        (house.peer().await, house.peer().await, house.peer().await);
    let from = everything.call("watch", json!({})).await;
    assert_eq!(one.call("watch", json!({"workflow_id": "w"})).await["ok"], true);
    submitter.submit("other", json!([wire_task("x", &[])])).await;
    submitter.submit("w", json!([wire_task("a", &[])])).await;
    for _ in 0..2 {
        run(&mut worker, json!("done")).await;
    }
    let frames = frames_until(&mut everything, "workflow_ended").await;
    let mut next = from["seq"].as_u64().unwrap() + 1;
    for frame in &frames {
        assert_eq!((frame["since"].as_u64(), &frame["gap"]), (Some(next), &json!(false)), "{frame}");
        let seqs: Vec<u64> =
            frame["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        let end = frame["seq"].as_u64().unwrap();
        assert_eq!(seqs, (next..=end).collect::<Vec<_>>(), "no record is left out");
        next = end + 1;
    }
    let frames = frames_until(&mut one, "workflow_ended").await;
    let events = frames.iter().flat_map(|frame| frame["events"].as_array().unwrap());
    let kinds: Vec<&str> = events.map(|event| event["type"].as_str().unwrap()).collect();
    let expected =
        ["workflow_submitted", "task_assigned", "task_accepted", "task_completed", "workflow_ended"];
    assert_eq!(kinds, expected);

    assert_eq!(one.call("unwatch", json!({"workflow_id": "w"})).await["ok"], true);
    submitter.submit("third", json!([wire_task("y", &[])])).await;
    run(&mut worker, json!(1)).await;
    submitter.next_where("workflow:completed", |ended| ended["workflow_id"] == "third").await;
    assert!(!one.names_seen().await.contains(&"watch:frame".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partial_output_reaches_watchers() {
    let house = House::new().await;
    let mut worker = house.worker("w1", json!({})).await;
    let (mut watcher, mut submitter) = (house.peer().await, house.peer().await);
    submitter.submit("w", json!([wire_task("a", &[])])).await;
    let assigned = worker.next("task:assign").await;
    worker.call("task:accepted", report(&assigned, json!({}))).await;
    watcher.call("watch", json!({"workflow_id": "w"})).await;
    for piece in 0..3 {
        let data = json!({"progress": piece, "message": "token", "data": {"piece": piece}});
        worker.call("task:progress", report(&assigned, data)).await;
    }
    let mut pieces = Vec::new();
    while pieces.len() < 3 {
        let frame = watcher.next("watch:frame").await;
        pieces.extend(frame["progress"].as_array().unwrap().iter().map(|told| told["data"]["piece"].clone()));
    }
    assert_eq!(pieces, [json!(0), json!(1), json!(2)]);
}

/// Services that ask language models may say what these spent. An account of another shape costs no result.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_tokens_is_kept() {
    let house = House::new().await;
    let mut worker = house.worker("w1", json!({})).await;
    let (mut watcher, mut submitter) = (house.peer().await, house.peer().await);
    watcher.call("watch", json!({"workflow_id": "w"})).await;
    submitter.submit("w", json!([wire_task("a", &[]), wire_task("b", &[])])).await;
    for usage in [json!({"model": "m", "prompt_tokens": 7, "completion_tokens": 9}), json!("a lot")] {
        let assigned = worker.next("task:assign").await;
        worker.call("task:accepted", report(&assigned, json!({}))).await;
        let done = json!({"result": 1, "usage": usage});
        assert_eq!(worker.call("task:completed", report(&assigned, done)).await["ok"], true);
    }
    let frames = frames_until(&mut watcher, "workflow_ended").await;
    let events = frames.iter().flat_map(|frame| frame["events"].as_array().unwrap());
    let usages: Vec<&Value> =
        events.filter(|event| event["type"] == "task_completed").map(|event| &event["usage"]).collect();
    let account = json!({"model": "m", "endpoint": null, "prompt_tokens": 7, "completion_tokens": 9});
    assert_eq!(usages, [&account, &json!(null)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_hears_who_comes() {
    let house = House::new().await;
    let mut observer = house.peer().await;
    let _service = house.worker("svc", json!({})).await;
    let told = observer.next("external_service:registered").await;
    assert_eq!((&told["service_id"], &told["service_name"]), (&json!("svc"), &json!("svc")));
    assert_eq!(told["task_types"], json!(["custom_processing", "external_custom"]));
    assert_eq!(
        (&told["max_concurrent_tasks"], &told["capabilities"]),
        (&json!(10), &json!(["custom_processing"]))
    );
    let node = json!({"node_type": "executor", "capabilities": {"task_types": ["text"], "has_gpu": true}});
    let _node = house.worker("node", node).await;
    let told = observer.next("node:registered").await;
    assert_eq!((&told["node_id"], &told["node_type"]), (&json!("node"), &json!("executor")));
    assert_eq!(told["capabilities"]["task_types"], json!(["text"]));
}

/// A failure is told once, when it is final, and the end of the workflow follows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_last_failure_is_told() {
    let house = House::new().await;
    let mut worker = house.worker("w1", json!({"active": []})).await;
    let mut submitter = house.peer().await;
    let mut task = wire_task("t", &[]);
    task["retry"] = json!({"max_attempts": 2, "strategy": "fixed", "base_delay": 0.05, "max_delay": 0.05});
    submitter.submit("w", json!([task, wire_task("after", &["t"])])).await;
    for _ in 0..2 {
        let assigned = worker.next("task:assign").await;
        worker.call("task:accepted", report(&assigned, json!({}))).await;
        worker.call("task:failed", report(&assigned, json!({"error": "no", "code": "X1"}))).await;
    }
    let failed = submitter.next("task:failed").await;
    assert_eq!((&failed["error"], &failed["retry_count"]), (&json!("no"), &json!(1)), "{failed}");
    let ended = submitter.next("workflow:completed").await;
    assert_eq!((&ended["status"], &ended["failed_tasks"]), (&json!("failed"), &json!(1)));
    assert!(!submitter.names_seen().await.contains(&"task:failed".to_owned()));
}

/// Thousands that come back together must not each be told of each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_workers_is_told_to_onlookers_alone() {
    const CROWD: usize = 300;
    let house = House::new().await;
    let mut observer = house.peer().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let mut crowd = Vec::new();
    for n in 0..CROWD {
        crowd.push(house.worker(&format!("w{n}"), json!({})).await);
    }
    for n in 0..CROWD {
        let name = format!("w{n}");
        observer.next_where("external_service:registered", |told| told["service_id"] == name.as_str()).await;
    }
    let first = crowd.first_mut().unwrap().names_seen().await;
    let told = first.iter().filter(|name| *name == "external_service:registered").count();
    assert!((200..=256).contains(&told), "a worker was told of {told} others");
    assert_eq!(house.sockets.connected_clients(), CROWD + 1);
}

/// A page of another site must not speak to a server on the visitor's own machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_sites_may_not_connect() {
    let house = House::new().await;
    let url = format!("{}/socket.io/?EIO=4&transport=polling", house.url);
    let own = house.url.clone();
    let (foreign, same) = tokio::task::spawn_blocking(move || {
        (opened_from(&url, "http://evil.example"), opened_from(&url, &own))
    })
    .await
    .unwrap();
    assert!(foreign.contains("GZ4030") && foreign.contains("evil.example"), "{foreign}");
    assert!(!foreign.contains("\"sid\"") && same.starts_with("0{\"sid\""), "{same}");
}

/// What a page is told that begins to connect by long polling.
fn opened_from(url: &str, origin: &str) -> String {
    let asked = ureq::get(url).header("Origin", origin).config().http_status_as_error(false).build().call();
    asked.unwrap().body_mut().read_to_string().unwrap()
}
