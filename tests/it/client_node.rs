//! The Rust service node against python-socketio: what it says, and what it does when the server or the
//! network misbehaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gleitzeit::client::node::{
    Capability, ExternalServiceNode, Facts, NodeError, NodeHandle, Phase, TaskContext, TaskError,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::scripted_server::ScriptedServer;

/// Longer than a busy machine takes to answer: what is answered must not be sent again.
const ACK_TIMEOUT: Duration = Duration::from_mins(3);
/// Where an answer does not come, and one that is late does no harm.
const SHORT_ACK_TIMEOUT: Duration = Duration::from_secs(2);

/// What the handlers of the test node have done, and a gate that lets `wait` tasks go on.
#[derive(Default)]
struct Probe {
    started: AtomicUsize,
    dropped: AtomicUsize,
}

struct CountDrop(Arc<Probe>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

struct Scene {
    server: ScriptedServer,
    node: NodeHandle,
    probe: Arc<Probe>,
    gate: Arc<Semaphore>,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|node| node).await
    }

    /// A registered node whose task types are the things that the tests need to happen.
    async fn with(change: impl FnOnce(ExternalServiceNode) -> ExternalServiceNode) -> Self {
        let server = ScriptedServer::start().await;
        let (probe, gate) = (Arc::new(Probe::default()), Arc::new(Semaphore::new(0)));
        let waiting = (Arc::clone(&probe), Arc::clone(&gate));
        let node = ExternalServiceNode::new("Test Service")
            .node_id("test-1")
            .url(server.url())
            .token("secret")
            .capability(Capability::CustomProcessing)
            .ack_timeout(ACK_TIMEOUT)
            .handler("echo", |task: TaskContext, input| async move {
                task.progress(40, "nearly", Some(json!({"piece": 1})));
                Ok(json!({"input": input, "attempt": task.attempt(), "type": task.external_task_type()}))
            })
            .handler("wait", move |_, _| {
                let (probe, gate) = (Arc::clone(&waiting.0), Arc::clone(&waiting.1));
                async move {
                    probe.started.fetch_add(1, Ordering::SeqCst);
                    let _dropped = CountDrop(probe);
                    gate.acquire().await?.forget();
                    Ok(json!("waited"))
                }
            })
            .handler("fail", |_, _| async {
                Err(TaskError::new("no").code("X1").retry_after(Duration::from_secs(2)).details(json!([1])))
            })
            .handler("panic", |_, _| async { panic!("as planned") })
            .handler("large", |_, _| async { Ok(json!("x".repeat(13 << 20))) });
        let node = change(node).start().expect("the settings of the test node hold together");
        node.registered().await.expect("the scripted server takes every registration");
        Self { server, node, probe, gate }
    }

    async fn assign(&mut self, kind: &str, task: &str, attempt: u32) {
        let parameters = json!({"kind": kind});
        let assignment = json!({
            "task_id": task, "workflow_id": "w1", "attempt": attempt, "task_type": "external_custom",
            "task_name": "a task", "parameters": {"external_parameters": parameters}, "priority": "normal",
            "max_retries": 3, "timeout": 300, "assigned_at": "2026-01-01T00:00:00", "service_name": "Test Service",
            "external_task_type": kind, "external_parameters": parameters, "external_timeout": 1800,
        });
        self.server.emit("task:assign", assignment).await;
    }

    async fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        // For three minutes: it only ends tests that would wait for ever.
        for _ in 0..18_000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never held that {what}: {:?}", self.node.status());
    }

    fn started(&self) -> usize {
        self.probe.started.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn registers_works_and_drains() {
    let facts = Facts { cpu_cores: 4, memory_mb: 2_048, models: vec!["m".to_owned()], ..Facts::default() };
    let mut scene = Scene::with(|node| node.facts(facts).capability(Capability::MlTraining)).await;
    let hello = scene.server.expect("authenticate").await;
    assert_eq!((&hello["token"], &hello["client_type"]), (&json!("secret"), &json!("external_service")));
    let register = scene.server.expect("node:register").await;
    assert_eq!(register["node_id"], "test-1");
    assert_eq!(register["name"], "Test Service");
    assert_eq!(register["node_type"], "external_service");
    assert_eq!((&register["restart_aware"], &register["heartbeat_ms"]), (&json!(true), &json!(30_000)));
    assert_eq!(register["active"], json!([]));
    let capabilities = &register["capabilities"];
    let types = ["external_custom", "custom_processing", "external_ml", "ml_training"];
    assert_eq!(capabilities["task_types"], json!(types));
    assert_eq!(capabilities["service_capabilities"], json!(["custom_processing", "ml_training"]));
    assert_eq!(
        (&capabilities["max_concurrent_tasks"], &capabilities["external_service"]),
        (&json!(10), &json!(true))
    );
    assert_eq!((&capabilities["cpu_cores"], &capabilities["memory_gb"]), (&json!(4), &json!(2.0)));

    scene.assign("echo", "t1", 3).await;
    let accepted = scene.server.expect("task:accepted").await;
    assert_eq!(accepted, json!({"task_id": "t1", "workflow_id": "w1", "attempt": 3, "node_id": "test-1"}));
    let progress = scene.server.expect("task:progress").await;
    assert_eq!((&progress["progress"], &progress["message"]), (&json!(40), &json!("nearly")));
    assert_eq!(progress["data"], json!({"piece": 1}));
    let completed = scene.server.expect("task:completed").await;
    let result = json!({"input": {"kind": "echo"}, "attempt": 3, "type": "echo"});
    assert_eq!((&completed["result"], &completed["attempt"]), (&result, &json!(3)));

    scene.node.drain().await;
    assert_eq!(scene.server.expect("node:status").await, json!({"node_id": "test-1", "status": "draining"}));
    let status = scene.node.status();
    assert_eq!((status.completed, status.running, status.unacknowledged), (1, 0, 0));
    scene.assign("echo", "t2", 1).await;
    assert_eq!(scene.server.expect("task:failed").await["error"], "Service at capacity");
    scene.node.stop().await;
    scene.server.expect("disconnect").await;
    assert_eq!(scene.node.status().phase, Phase::Stopped);
}

#[tokio::test]
async fn failures_say_all_they_know() {
    let mut scene = Scene::new().await;
    scene.assign("fail", "t1", 1).await;
    let failed = scene.server.expect("task:failed").await;
    let rich = json!({"task_id": "t1", "workflow_id": "w1", "attempt": 1, "node_id": "test-1",
        "service_name": "Test Service", "error": "no", "code": "X1", "retryable": true,
        "retry_after_ms": 2000, "details": [1]});
    assert_eq!(failed, rich);
    scene.assign("panic", "t2", 1).await;
    assert_eq!(scene.server.expect("task:failed").await["error"], "the handler panicked: as planned");
    scene.assign("unheard-of", "t3", 1).await;
    let failed = scene.server.expect("task:failed").await;
    assert_eq!(failed["error"], "No handler registered for task type: unheard-of");
    scene.assign("large", "t4", 1).await;
    let failed = scene.server.expect("task:failed").await;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("GZ7002"), &json!(false)));
    assert_eq!(scene.node.status().registrations, 1);
}

#[tokio::test]
async fn a_cancelled_handler_is_dropped_and_confirmed() {
    let mut scene = Scene::new().await;
    scene.assign("wait", "t1", 1).await;
    scene.server.expect("task:accepted").await;
    scene.wait_until("the task runs", |scene| scene.started() == 1).await;
    scene.server.emit("task:cancel", json!({"task_id": "t1"})).await;
    let failed = scene.server.expect("task:failed").await;
    assert_eq!((&failed["error"], &failed["attempt"]), (&json!("Task cancelled"), &json!(1)));
    assert_eq!(scene.probe.dropped.load(Ordering::SeqCst), 1);
    scene.server.emit("task:cancel", json!({"task_id": "unknown"})).await;
    scene.wait_until("nothing is left", |scene| scene.node.status().unacknowledged == 0).await;
    assert_eq!(scene.node.status().cancelled, 1);
}

#[tokio::test]
async fn above_capacity_it_refuses_without_accepting() {
    let mut scene = Scene::with(|node| node.max_concurrent_tasks(1)).await;
    scene.assign("wait", "t1", 1).await;
    assert_eq!(scene.server.expect("task:accepted").await["task_id"], "t1");
    scene.assign("wait", "t2", 1).await;
    let failed = scene.server.expect("task:failed").await;
    assert_eq!((&failed["task_id"], &failed["error"]), (&json!("t2"), &json!("Service at capacity")));
    scene.gate.add_permits(1);
    assert_eq!(scene.server.expect("task:completed").await["task_id"], "t1");
    assert!(!scene.server.has_seen("task:accepted"));
    assert_eq!(scene.started(), 1);
}

#[tokio::test]
async fn the_same_attempt_starts_once_and_a_later_one_replaces_it() {
    let mut scene = Scene::new().await;
    scene.assign("wait", "t1", 1).await;
    scene.server.expect("task:accepted").await;
    scene.assign("wait", "t1", 1).await;
    // The second acceptance answers a server that may have missed the first; nothing starts again.
    scene.server.expect("task:accepted").await;
    scene.assign("wait", "t1", 2).await;
    assert_eq!(scene.server.expect("task:accepted").await["attempt"], 2);
    let failed = scene.server.expect("task:failed").await;
    assert_eq!((&failed["error"], &failed["attempt"]), (&json!("Task cancelled"), &json!(1)));
    scene.gate.add_permits(1);
    assert_eq!(scene.server.expect("task:completed").await["attempt"], 2);
    scene.wait_until("the result is delivered", |scene| scene.node.status().unacknowledged == 0).await;
    scene.assign("wait", "t1", 2).await;
    scene.assign("echo", "t2", 1).await;
    assert_eq!(scene.server.expect("task:completed").await["task_id"], "t2");
    assert_eq!(scene.started(), 2);
}

#[tokio::test]
async fn a_result_outlives_the_connection() {
    let mut scene = Scene::new().await;
    scene.server.expect("node:register").await;
    scene.assign("wait", "held", 4).await;
    scene.assign("wait", "running", 1).await;
    scene.wait_until("both run", |scene| scene.started() == 2).await;
    // The result arrives and its acknowledgement does not, because the connection is cut.
    scene.server.answer("task:completed", json!([null])).await;
    scene.gate.add_permits(1);
    let first = scene.server.expect("task:completed").await;
    scene.server.tell(json!({"do": "cut"})).await;

    let register = scene.server.expect("node:register").await;
    assert_eq!(register["node_id"], "test-1");
    let mut active: Vec<String> =
        register["active"].as_array().unwrap().iter().map(Value::to_string).collect();
    active.sort();
    let named = |attempt: u32, task: &str| {
        json!({"attempt": attempt, "task_id": task, "workflow_id": "w1"}).to_string()
    };
    assert_eq!(active, [named(1, "running"), named(4, "held")]);
    assert_eq!(scene.server.expect("task:completed").await, first);
    scene.gate.add_permits(1);
    assert_eq!(scene.server.expect("task:completed").await["result"], "waited");
    scene.wait_until("all is delivered", |scene| scene.node.status().unacknowledged == 0).await;
    let status = scene.node.status();
    assert_eq!((status.registrations, status.completed), (2, 2));
}

#[tokio::test]
async fn a_result_is_sent_until_it_is_taken_or_refused_for_good() {
    let mut scene = Scene::with(|node| node.ack_timeout(SHORT_ACK_TIMEOUT)).await;
    let of = |task: &'static str| move |report: &Value| report["task_id"] == task;
    let later = json!({"ok": false, "code": "GZ1030", "message": "busy", "retryable": true});
    let never = json!({"ok": false, "code": "GZ2008", "message": "stale", "retryable": false});
    scene.server.answer("task:completed", json!([null, later, {"ok": true, "seq": 9}])).await;
    scene.assign("echo", "t1", 1).await;
    for _ in 0..3 {
        scene.server.expect_where("task:completed", of("t1")).await;
    }
    scene.wait_until("it is taken", |scene| scene.node.status().unacknowledged == 0).await;
    scene.server.answer("task:completed", json!([never])).await;
    scene.assign("echo", "t2", 1).await;
    scene.server.expect_where("task:completed", of("t2")).await;
    scene.wait_until("it is dropped", |scene| scene.node.status().unacknowledged == 0).await;
    scene.assign("echo", "t3", 1).await;
    scene.server.expect_where("task:completed", of("t3")).await;

    // A result that this server cannot take must not leave its task waiting for the timeout.
    let large = json!({"ok": false, "code": "GZ7002", "message": "the limit is 5", "retryable": false});
    scene.server.answer("task:completed", json!([large])).await;
    scene.assign("echo", "t4", 1).await;
    let failed = scene.server.expect("task:failed").await;
    assert_eq!((&failed["task_id"], &failed["code"]), (&json!("t4"), &json!("GZ7002")));
    assert_eq!(failed["error"], "the server cannot take the result: the limit is 5");
    assert_eq!(scene.node.status().registrations, 1);
}

#[tokio::test]
async fn a_connection_that_the_server_no_longer_knows_is_registered_again() {
    let mut scene = Scene::new().await;
    scene.server.expect("node:register").await;
    let unknown = json!({"ok": false, "code": "GZ7020", "message": "who are you", "retryable": false});
    scene.server.answer("task:completed", json!([unknown])).await;
    scene.assign("echo", "t1", 1).await;
    let first = scene.server.expect("task:completed").await;
    let register = scene.server.expect("node:register").await;
    assert_eq!(register["active"], json!([{"task_id": "t1", "workflow_id": "w1", "attempt": 1}]));
    assert_eq!(scene.server.expect("task:completed").await, first);
}

#[tokio::test]
async fn what_the_server_gave_up_is_ended_in_silence() {
    let mut scene = Scene::new().await;
    scene.server.expect("node:register").await;
    scene.assign("wait", "kept", 1).await;
    scene.assign("wait", "lost", 1).await;
    scene.wait_until("both run", |scene| scene.started() == 2).await;
    let reply = json!({"ok": true, "node_id": "test-1", "session": "s", "lease_ms": 1, "heartbeat_ms": 200, "held": ["kept"]});
    scene.server.answer("node:register", json!([reply])).await;
    scene.server.tell(json!({"do": "cut"})).await;
    scene.server.expect("node:register").await;
    scene.wait_until("the other has ended", |scene| scene.node.status().running == 1).await;
    // The server asked for frequent heartbeats; they name what is left.
    let beat = scene.server.expect("node:heartbeat").await;
    assert_eq!(beat["active"], json!([{"task_id": "kept", "workflow_id": "w1", "attempt": 1}]));
    assert_eq!(
        (&beat["active_tasks"], &beat["max_tasks"], &beat["status"]),
        (&json!(1), &json!(10), &json!("ready"))
    );
    assert!(!scene.server.has_seen("task:failed"));
}

#[tokio::test]
async fn stopping_gives_running_tasks_back() {
    let mut scene = Scene::new().await;
    scene.assign("wait", "t1", 1).await;
    scene.wait_until("it runs", |scene| scene.started() == 1).await;
    scene.server.emit("cluster:shutdown", json!({"reason": "upgrade", "restart": true})).await;
    scene.assign("echo", "t2", 1).await;
    assert_eq!(scene.server.expect("task:completed").await["task_id"], "t2");
    scene.server.emit("cluster:shutdown", json!({"reason": "over", "restart": false})).await;
    assert_eq!(scene.server.expect("task:failed").await["error"], "Task cancelled");
    scene.server.expect("disconnect").await;
    scene.node.stopped().await;
    assert!(matches!(*scene.node.registered().await.unwrap_err(), NodeError::Stopped));
}

#[tokio::test]
async fn a_refused_token_is_told_and_tried_again() {
    let mut server = ScriptedServer::start().await;
    server.tell(json!({"do": "token", "value": "right"})).await;
    let node = ExternalServiceNode::new("Test Service")
        .url(server.url())
        .token("wrong")
        .task_type("text")
        .handler("text", |_, _| async { Ok(Value::Null) })
        .start()
        .unwrap();
    let error = node.registered().await.unwrap_err();
    assert!(matches!(&*error, NodeError::AuthenticationFailed(reason) if reason == "bad token"), "{error}");
    server.tell(json!({"do": "token", "value": "wrong"})).await;
    server.expect("node:register").await;
    node.stop().await;
    assert!(node.status().node_id.starts_with("service-"));
}

#[test]
fn a_node_that_could_never_work_does_not_start() {
    let done = |_, _| async { Ok(Value::Null) };
    let refused = [
        ExternalServiceNode::new("").task_type("x").handler("x", done),
        ExternalServiceNode::new("x").task_type("x"),
        ExternalServiceNode::new("x").handler("x", done),
        ExternalServiceNode::new("x").task_type("x").handler("x", done).max_concurrent_tasks(0),
        ExternalServiceNode::new("x").task_type("x").handler("x", done).url("127.0.0.1:8000"),
    ];
    for node in refused {
        assert!(node.start().is_err());
    }
}
