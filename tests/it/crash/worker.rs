//! A service that completes at once and notes what was acknowledged.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gleitzeit::client::wire::{ConnectOptions, Events, Socket, SocketEvent};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::journal::{Completion, Journal};

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(20);

pub struct Worker {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Registers under the name of every cycle, holding nothing: what an earlier one held is requeued. Returns
    /// when it is registered, so that no cycle is over before it works.
    pub fn start(url: &str, journal: &Journal) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (ready, registered) = mpsc::channel();
        let (url, journal) = (url.to_owned(), journal.clone());
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let (socket, events) = register(&url).await;
                ready.send(()).expect("somebody waits for the registration");
                tokio::select! {
                    () = work(socket, events, journal) => {}
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

async fn register(url: &str) -> (Socket, Events) {
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
    let registration = json!({
        "node_id": "crash-node", "name": "crash", "node_type": "external_service", "active": [],
        "capabilities": {
            "task_types": ["external_custom", "custom_processing"], "max_concurrent_tasks": 50,
            "external_service": true, "service_capabilities": ["custom_processing"],
        },
    });
    let answer = socket
        .emit_with_ack("node:register", &registration, HANDSHAKE_LIMIT)
        .await
        .expect("a registration is answered");
    let answer: Value = answer.parse().expect("an answer is JSON");
    assert_eq!(answer["ok"], true, "{answer}");
    (socket, events)
}

async fn work(socket: Socket, mut events: Events, journal: Journal) {
    while let Some(event) = events.next().await {
        if event.name == "task:assign" {
            tokio::spawn(run(socket.clone(), event, journal.clone()));
        }
    }
}

async fn run(socket: Socket, event: SocketEvent, journal: Journal) {
    let assignment: Value = event.parse().expect("an assignment is JSON");
    let text = |field: &str| assignment[field].as_str().expect("a field of every assignment").to_owned();
    let attempt = assignment["attempt"].as_u64().expect("a number");
    let result = format!("{}/{attempt}", text("task_id"));
    let report = |more: Value| {
        let mut report = json!({
            "task_id": text("task_id"), "workflow_id": text("workflow_id"),
            "node_id": "crash-node", "attempt": attempt,
        });
        report["result"] = more;
        report
    };
    // An answer that does not come is no answer: the server is gone and nothing was promised.
    let Ok(_) = socket.emit_acked("task:accepted", &report(Value::Null)).await else { return };
    let Ok(answer) = socket.emit_acked("task:completed", &report(json!(result))).await else { return };
    let Ok(answer) = answer.answer().await else { return };
    let answer: Value = answer.parse().expect("an answer is JSON");
    if answer["ok"] == true {
        let completion = Completion { workflow: text("workflow_id"), task_name: text("task_name"), result };
        journal.note(|answers| answers.completed.push(completion.clone()));
    }
}
