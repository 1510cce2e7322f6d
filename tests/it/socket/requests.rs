//! Authentication, submissions and questions.

use serde_json::{Value, json};

use super::house::{House, registration, report, wire_task};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_may_do_nothing_but_authenticate() {
    let house = House::guarded("gzt_right").await;
    let mut stranger = house.peer().await;
    let tasks = json!({"workflow_id": "w", "name": "w", "tasks": [wire_task("t", &[])]});
    for (event, payload) in [
        ("node:register", registration("intruder", json!({}))),
        ("node:heartbeat", json!({"node_id": "intruder"})),
        ("task:completed", json!({"task_id": "t", "result": 1})),
        ("workflow:submit", tasks),
        ("workflow:status", json!({"workflow_id": "w"})),
        ("cluster:stats", json!({})),
        ("monitor:subscribe", json!({})),
        ("watch", json!({})),
        ("no:such:event", json!({})),
    ] {
        let answer = stranger.call(event, payload).await;
        assert_eq!((&answer["ok"], &answer["code"]), (&json!(false), &json!("GZ4001")), "{event}: {answer}");
    }
    stranger.emit("cluster:stats", json!({})).await;
    stranger.next("authentication_failed").await;
    for token in [json!("gzt_righ"), json!("gzt_right1"), json!(""), Value::Null, json!(5), json!({"a": 1})] {
        stranger.emit("authenticate", json!({"token": token})).await;
        let refusal = stranger.next("authentication_failed").await;
        assert!(!refusal.to_string().contains("gzt_right"), "{refusal}");
    }
    // Others come and go, and nobody tells a stranger.
    let mut insider = house.peer().await;
    insider.emit("authenticate", json!({"token": "gzt_right", "client_type": "external_service"})).await;
    assert_eq!(insider.next("authenticated").await["success"], true);
    insider.call("node:register", registration("w1", json!({}))).await;
    insider.next("external_service:registered").await;
    assert_eq!(stranger.call("authenticate", json!({"token": "gzt_right"})).await["ok"], true);
    stranger.next("authenticated").await;
    assert_eq!(stranger.names_seen().await, ["cluster:stats_response"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_wrong_tokens_are_enough() {
    let house = House::guarded("gzt_right").await;
    let mut stranger = house.peer().await;
    for _ in 0..10 {
        stranger.emit("authenticate", json!({"token": "wrong"})).await;
    }
    stranger.gone().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_is_told_to_its_submitter_step_by_step() {
    let house = House::new().await;
    let mut worker = house.worker("w1", json!({})).await;
    let (mut submitter, mut outsider) = (house.peer().await, house.peer().await);
    let tasks = json!([wire_task("a", &[]), wire_task("b", &["a"])]);
    submitter.emit("workflow:submit", json!({"workflow_id": "w", "name": "two steps", "tasks": tasks})).await;
    let started = submitter.next("workflow:started").await;
    assert_eq!((&started["workflow_id"], &started["name"]), (&json!("w"), &json!("two steps")));
    assert_eq!(started["total_tasks"], 2);
    for (step, percentage) in [("a", 50), ("b", 100)] {
        let assigned = worker.next("task:assign").await;
        worker.call("task:accepted", report(&assigned, json!({}))).await;
        worker.emit("task:progress", report(&assigned, json!({"progress": 30.0, "message": "m"}))).await;
        let progress = submitter.next("task:progress").await;
        assert_eq!((&progress["task_id"], &progress["progress"]), (&json!(step), &json!(30)));
        worker.call("task:completed", report(&assigned, json!({"result": {"n": step}}))).await;
        let done = submitter.next("task:completed").await;
        assert_eq!((&done["task_id"], &done["workflow_id"]), (&json!(step), &json!("w")));
        assert_eq!(done["result"], json!({"n": step}));
        assert!(done["execution_time"].as_f64() >= Some(0.0) && done["timestamp"].is_string());
        let told = submitter.next("workflow:progress").await;
        assert_eq!(told["progress_percentage"], percentage);
    }
    let ended = submitter.next("workflow:completed").await;
    assert_eq!((&ended["status"], &ended["completed_tasks"]), (&json!("completed"), &json!(2)));
    let others = outsider.names_seen().await;
    assert!(
        !others.iter().any(|name| name.starts_with("workflow:") || name.starts_with("task:")),
        "{others:?}"
    );

    outsider.emit("workflow:status", json!({"workflow_id": "w"})).await;
    let status = outsider.next("workflow:status_response").await["status"].clone();
    assert_eq!((&status["id"], &status["status"]), (&json!("w"), &json!("completed")), "{status}");
    assert_eq!((&status["total_tasks"], &status["completed_tasks"]), (&json!(2), &json!(2)));
    let answer = outsider.call("workflow:status", json!({"workflow_id": "unheard of"})).await;
    assert_eq!(answer["code"], "GZ3002", "{answer}");

    // Sent again, it is the same workflow, and whoever asks hears how it ended.
    let same = json!({"workflow_id": "w", "name": "two steps", "tasks": tasks});
    outsider.emit("workflow:submit", same).await;
    outsider.next("workflow:started").await;
    assert_eq!(outsider.next("workflow:completed").await["status"], "completed");
    let other = outsider.submit("w", json!([wire_task("c", &[])])).await;
    assert_eq!((&other["ok"], &other["code"]), (&json!(false), &json!("GZ3006")), "{other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_submission_says_why_and_of_which_workflow() {
    let house = House::new().await;
    let mut submitter = house.peer().await;
    let circle = json!([wire_task("a", &["b"]), wire_task("b", &["a"])]);
    let answer = submitter.submit("w", circle.clone()).await;
    assert_eq!((&answer["ok"], &answer["code"]), (&json!(false), &json!("GZ3003")), "{answer}");
    submitter.emit("workflow:submit", json!({"workflow_id": "w", "name": "w", "tasks": circle})).await;
    let error = submitter.next("error").await;
    assert_eq!((&error["event"], &error["code"]), (&json!("workflow:submit"), &json!("GZ3003")), "{error}");
    assert!(submitter.submit("", json!([])).await["message"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_one_client_keep_their_order() {
    let house = House::new().await;
    let mut client = house.peer().await;
    let tasks: Vec<Value> = (0..2_000).map(|n| wire_task(&format!("task {n}"), &[])).collect();
    client.emit("workflow:submit", json!({"workflow_id": "large", "name": "large", "tasks": tasks})).await;
    client.emit("workflow:cancel", json!({"workflow_id": "large"})).await;
    let status = client.call("workflow:status", json!({"workflow_id": "large"})).await;
    assert_eq!(status["status"]["status"], "cancelled", "{status}");
    client.next("workflow:started").await;
    client.next("workflow:cancelled").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_numbers_with_and_without_nodes() {
    let house = House::new().await;
    let mut monitor = house.peer().await;
    let before = monitor.call("monitor:get_metrics", json!({"type": "all"})).await;
    check_metrics(&before["current_metrics"], 0);
    let mut worker = house.worker("w1", json!({})).await;
    let beat = json!({"status": "ready", "active_tasks": 0, "tasks_completed": 41, "tasks_failed": 7});
    worker.call("node:heartbeat", beat).await;
    monitor.emit("monitor:subscribe", json!({"types": ["all"]})).await;
    let initial = monitor.next("monitor:initial_metrics").await;
    check_metrics(&initial["metrics"], 1);
    assert_eq!(initial["update_interval_seconds"], 2.0);
    let node = &initial["metrics"]["node_metrics"][0];
    assert_eq!((&node["tasks_completed"], &node["tasks_failed"]), (&json!(41), &json!(7)), "{node}");
    monitor.next("monitor:subscribed").await;
    check_metrics(&monitor.next("monitor:metrics_update").await, 1);
    let response = monitor.call("monitor:get_metrics", json!({"history_minutes": 5})).await;
    assert!(!response["historical_metrics"].as_array().unwrap().is_empty(), "{response}");
    monitor.call("monitor:unsubscribe", json!({})).await;
    let stats = monitor.call("cluster:stats", json!({"request_id": "r1"})).await;
    assert_eq!((&stats["connected_clients"], &stats["external_services"]), (&json!(2), &json!(1)), "{stats}");
    assert_eq!((&stats["request_id"], &stats["active_workflows"]), (&json!("r1"), &json!(0)));
    let answer = monitor.call("monitor:subscribe", json!({"types": ["node_metric"]})).await;
    assert!(answer["message"].as_str().unwrap().contains("node_metrics"), "{answer}");
}

fn check_metrics(metrics: &Value, nodes: usize) {
    assert!(!has_null(metrics), "{metrics}");
    assert_eq!(metrics["node_metrics"].as_array().unwrap().len(), nodes, "{metrics}");
    assert_eq!(metrics["cluster_metrics"]["external_service_nodes"], nodes);
    let system = &metrics["system_metrics"];
    for figure in ["server_cpu", "server_memory", "server_disk"] {
        assert!((0.0..=100.0).contains(&system[figure].as_f64().unwrap()), "{system}");
    }
    assert!(
        system["server_memory"].as_f64() > Some(0.0) && system["server_disk"].as_f64() > Some(0.0),
        "{system}"
    );
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
