//! Workers: registration, assignments, reports and their answers.

use gleitzeit::client::node::{Capability, ExternalServiceNode};
use gleitzeit::core::limits::Limits;
use serde_json::{Value, json};

use super::house::{House, MESSAGE_BYTES, Network, Peer, registration, report, wire_task};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_assigned_and_its_reports_are_acknowledged() {
    let house = House::new().await;
    let mut worker = house.peer().await;
    let registered = worker.call("node:register", registration("w1", json!({"active": []}))).await;
    assert_eq!((&registered["ok"], &registered["node_id"]), (&json!(true), &json!("w1")), "{registered}");
    assert_eq!(registered["held"], json!([]));
    assert!(registered["lease_ms"].as_u64() >= Some(60_000) && registered["session"].as_u64() > Some(0));
    assert!(registered["heartbeat_ms"].as_u64() >= Some(30_000), "{registered}");

    let mut submitter = house.peer().await;
    assert_eq!(submitter.submit("nightly", json!([wire_task("load", &[])])).await["ok"], true);
    let assigned = worker.next("task:assign").await;
    let expected = json!({
        "task_id": "load", "workflow_id": "nightly", "attempt": 1, "task_type": "external_custom",
        "task_name": "load", "priority": "high", "max_retries": 3, "timeout": 60,
        "parameters": {
            "external_task_type": "custom_processing", "external_parameters": {"step": "load"}, "external_timeout": 60,
        },
        "external_task_type": "custom_processing", "service_name": "w1",
        "external_parameters": {"step": "load"}, "external_timeout": 60,
        "assigned_at": assigned["assigned_at"],
    });
    assert_eq!(assigned, expected);
    let at = assigned["assigned_at"].as_str().unwrap();
    assert!(at.contains('T') && !at.ends_with('Z') && !at.contains('+'), "{at}");

    let accepted = worker.call("task:accepted", report(&assigned, json!({}))).await;
    assert_eq!(accepted["ok"], true, "{accepted}");
    let progress = json!({"progress": 40, "message": "so far"});
    assert_eq!(worker.call("task:progress", report(&assigned, progress)).await["ok"], true);
    let completed = worker.call("task:completed", report(&assigned, json!({"result": null}))).await;
    assert!(completed["ok"] == true && completed["seq"].as_u64() > accepted["seq"].as_u64(), "{completed}");
    let again = worker.call("task:completed", report(&assigned, json!({"result": 1}))).await;
    assert_eq!((&again["ok"], &again["retryable"]), (&json!(false), &json!(false)), "{again}");
    assert!(again["code"].as_str().unwrap().starts_with("GZ"), "{again}");
    let told = submitter.next("task:completed").await;
    assert_eq!((told.get("result"), &told["task_id"]), (Some(&Value::Null), &json!("load")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rust_node_works_against_it() {
    let house = House::new().await;
    let node = ExternalServiceNode::new("Echo")
        .url(house.url.clone())
        .capability(Capability::CustomProcessing)
        .handler("custom_processing", |task, input| async move {
            task.progress(50, "half way", Some(json!({"token": "t"})));
            Ok(json!({"echo": input}))
        })
        .start()
        .unwrap();
    node.registered().await.unwrap();
    let mut submitter = house.peer().await;
    let tasks = json!([wire_task("a", &[]), wire_task("b", &["a"])]);
    assert_eq!(submitter.submit("chain", tasks).await["ok"], true);
    let progress = submitter.next("task:progress").await;
    assert_eq!((&progress["progress"], &progress["data"]), (&json!(50), &json!({"token": "t"})));
    let done = submitter.next("workflow:completed").await;
    assert_eq!((&done["status"], &done["completed_tasks"]), (&json!("completed"), &json!(2)));
    assert_eq!(node.status().completed, 2);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_by_name() {
    let house = House::new().await;
    let mut peer = house.peer().await;
    for (payload, named) in [
        (json!("text"), "object"),
        (json!([1, 2]), "object"),
        (json!(null), "object"),
        (json!({"name": "x"}), "node_id"),
        (registration("", json!({})), "node_id"),
        (
            registration("w", json!({"capabilities": {"max_concurrent_tasks": "many"}})),
            "max_concurrent_tasks",
        ),
    ] {
        let answer = peer.call("node:register", payload.clone()).await;
        assert_eq!(answer["ok"], false, "{payload}");
        assert!(answer["message"].as_str().unwrap().contains(named), "{payload}: {answer}");
    }
    let answer = peer.call("task:complete", json!({})).await;
    assert_eq!(answer["code"], "GZ7004", "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("task:completed"), "{answer}");
    let answer = peer.call("task:completed", json!({"task_id": "t"})).await;
    assert_eq!(answer["code"], "GZ7020", "{answer}");
    peer.emit("no:such:event", json!({})).await;
    assert_eq!(peer.next("error").await["event"], "no:such:event");
    let large = "x".repeat(MESSAGE_BYTES);
    let answer = peer.call("task:completed", json!({"task_id": "t", "result": large})).await;
    assert_eq!(answer["code"], "GZ7002", "{answer}");
    // Whoever registered as one worker is not another one.
    assert_eq!(peer.call("node:register", registration("w1", json!({}))).await["ok"], true);
    let answer = peer.call("node:register", registration("w2", json!({}))).await;
    assert!(answer["message"].as_str().unwrap().contains("w1"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goodbye_frees_its_tasks_at_once_and_a_cut_does_not() {
    let house = House::new().await;
    let mut first = house.worker("first", json!({"active": []})).await;
    let mut submitter = house.peer().await;
    assert_eq!(submitter.submit("w", json!([wire_task("t", &[])])).await["ok"], true);
    let old = first.next("task:assign").await;
    first.call("task:accepted", report(&old, json!({}))).await;
    let network = Network::to(&house.url).await;
    let mut second = Peer::connect(&network.url).await;
    second.call("node:register", registration("second", json!({"active": []}))).await;
    first.socket.close().await;
    let new = second.next("task:assign").await;
    assert_eq!((&new["task_id"], &new["attempt"]), (&json!("t"), &json!(2)));
    let told = submitter.next("external_service:disconnected").await;
    assert_eq!(
        (&told["service_id"], &told["capabilities"]),
        (&json!("first"), &json!(["custom_processing"]))
    );

    // A socket that is simply gone keeps its task for a while, and finds it again.
    second.call("task:accepted", report(&new, json!({}))).await;
    network.cut();
    submitter.next_where("external_service:disconnected", |told| told["service_id"] == "second").await;
    let mut back = house.peer().await;
    let active = json!({"active": [{"task_id": "t", "workflow_id": "w", "attempt": 2}]});
    let answer = back.call("node:register", registration("second", active)).await;
    assert_eq!(answer["held"], json!(["t"]), "{answer}");
    assert_eq!(back.call("task:completed", report(&new, json!({"result": 2}))).await["ok"], true);
    assert_eq!(submitter.next("task:completed").await["result"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_connection_of_a_worker_takes_over() {
    let house = House::new().await;
    let mut old = house.worker("twin", json!({})).await;
    let mut new = house.worker("twin", json!({})).await;
    old.gone().await;
    new.submit("w", json!([wire_task("t", &[])])).await;
    assert_eq!(new.next("task:assign").await["task_id"], "t");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_names_the_task_its_workflow_and_the_attempt() {
    let house = House::new().await;
    let mut worker = house.worker("w1", json!({"active": []})).await;
    let mut submitter = house.peer().await;
    for workflow in ["red", "blue"] {
        assert_eq!(submitter.submit(workflow, json!([wire_task("task_1", &[])])).await["ok"], true);
        let assigned = worker.next("task:assign").await;
        worker.call("task:accepted", report(&assigned, json!({}))).await;
    }
    assert_eq!(submitter.call("workflow:cancel", json!({"workflow_id": "red"})).await["ok"], true);
    let cancel = worker.next("task:cancel").await;
    assert_eq!(cancel, json!({"task_id": "task_1", "workflow_id": "red", "attempt": 1}));
    assert_eq!(submitter.next("workflow:cancelled").await["workflow_id"], "red");
    let confirmed =
        json!({"task_id": "task_1", "workflow_id": "red", "attempt": 1, "error": "Task cancelled"});
    assert_eq!(worker.call("task:failed", confirmed).await["ok"], true);
    let again = submitter.call("workflow:cancel", json!({"workflow_id": "red"})).await;
    assert_eq!(again["ok"], false, "{again}");
}

/// A worker that declares nothing and sends attempt numbers gets the same task back at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_attempt_numbers_fences() {
    let house = House::new().await;
    for (name, fences) in [("plain", false), ("fencing", true)] {
        let mut worker = house.worker(name, json!({})).await;
        let mut submitter = house.peer().await;
        let mut task = wire_task("t", &[]);
        task["timeout"] = json!(0.2);
        task["max_retries"] = json!(3);
        task["parameters"]["service_name"] = json!(name);
        let answer = submitter.submit(name, json!([task])).await;
        assert_eq!(answer["ok"], true, "{answer}");
        let assigned = worker.next("task:assign").await;
        let mut accepted = report(&assigned, json!({}));
        if !fences {
            accepted.as_object_mut().unwrap().remove("attempt");
        }
        assert_eq!(worker.call("task:accepted", accepted).await["ok"], true);
        // The run timeout ends the attempt, and the backoff of the retry is a second.
        worker.next("task:cancel").await;
        if fences {
            worker.next("task:assign").await;
        } else {
            house.until_told(name, "earlier_attempt").await;
            assert!(!worker.names_seen().await.contains(&"task:assign".to_owned()));
        }
        submitter.call("workflow:cancel", json!({"workflow_id": name})).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capacity_is_capped_and_a_result_too_large_ends_its_task() {
    let limits = Limits { worker_capacity_max: 2, result_bytes_max: 100, ..Limits::default() };
    let house = House::with(None, limits).await;
    let greedy =
        json!({"capabilities": {"task_types": ["external_custom"], "max_concurrent_tasks": 1_000_000}});
    let mut worker = house.worker("greedy", greedy).await;
    let mut submitter = house.peer().await;
    let tasks: Vec<Value> = (0..5).map(|n| wire_task(&format!("t{n}"), &[])).collect();
    submitter.submit("w", json!(tasks)).await;
    let first = worker.next("task:assign").await;
    worker.next("task:assign").await;
    assert!(!worker.names_seen().await.contains(&"task:assign".to_owned()));
    let large = report(&first, json!({"result": "x".repeat(200)}));
    let answer = worker.call("task:completed", large.clone()).await;
    assert_eq!((&answer["code"], &answer["retryable"]), (&json!("GZ7002"), &json!(false)), "{answer}");
    // Without an acknowledgement the task fails, so that it does not wait for its timeout.
    worker.emit("task:completed", large).await;
    let failed = submitter.next("task:failed").await;
    assert_eq!((&failed["task_id"], &failed["retry_count"]), (&first["task_id"], &json!(0)), "{failed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_those_who_asked_hear_of_a_restart() {
    use gleitzeit::socket::Farewell;

    let house = House::new().await;
    let mut aware = house.worker("aware", json!({"restart_aware": true})).await;
    let mut unaware = house.worker("unaware", json!({})).await;
    house.sockets.farewell(Farewell::Restart).await;
    assert_eq!(aware.next("cluster:shutdown").await["restart"], true);
    assert!(!unaware.names_seen().await.contains(&"cluster:shutdown".to_owned()));
    house.sockets.farewell(Farewell::WithServices).await;
    assert_eq!(unaware.next("cluster:shutdown").await["restart"], false);
    assert_eq!(house.sockets.connected_clients(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_and_status_are_answered() {
    let house = House::new().await;
    let mut observer = house.peer().await;
    let mut worker: Peer = house.worker("w1", json!({})).await;
    let beat = json!({"node_id": "w1", "status": "ready", "active_tasks": 0, "task_metrics": {"t": 1.5}});
    assert_eq!(worker.call("node:heartbeat", beat).await["ok"], true);
    let metrics = observer.next("monitor:task_metrics").await;
    assert_eq!((&metrics["node_id"], &metrics["task_metrics"]), (&json!("w1"), &json!({"t": 1.5})));
    assert_eq!(worker.call("node:status", json!({"status": "draining"})).await["ok"], true);
    let change = observer.next("node:status_change").await;
    assert_eq!((&change["old_status"], &change["new_status"]), (&json!("healthy"), &json!("draining")));
    let answer = worker.call("node:status", json!({"status": "sleepy"})).await;
    assert!(answer["message"].as_str().unwrap().contains("sleepy"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_fence_is_sent_one_task_of_an_id_at_a_time() {
    let house = House::new().await;
    let mut worker = house.worker("both", json!({})).await;
    let mut submitter = house.peer().await;
    for workflow in ["w1", "w2"] {
        let answer = submitter.submit(workflow, json!([wire_task("task_1", &[])])).await;
        assert_eq!(answer["ok"], true, "{answer}");
    }
    for workflow in ["w1", "w2"] {
        assert_eq!(worker.next("task:assign").await["workflow_id"], workflow);
        // It knows the task by nothing else, and needs to say nothing else.
        let answer = worker.call("task:accepted", json!({"task_id": "task_1"})).await;
        assert_eq!(answer["ok"], true, "{answer}");
        assert!(!worker.names_seen().await.contains(&"task:assign".to_owned()), "both at once");
        let answer = worker.call("task:completed", json!({"task_id": "task_1", "result": workflow})).await;
        assert_eq!(answer["ok"], true, "{answer}");
        let told = submitter.next("task:completed").await;
        assert_eq!((&told["workflow_id"], &told["result"]), (&json!(workflow), &json!(workflow)));
    }
}
