//! A service that completes at once and notes what was acknowledged.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gleitzeit::client::wire::{ConnectOptions, Events, Socket};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::journal::{Completion, Journal};

const HANDSHAKE_LIMIT: Duration = Duration::from_mins(2);
/// How long a task runs where it matters that two of one id would overlap.
const WORK: Duration = Duration::from_millis(5);

/// Whether a worker knows what an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Fencing,
    /// As the earlier clients: no attempt numbers and no lists, only counts. Two attempts of one task at once would
    /// confuse it, so it fails when it is given them.
    Earlier,
}

/// A worker's side of its connection.
#[derive(Clone)]
struct Side {
    kind: Kind,
    socket: Socket,
    journal: Journal,
    /// Ids of the tasks that it runs.
    runs: Arc<Mutex<BTreeSet<String>>>,
}

pub struct Worker {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Registers under the name of every cycle, holding nothing: what an earlier one held is requeued. Returns
    /// when it is registered, so that no cycle is over before it works.
    pub fn start(url: &str, kind: Kind, journal: &Journal) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (ready, registered) = mpsc::channel();
        let (url, journal) = (url.to_owned(), journal.clone());
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let (socket, events) = register(&url, kind).await;
                ready.send(()).expect("somebody waits for the registration");
                tokio::select! {
                    () = work(Side { kind, socket, journal, runs: Arc::default() }, events) => {}
                    _ = stopped => {}
                }
            });
        });
        registered.recv_timeout(2 * HANDSHAKE_LIMIT).expect("the worker registers");
        Self { stop, thread }
    }

    pub fn stop(self) {
        // It ends by itself when the server is gone.
        let _ = self.stop.send(());
        self.thread.join().expect("the worker takes the end of the server calmly");
    }
}

async fn register(url: &str, kind: Kind) -> (Socket, Events) {
    let (socket, mut events) =
        Socket::connect(&ConnectOptions::new(url)).await.expect("a ready server takes connections");
    let welcome = async {
        while let Some(event) = events.next().await {
            if event.name == "connected" {
                return;
            }
        }
        panic!("the connection ended before the server said hello");
    };
    timeout(HANDSHAKE_LIMIT, welcome).await.expect("the server says hello");
    let authenticate = json!({ "token": "demo_token", "client_type": "external_service" });
    socket.emit("authenticate", &authenticate).await.expect("a connected socket sends");
    let mut registration = json!({
        "node_id": node_id(kind), "name": "crash", "node_type": "external_service",
        "capabilities": {
            "task_types": ["external_custom", "custom_processing"], "max_concurrent_tasks": 50,
            "external_service": true, "service_capabilities": ["custom_processing"],
        },
    });
    if kind == Kind::Fencing {
        registration["active"] = json!([]);
    }
    let answer = socket
        .emit_with_ack("node:register", &registration, HANDSHAKE_LIMIT)
        .await
        .expect("a registration is answered");
    let answer: Value = answer.parse().expect("an answer is JSON");
    assert_eq!(answer["ok"], true, "{answer}");
    (socket, events)
}

async fn work(side: Side, mut events: Events) {
    if side.kind == Kind::Earlier {
        // It holds nothing: the second count in a row that says so shows that what it held is lost.
        for _ in 0..2 {
            let beat = json!({ "node_id": node_id(side.kind), "status": "ready", "active_tasks": 0 });
            if side.socket.emit_acked("node:heartbeat", &beat).await.is_err() {
                return;
            }
        }
    }
    while let Some(event) = events.next().await {
        if event.name == "task:assign" {
            let assignment: Value = event.parse().expect("an assignment is JSON");
            let task = text(&assignment, "task_id");
            let alone = side.runs.lock().expect("nobody panics over the list").insert(task.clone());
            assert!(alone || side.kind == Kind::Fencing, "{task} was sent again while it runs: {assignment}");
            tokio::spawn(run(side.clone(), assignment));
        }
    }
}

const fn node_id(kind: Kind) -> &'static str {
    match kind {
        Kind::Fencing => "crash-node",
        Kind::Earlier => "crash-earlier",
    }
}

fn text(assignment: &Value, field: &str) -> String {
    assignment[field].as_str().expect("a field of every assignment").to_owned()
}

async fn run(side: Side, assignment: Value) {
    let attempt = assignment["attempt"].as_u64().expect("a number");
    let (task, workflow) = (text(&assignment, "task_id"), text(&assignment, "workflow_id"));
    let result = format!("{task}/{attempt}");
    let report = |more: Value| {
        let mut report = json!({ "task_id": task, "workflow_id": workflow, "node_id": node_id(side.kind) });
        if side.kind == Kind::Fencing {
            report["attempt"] = json!(attempt);
        }
        report["result"] = more;
        report
    };
    // An answer that does not come is no answer: the server is gone and nothing was promised.
    let Ok(_) = side.socket.emit_acked("task:accepted", &report(Value::Null)).await else { return };
    if side.kind == Kind::Earlier {
        tokio::time::sleep(WORK).await;
    }
    side.runs.lock().expect("nobody panics over the list").remove(&task);
    let Ok(answer) = side.socket.emit_acked("task:completed", &report(json!(result))).await else { return };
    let Ok(answer) = answer.answer().await else { return };
    let answer: Value = answer.parse().expect("an answer is JSON");
    if answer["ok"] == true {
        let completion = Completion { workflow, task_name: text(&assignment, "task_name"), result };
        side.journal.note(|answers| answers.completed.push(completion.clone()));
    }
}
