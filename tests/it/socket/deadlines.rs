//! The times that a task has, drain, and functions of an executor node: the real binary on one side of the wire, and
//! workers that do as they are told on the other.

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::house::{Peer, registration, report};
use crate::harness::{PATIENCE, Rest, Server, until};

struct Scene {
    server: Server,
    rest: Rest,
    _folder: TempDir,
}

impl Scene {
    /// `limits` are lines of the `[limits]` table.
    fn new(limits: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = folder.path().join("gleitzeit.toml");
        std::fs::write(&settings, format!("[limits]\n{limits}\n")).unwrap();
        let flags = ["--config", settings.to_str().unwrap()];
        let server = block_in_place(|| Server::start(&folder.path().join("data"), &flags));
        let rest = server.rest();
        Self { server, rest, _folder: folder }
    }

    async fn worker(&self, id: &str, slots: u32) -> Peer {
        let mut peer = Peer::connect(&self.server.url()).await;
        let capabilities = json!({
            "task_types": ["external_custom"], "service_capabilities": ["custom_processing"],
            "external_service": true, "max_concurrent_tasks": slots,
        });
        let answer =
            peer.call("node:register", registration(id, json!({"capabilities": capabilities}))).await;
        assert_eq!(answer["ok"], true, "{answer}");
        peer
    }

    fn submit(&self, body: &Value) -> String {
        let answer = block_in_place(|| self.rest.post("/workflows", &[], body)).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    fn task(&self, workflow: &str, index: usize) -> Value {
        block_in_place(|| self.rest.read(&format!("/tasks/{workflow}.{index}")))
    }

    fn why(&self, workflow: &str, index: usize) -> Value {
        block_in_place(|| self.rest.read(&format!("/tasks/{workflow}.{index}/why")))
    }

    fn until_kind(&self, workflow: &str, index: usize, kind: &str) -> Value {
        block_in_place(|| {
            until(&format!("task {index} waits for {kind}"), PATIENCE, || {
                let why = self.rest.read(&format!("/tasks/{workflow}.{index}/why"));
                (why["reasons"][0]["kind"] == kind).then_some(why)
            })
        })
    }

    fn ended(&self, workflow: &str) -> Value {
        block_in_place(|| {
            until("the end of the workflow", PATIENCE, || {
                let found = self.rest.read(&format!("/workflows/{workflow}"));
                let status = found["status"].as_str().unwrap();
                ["completed", "failed", "cancelled"].contains(&status).then_some(found)
            })
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "fields are made in place")]
fn task(name: &str, more: Value) -> Value {
    let mut task = json!({"name": name, "external": "custom", "max_retries": 0});
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
}

async fn accept(worker: &mut Peer, assigned: &Value) {
    let answer = worker.call("task:accepted", report(assigned, json!({}))).await;
    assert_eq!(answer["ok"], true, "{answer}");
}

async fn complete(worker: &mut Peer, assigned: &Value) -> Value {
    worker.call("task:completed", report(assigned, json!({"result": "done"}))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_no_worker_takes_in_time_fails_and_is_never_sent() {
    let scene = Scene::new("");
    let mut worker = scene.worker("w1", 1).await;
    let id = scene.submit(&json!({"name": "w", "tasks": [
        task("holds", json!({})), task("waits", json!({"queue_timeout_seconds": 0.3})),
        task("after", json!({"dependencies": ["waits"]})),
    ]}));
    let holds = worker.next("task:assign").await;
    assert_eq!(holds["task_name"], "holds");
    accept(&mut worker, &holds).await;
    let waits = block_in_place(|| {
        until("the queue timeout", PATIENCE, || {
            let found = scene.rest.read(&format!("/tasks/{id}.1"));
            (found["status"] == "failed").then_some(found)
        })
    });
    assert_eq!((&waits["error"]["code"], &waits["attempt"]), (&json!("GZ2003"), &json!(0)), "{waits}");
    assert!(waits["error"]["message"].as_str().unwrap().contains("busy: w1 (1 of 1 slots, full)"), "{waits}");
    assert_eq!(scene.task(&id, 2)["status"], "skipped");
    assert_eq!(complete(&mut worker, &holds).await["ok"], true);
    let ended = scene.ended(&id);
    assert_eq!((&ended["status"], &ended["completed_tasks"]), (&json!("failed"), &json!(1)), "{ended}");
    assert!(!worker.names_seen().await.contains(&"task:assign".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_runs_too_long_is_stopped_and_its_late_result_refused() {
    let scene = Scene::new("");
    let mut worker = scene.worker("w1", 1).await;
    let retry = json!({"max_attempts": 2, "strategy": "fixed", "base_delay": 0.05});
    let id = scene.submit(&json!({"name": "w", "tasks": [
        {"name": "slow", "external": "custom", "timeout": 0.5, "retry": retry},
    ]}));
    let first = worker.next("task:assign").await;
    assert_eq!(first["timeout"], 0.5, "{first}");
    accept(&mut worker, &first).await;
    assert_eq!(worker.next("task:cancel").await["task_id"], first["task_id"]);
    let late = complete(&mut worker, &first).await;
    assert_eq!((&late["ok"], &late["retryable"]), (&json!(false), &json!(false)), "{late}");
    // The report has freed the slot, and the second try has the whole time again.
    let second = worker.next("task:assign").await;
    assert_eq!(second["attempt"], 2, "{second}");
    accept(&mut worker, &second).await;
    worker.next("task:cancel").await;
    assert_eq!(scene.ended(&id)["status"], "failed");
    let slow = scene.task(&id, 0);
    assert_eq!((&slow["error"]["code"], &slow["failures"]), (&json!("GZ2002"), &json!(2)), "{slow}");
    assert!(slow["result"].is_null(), "{slow}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_that_runs_too_long_ends_as_a_whole() {
    let scene = Scene::new("");
    let mut worker = scene.worker("w1", 1).await;
    let id = scene.submit(&json!({"name": "w", "timeout_seconds": 8, "tasks": [
        task("quick", json!({})), task("runs", json!({"dependencies": ["quick"]})),
        task("waits", json!({"dependencies": ["quick"]})), task("after", json!({"dependencies": ["runs"]})),
    ]}));
    let quick = worker.next("task:assign").await;
    accept(&mut worker, &quick).await;
    let answer = complete(&mut worker, &quick).await;
    let runs = worker.next("task:assign").await;
    accept(&mut worker, &runs).await;
    assert_eq!(worker.next("task:cancel").await["task_id"], runs["task_id"]);
    assert_eq!(scene.ended(&id)["status"], "failed");
    assert_eq!(answer["ok"], true, "the first task was in time: {answer}");
    assert_eq!(scene.task(&id, 0)["status"], "completed", "what had ended stays so");
    for index in 1..4 {
        let found = scene.task(&id, index);
        assert_eq!(found["error"]["code"], "GZ3004", "{found}");
    }
    assert_eq!(complete(&mut worker, &runs).await["ok"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_not_accepted_goes_to_somebody_else() {
    let scene = Scene::new("accept_timeout_seconds = 3");
    let mut silent = scene.worker("silent", 2).await;
    let id = scene.submit(&json!({"name": "w", "tasks": [task("t", json!({}))]}));
    let first = silent.next("task:assign").await;
    let mut willing = scene.worker("willing", 2).await;
    let second = willing.next("task:assign").await;
    assert_eq!((&first["attempt"], &second["attempt"]), (&json!(1), &json!(2)));
    accept(&mut willing, &second).await;
    let late = silent.call("task:accepted", report(&first, json!({}))).await;
    assert_eq!((&late["ok"], &late["retryable"]), (&json!(false), &json!(false)), "{late}");
    assert_eq!(silent.next("task:cancel").await["task_id"], first["task_id"], "what it began it has to stop");
    assert_eq!(complete(&mut willing, &second).await["ok"], true);
    assert_eq!(scene.ended(&id)["status"], "completed");
    let done = scene.task(&id, 0);
    assert_eq!((&done["failures"], &done["attempts"][0]["code"]), (&json!(0), &json!("GZ2015")), "{done}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_drains_ends_what_it_has_and_gets_nothing_new() {
    let scene = Scene::new("");
    let mut worker = scene.worker("w1", 5).await;
    let id = scene.submit(&json!({"name": "w", "tasks": [
        task("before", json!({})), task("after", json!({"dependencies": ["before"]})),
    ]}));
    let before = worker.next("task:assign").await;
    accept(&mut worker, &before).await;
    let drained = worker.call("node:status", json!({"node_id": "w1", "status": "draining"})).await;
    assert_eq!(drained["ok"], true, "{drained}");
    assert_eq!(complete(&mut worker, &before).await["ok"], true, "leases are kept until they are done");
    let why = scene.until_kind(&id, 1, "workers_busy");
    assert!(why["summary"].as_str().unwrap().contains("w1 (0 of 5 slots, not taking work)"), "{why}");
    assert!(!worker.names_seen().await.contains(&"task:assign".to_owned()));
    worker.call("node:status", json!({"node_id": "w1", "status": "ready"})).await;
    let after = worker.next("task:assign").await;
    accept(&mut worker, &after).await;

    // An operator drains it as well, and that outlives what the worker says of itself.
    let next = scene.submit(&json!({"name": "w", "tasks": [task("held back", json!({}))]}));
    let again = worker.next("task:assign").await;
    worker.call("task:failed", report(&again, json!({"error": "Service at capacity"}))).await;
    block_in_place(|| scene.rest.post("/services/w1/drain", &[], &json!({}))).unwrap();
    worker.call("node:status", json!({"node_id": "w1", "status": "ready"})).await;
    assert_eq!(complete(&mut worker, &after).await["ok"], true);
    assert_eq!(scene.ended(&id)["status"], "completed");
    scene.until_kind(&next, 0, "workers_busy");
    block_in_place(|| scene.rest.post("/services/w1/resume", &[], &json!({}))).unwrap();
    assert_eq!(worker.next("task:assign").await["task_name"], "held back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_the_server_lacks_waits_for_a_node_that_has_it() {
    let scene = Scene::new("");
    let id = scene.submit(&json!({"name": "w", "tasks": [
        {"name": "count", "function": "count_words", "args": ["one two"]},
        {"name": "own", "function": "my_scoring", "args": ["{{count.result}}"], "kwargs": {"scale": 2}},
    ]}));
    let why = scene.until_kind(&id, 1, "no_worker");
    assert!(why["summary"].as_str().unwrap().contains("task type function and function my_scoring"), "{why}");
    let node = |id: &str, functions: Value| {
        let capabilities =
            json!({"task_types": ["function"], "functions": functions, "max_concurrent_tasks": 2});
        registration(id, json!({"node_type": "executor", "capabilities": capabilities}))
    };
    // A node with other functions is not asked, and says which one is near.
    let mut other = Peer::connect(&scene.server.url()).await;
    let answer = other.call("node:register", node("other", json!(["my_scorings", "load"]))).await;
    assert_eq!(answer["ok"], true, "{answer}");
    let why = scene.why(&id, 1);
    assert_eq!(why["reasons"][0]["nearest"], "my_scorings", "{why}");
    assert!(!other.names_seen().await.contains(&"task:assign".to_owned()));

    let mut able = Peer::connect(&scene.server.url()).await;
    able.call("node:register", node("able", json!(["my_scoring"]))).await;
    let assigned = able.next("task:assign").await;
    assert_eq!(assigned["task_type"], "function");
    assert_eq!(
        assigned["parameters"],
        json!({"function_name": "my_scoring", "args": [2], "kwargs": {"scale": 2}}),
        "{assigned}"
    );
    accept(&mut able, &assigned).await;
    let done = able.call("task:completed", report(&assigned, json!({"result": {"score": 4}}))).await;
    assert_eq!(done["ok"], true, "{done}");
    assert_eq!(scene.ended(&id)["status"], "completed");
    let own = scene.task(&id, 1);
    assert_eq!((&own["result"], &own["worker"]), (&json!({"score": 4}), &json!("able")), "{own}");
}
