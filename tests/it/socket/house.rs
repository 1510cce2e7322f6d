//! A server in this process: engine, log in a directory of its own, Socket.IO shell on a free port.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use gleitzeit::client::wire::{AckData, ConnectOptions, Events, Socket};
use gleitzeit::clock::EngineClock;
use gleitzeit::config::{ConnectionsConfig, HttpConfig, ModelsConfig, Origins, RatesConfig, WebhookConfig};
use gleitzeit::core::ids::{Fingerprint, Seq, TaskId, Timestamp, WorkflowId};
use gleitzeit::core::limits::Limits;
use gleitzeit::core::listing::{ListFilter, Listed, Place};
use gleitzeit::core::rejection::Rejection;
use gleitzeit::core::state::{State, Workflow};
use gleitzeit::core::why::{Offers, explain};
use gleitzeit::engine::{Doorkeeper, EngineHandle, EngineParts, FailurePage, Running, Views, prepare};
use gleitzeit::executor::outbound::Outbound;
use gleitzeit::executor::{Courier, Executor, Tools};
use gleitzeit::listener::Rates;
use gleitzeit::log::{Log, LogOptions, SegmentLog};
use gleitzeit::signing::CallbackKey;
use gleitzeit::socket::{SocketConfig, SocketServer};
use gleitzeit::store::{StoreJob, StoreStatus};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::harness::PATIENCE;

/// What an event may hold in these tests.
pub const MESSAGE_BYTES: usize = 1 << 20;

pub struct House {
    pub url: String,
    pub sockets: SocketServer,
    pub engine: EngineHandle,
    running: Option<Running>,
    serving: tokio::task::JoinHandle<()>,
    _data: TempDir,
}

impl House {
    pub async fn new() -> Self {
        Self::with(None, Limits::default()).await
    }

    pub async fn guarded(token: &str) -> Self {
        Self::with(Some(token), Limits::default()).await
    }

    pub async fn with(token: Option<&str>, limits: Limits) -> Self {
        let data = TempDir::new().unwrap();
        let (log, _) =
            SegmentLog::open(data.path(), LogOptions::with_segment_size(1 << 20).unwrap()).unwrap();
        let (store, jobs) = std::sync::mpsc::channel();
        let views = Arc::new(EndedWorkflows::default());
        let store_status = Arc::new(StoreStatus::default());
        let clock = EngineClock::start(Timestamp(0));
        let log: Box<dyn Log> = Box::new(log);
        let state = State::default();
        let parts = EngineParts {
            log,
            views: Arc::clone(&views) as Arc<dyn Views>,
            state,
            limits: limits.clone(),
            store,
            store_status: Arc::clone(&store_status),
            clock,
            seed: 7,
        };
        let prepared = prepare(parts);
        let engine = prepared.handle();
        let doorkeeper = Doorkeeper::new(engine.clone(), token);
        let on_archived = prepared.on_archived();
        std::thread::spawn(move || {
            while let Ok(job) = jobs.recv() {
                if let StoreJob::Archive(workflow) = job {
                    let (id, seq) = (workflow.id, workflow.ended_seq.unwrap());
                    views.0.lock().unwrap().insert(id, Arc::new(*workflow));
                    store_status.remove(1);
                    on_archived(id, seq);
                }
            }
        });
        let config = SocketConfig::new(
            doorkeeper,
            Arc::new(Rates::new(&RatesConfig::default())),
            Origins::default(),
            limits,
            MESSAGE_BYTES,
            ConnectionsConfig::default(),
            data.path().to_path_buf(),
        );
        let (sockets, layer) = SocketServer::new(config, engine.clone());
        let tools = Tools::new(&HttpConfig::default(), &ModelsConfig::default(), None, &Limits::default());
        let courier = Courier::new(
            Outbound::new(&HttpConfig::default()),
            CallbackKey::new([7; 32]),
            WebhookConfig::default(),
            "http://127.0.0.1",
        );
        let executor =
            Executor::new(engine.clone(), tokio::runtime::Handle::current(), clock, tools, courier);
        let running = prepared
            .run(Arc::new(Arc::clone(&executor)), Arc::new(sockets.clone()), |error| panic!("{error}"));
        executor.register().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router: Router = Router::new().layer(layer);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, sockets, engine, running: Some(running), serving, _data: data }
    }

    /// Connected and greeted.
    pub async fn peer(&self) -> Peer {
        Peer::connect(&self.url).await
    }

    /// Waits until the first task of the workflow waits for a reason of this kind.
    pub async fn until_told(&self, workflow: &str, kind: &str) {
        let id = TaskId { workflow: WorkflowId::from_text(workflow), index: 0 };
        let told = async {
            loop {
                let why = self
                    .engine
                    .query(move |view| explain(view.state, view.presence, id, view.now, Offers::Made))
                    .await;
                let why = why.unwrap().expect("the workflow is in memory");
                if why.reasons.iter().any(|reason| reason.kind() == kind) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("{workflow} never waits for {kind}"));
    }

    /// A registered service that speaks all extensions, unless `more` says otherwise.
    pub async fn worker(&self, node_id: &str, more: Value) -> Peer {
        let mut peer = self.peer().await;
        let answer = peer.call("node:register", registration(node_id, more)).await;
        assert_eq!(answer["ok"], true, "{answer}");
        peer
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.serving.abort();
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// Ended workflows, which the store keeps in the real server.
#[derive(Debug, Default)]
struct EndedWorkflows(Mutex<BTreeMap<WorkflowId, Arc<Workflow>>>);

impl Views for EndedWorkflows {
    fn find_submission(
        &self,
        id: WorkflowId,
        _: Option<Fingerprint>,
        _: Timestamp,
    ) -> Result<Option<(WorkflowId, Fingerprint)>, Rejection> {
        Ok(self.0.lock().unwrap().get(&id).map(|workflow| (id, workflow.body)))
    }

    fn load(&self, id: WorkflowId) -> Result<Option<Arc<Workflow>>, Rejection> {
        Ok(self.0.lock().unwrap().get(&id).cloned())
    }

    fn archived_end(&self, id: WorkflowId) -> Result<Option<Seq>, Rejection> {
        Ok(self.0.lock().unwrap().get(&id).and_then(|workflow| workflow.ended_seq))
    }

    fn list(&self, _: &ListFilter, _: Option<Place>, _: usize) -> Result<Listed, Rejection> {
        Ok(Listed::default())
    }

    fn with_failures(&self, _: Option<Place>, _: usize) -> Result<FailurePage, Rejection> {
        Ok(FailurePage::default())
    }

    fn find_task(&self, _: u128) -> Result<Option<TaskId>, Rejection> {
        Ok(None)
    }
}

/// A client that keeps every event until a test asks for it.
pub struct Peer {
    pub socket: Socket,
    events: Events,
    inbox: VecDeque<(String, Value)>,
}

impl Peer {
    pub async fn connect(url: &str) -> Self {
        let (socket, events) = Socket::connect(&ConnectOptions::new(url)).await.unwrap();
        let mut peer = Self { socket, events, inbox: VecDeque::new() };
        let greeting = peer.next("connected").await;
        assert!(greeting["sid"].is_string() && greeting["message"].is_string(), "{greeting}");
        peer
    }

    pub async fn emit(&self, event: &str, payload: Value) {
        self.socket.emit(event, &payload).await.unwrap();
    }

    pub async fn call(&mut self, event: &str, payload: Value) -> Value {
        let ack: AckData = self.socket.emit_with_ack(event, &payload, PATIENCE).await.unwrap();
        ack.parse().unwrap()
    }

    /// The data of the first event of this name, waiting or coming.
    pub async fn next(&mut self, event: &str) -> Value {
        self.next_where(event, |_| true).await
    }

    pub async fn next_where(&mut self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(place) = self.inbox.iter().position(|(name, data)| name == event && wanted(data)) {
            return self.inbox.remove(place).unwrap().1;
        }
        loop {
            let Ok(Some(next)) = timeout(PATIENCE, self.events.next()).await else {
                panic!("no `{event}` came; seen: {:?}", self.inbox);
            };
            let data: Value = next.parse().unwrap();
            if next.name == event && wanted(&data) {
                return data;
            }
            self.inbox.push_back((next.name, data));
        }
    }

    /// Everything that has come until the server has answered one more question.
    pub async fn seen(&mut self) -> Vec<(String, Value)> {
        self.call("cluster:stats", json!({})).await;
        while let Ok(Some(next)) = timeout(Duration::from_millis(50), self.events.next()).await {
            let data = next.parse().unwrap();
            self.inbox.push_back((next.name, data));
        }
        self.inbox.iter().cloned().collect()
    }

    pub async fn names_seen(&mut self) -> Vec<String> {
        self.seen().await.into_iter().map(|(name, _)| name).collect()
    }

    /// The server has closed the connection.
    pub async fn gone(&mut self) {
        while timeout(PATIENCE, self.events.next()).await.expect("the connection ends").is_some() {}
    }

    pub async fn submit(&mut self, workflow: &str, tasks: Value) -> Value {
        let payload = json!({"workflow_id": workflow, "name": workflow, "tasks": tasks, "metadata": {}});
        self.call("workflow:submit", payload).await
    }
}

/// A way to the server that can be cut in the middle of a word.
pub struct Network {
    pub url: String,
    relay: tokio::task::JoinHandle<()>,
}

impl Network {
    pub async fn to(url: &str) -> Self {
        let server = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let relay = tokio::spawn(async move {
            // One client is enough; its streams end with this task.
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(server).await.unwrap();
            drop(copy_bidirectional(&mut client, &mut server).await);
        });
        Self { url, relay }
    }

    pub fn cut(&self) {
        self.relay.abort();
    }
}

pub fn registration(node_id: &str, more: Value) -> Value {
    let payload = json!({
        "node_id": node_id, "name": node_id, "node_type": "external_service",
        "capabilities": {
            "task_types": ["external_custom", "custom_processing", "external_custom"],
            "max_concurrent_tasks": 10, "external_service": true, "service_capabilities": ["custom_processing"],
        },
    });
    with(payload, more)
}

/// One task as the earlier clients submit it.
pub fn wire_task(id: &str, dependencies: &[&str]) -> Value {
    json!({
        "task_id": id, "task_type": "external_custom", "priority": "high", "dependencies": dependencies, "timeout": 60,
        "parameters": {"external_task_type": "custom_processing", "external_parameters": {"step": id}},
    })
}

/// What a worker says of an assignment.
pub fn report(assignment: &Value, more: Value) -> Value {
    let payload = json!({
        "task_id": assignment["task_id"], "workflow_id": assignment["workflow_id"], "attempt": assignment["attempt"],
    });
    with(payload, more)
}

fn with(mut payload: Value, more: Value) -> Value {
    if let Value::Object(more) = more {
        for (key, value) in more {
            payload[key] = value;
        }
    }
    payload
}
