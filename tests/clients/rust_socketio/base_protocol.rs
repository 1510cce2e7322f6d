//! The base protocol with `rust_socketio`, by websocket and by polling alone.
//!
//! What the crate cannot do, and what is therefore not shown:
//! - leave by `disconnect` and come back with the same client. By websocket it connects again unasked; by polling
//!   its thread turns without a pause until the process ends. So a service that comes back has lost its connection.
//! - hear an event without a payload, whose name it takes for the payload of a `message`. The server sends none.
//! - keep what is emitted while there is no connection: `emit` refuses it, and the service has to try again.

mod peer;
mod server;

use peer::{Handler, Peer, report};
use rust_socketio::TransportType;
use serde_json::{Value, json};
use server::{Network, Server};

/// Enough for an outage that polling notices: one request that fails is a poll, two more are the crate's farewell, and
/// each may be tried twice. The others are attempts to connect.
const CONNECTIONS_LOST: usize = 8;

/// One server, and somebody who was there before everything else.
struct House {
    server: Server,
    transport: TransportType,
    observer: Peer,
}

impl House {
    fn open(transport: TransportType) -> Self {
        let server = Server::start();
        let observer = Peer::client(&server.url, &transport);
        Self { server, transport, observer }
    }

    fn service(&self, id: &str, handler: Handler) -> Peer {
        self.service_at(&self.server.url, id, handler)
    }

    /// A service that the observer knows to be registered.
    fn service_at(&self, url: &str, id: &str, handler: Handler) -> Peer {
        let service = Peer::service(url, &self.transport, id, handler);
        let registered = self.observer.next("external_service:registered");
        assert_eq!(registered["service_id"], id);
        assert_eq!(registered["service_name"], format!("{id} service"));
        assert_eq!(registered["node_type"], "external_service");
        assert_eq!(registered["capabilities"], json!(["custom_processing"]));
        assert_eq!(registered["max_concurrent_tasks"], 10);
        service
    }

    fn submit(&self, workflow: &str, tasks: &[Value]) {
        let payload = json!({"workflow_id": workflow, "name": "base", "tasks": tasks, "metadata": {}});
        self.observer.emit("workflow:submit", payload);
        let started = self.observer.next("workflow:started");
        assert_eq!((&started["workflow_id"], &started["name"]), (&json!(workflow), &json!("base")));
        assert_eq!(started["total_tasks"], tasks.len());
    }

    fn status(&self, workflow: &str) -> Value {
        self.observer.emit("workflow:status", json!({"workflow_id": workflow}));
        let answer = self.observer.next("workflow:status_response");
        assert_eq!(answer["workflow_id"], workflow);
        answer["status"].clone()
    }
}

fn task(id: &str, input: &Value, dependencies: &[&str]) -> Value {
    json!({
        "task_id": id,
        "task_type": "external_custom",
        "priority": "normal",
        "parameters": {"external_task_type": "custom_processing", "external_parameters": input},
        "dependencies": dependencies,
        "timeout": 60,
    })
}

/// Accepts, says that it is half way, and gives back what it was given.
fn echo(task: &Value, emit: &dyn Fn(&str, Value)) {
    assert_eq!(task["external_parameters"], task["parameters"]["external_parameters"]);
    hold(task, emit);
    emit("task:progress", report(task, "worker", json!({"progress": 50, "message": "half way"})));
    emit("task:completed", report(task, "worker", json!({"result": {"echo": task["external_parameters"]}})));
}

/// Accepts, and leaves the rest to the test.
fn hold(task: &Value, emit: &dyn Fn(&str, Value)) {
    emit("task:accepted", report(task, "worker", json!({})));
}

fn the_submitter_is_told_every_step_and_nobody_else_is(transport: TransportType) {
    let house = House::open(transport);
    let outsider = Peer::client(&house.server.url, &house.transport);
    let _worker = house.service("worker", echo);
    house.submit("told", &[task("a", &json!({"step": "a"}), &[]), task("b", &json!({"step": "b"}), &["a"])]);
    for (id, percentage) in [("a", 50.0), ("b", 100.0)] {
        let progress = house.observer.next("task:progress");
        assert_eq!((&progress["task_id"], &progress["workflow_id"]), (&json!(id), &json!("told")));
        assert_eq!((&progress["progress"], &progress["message"]), (&json!(50), &json!("half way")));
        let done = house.observer.next("task:completed");
        assert_eq!((&done["task_id"], &done["workflow_id"]), (&json!(id), &json!("told")));
        assert_eq!(done["result"], json!({"echo": {"step": id}}));
        assert!(done["execution_time"].as_f64().unwrap() >= 0.0);
        house.observer.next_where("workflow:progress", |told| {
            told["workflow_id"] == "told" && told["progress_percentage"].as_f64() == Some(percentage)
        });
    }
    let ended = house.observer.next("workflow:completed");
    assert_eq!((&ended["workflow_id"], &ended["status"]), (&json!("told"), &json!("completed")));
    assert_eq!((&ended["completed_tasks"], &ended["failed_tasks"]), (&json!(2), &json!(0)));
    let status = house.status("told");
    assert_eq!((&status["id"], &status["name"]), (&json!("told"), &json!("base")));
    assert_eq!((&status["status"], &status["completed_tasks"]), (&json!("completed"), &json!(2)));
    // Its own answer comes after whatever it was told before.
    outsider.emit("cluster:stats", json!({"request_id": "last"}));
    assert_eq!(outsider.next("cluster:stats_response")["request_id"], "last");
    assert!(!outsider.heard("workflow:") && !outsider.heard("task:"), "only the submitter is in the room");
    house.server.stop();
}

fn a_cancel_reaches_whoever_runs_the_task(transport: TransportType) {
    let house = House::open(transport);
    let worker = house.service("worker", hold);
    house.submit("called off", &[task("a", &json!({}), &[])]);
    let assigned = worker.next("task:assign");
    house.observer.emit("workflow:cancel", json!({"workflow_id": "called off"}));
    assert_eq!(worker.next("task:cancel")["task_id"], assigned["task_id"]);
    worker.emit("task:failed", report(&assigned, "worker", json!({"error": "Task cancelled"})));
    assert_eq!(house.observer.next("workflow:cancelled")["workflow_id"], "called off");
    assert_eq!(house.status("called off")["status"], "cancelled");
    house.server.stop();
}

fn a_megabyte_in_both_directions(transport: TransportType) {
    let house = House::open(transport);
    let worker = house.service("worker", echo);
    // Ten bytes, of one to four each.
    let text = "ä€𝄞x".repeat(100_000);
    let again = json!({"text": "{{a.result.echo.text}}"});
    house.submit("large", &[task("a", &json!({"text": text}), &[]), task("b", &again, &["a"])]);
    for id in ["a", "b"] {
        // Not by assert_eq, which would print it.
        assert!(
            worker.next("task:assign")["external_parameters"]["text"] == *text,
            "{id} was assigned whole"
        );
        let done = house.observer.next_where("task:completed", |done| done["task_id"] == id);
        assert!(done["result"]["echo"]["text"] == *text, "{id} came back whole");
    }
    assert_eq!(house.observer.next("workflow:completed")["status"], "completed");
    house.server.stop();
}

fn a_service_that_loses_its_connection_comes_back_with_what_it_holds(transport: TransportType) {
    let house = House::open(transport);
    let network = Network::before(&house.server);
    let worker = house.service_at(&network.url, "worker", hold);
    house.submit("held", &[task("a", &json!({}), &[])]);
    let assigned = worker.next("task:assign");
    worker.next("authenticated");
    network.lose(CONNECTIONS_LOST);
    // The crate connects again by itself, and the service repeats its opening.
    worker.next("authenticated");
    assert!(network.is_whole(), "it came back after the outage");
    assert_eq!(house.observer.next("external_service:registered")["service_id"], "worker");
    worker.emit("task:completed", report(&assigned, "worker", json!({"result": "held through it"})));
    assert_eq!(house.observer.next("task:completed")["result"], "held through it");
    assert_eq!(house.observer.next("workflow:completed")["status"], "completed");
    assert!(!worker.heard("task:assign"), "it was assigned once");
    // Last, since by polling the crate's thread asks the closed connection for packets without a pause from here on.
    worker.disconnect();
    assert_eq!(house.observer.next("external_service:disconnected")["service_id"], "worker");
    house.server.stop();
}

fn a_restart_of_the_server_ends_no_client(transport: TransportType) {
    let mut house = House::open(transport);
    let worker = house.service("worker", echo);
    worker.next("authenticated");
    house.server.restart();
    worker.next("authenticated");
    house.observer.next("authenticated");
    house.submit("after it", &[task("a", &json!({"step": "a"}), &[])]);
    assert_eq!(house.observer.next("task:completed")["result"], json!({"echo": {"step": "a"}}));
    assert!(!worker.heard("cluster:shutdown"), "it would have stopped for good");
    house.server.stop();
}

fn monitors_are_fed_until_they_have_enough(transport: TransportType) {
    let house = House::open(transport);
    let worker = house.service("worker", echo);
    worker.emit(
        "node:heartbeat",
        json!({
            "node_id": "worker", "service_name": "worker service", "status": "ready", "node_type": "external_service",
            "active_tasks": 0, "max_tasks": 10, "tasks_completed": 7, "tasks_failed": 1, "uptime_seconds": 5,
            "capabilities": ["custom_processing"], "timestamp": "2026-01-01T00:00:00",
        }),
    );
    let monitor = &house.observer;
    monitor.emit("monitor:subscribe", json!({"types": ["all"]}));
    let initial = monitor.next("monitor:initial_metrics");
    assert_eq!(initial["update_interval_seconds"], 2.0);
    monitor.next("monitor:subscribed");
    let shown = |update: &Value| {
        let nodes = update["node_metrics"].as_array().cloned().unwrap_or_default();
        nodes.into_iter().find(|node| node["node_id"] == "worker").unwrap_or_default()
    };
    let update = monitor.next_where("monitor:metrics_update", |update| shown(update)["tasks_completed"] == 7);
    assert_eq!((&shown(&update)["max_tasks"], &shown(&update)["tasks_failed"]), (&json!(10), &json!(1)));
    assert_eq!(update["cluster_metrics"]["external_service_nodes"], 1);
    monitor.emit("monitor:get_metrics", json!({"type": "all", "history_minutes": 5}));
    let answer = monitor.next("monitor:metrics_response");
    assert_eq!(answer["current_metrics"]["queue_metrics"]["total_queued"], 0);
    assert!(answer["historical_metrics"].is_array());
    monitor.emit("monitor:unsubscribe", json!({}));
    monitor.next("monitor:unsubscribed");
    monitor.emit("cluster:stats", json!({"request_id": "r1"}));
    let stats = monitor.next("cluster:stats_response");
    assert_eq!((&stats["request_id"], &stats["external_services"]), (&json!("r1"), &json!(1)));
    assert_eq!((&stats["connected_clients"], &stats["executor_nodes"]), (&json!(2), &json!(0)));
    house.server.stop();
}

macro_rules! by_each_transport {
    ($($story:ident)*) => {
        mod websocket { $(#[test] fn $story() { super::$story(super::TransportType::Websocket); })* }
        mod polling { $(#[test] fn $story() { super::$story(super::TransportType::Polling); })* }
    };
}

by_each_transport! {
    the_submitter_is_told_every_step_and_nobody_else_is
    a_cancel_reaches_whoever_runs_the_task
    a_megabyte_in_both_directions
    a_service_that_loses_its_connection_comes_back_with_what_it_holds
    a_restart_of_the_server_ends_no_client
    monitors_are_fed_until_they_have_enough
}
