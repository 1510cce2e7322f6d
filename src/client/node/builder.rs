//! What a node is, before it starts.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::actor::Actor;
use super::capability::{Capability, Facts};
use super::error::{NodeError, TaskError};
use super::handle::NodeHandle;
use super::handler::{Handler, Handlers};
use super::ledger::Ledger;
use super::task::{Assignment, NodeName, TaskContext};
use crate::client::Tls;
use crate::client::wire::ConnectOptions;

const DEFAULT_URL: &str = "http://127.0.0.1:8000";
const DEFAULT_MAX_CONCURRENT_TASKS: usize = 10;
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(30);

/// Shorter beats would only keep the server busy.
const MIN_HEARTBEAT: Duration = Duration::from_millis(100);

/// The acknowledgement of a result follows one commit to disk; after this much time the answer is lost.
const DEFAULT_ACK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a stopping node may go on delivering what it holds.
const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A service in this process that takes tasks from a Gleitzeit server.
///
/// ```no_run
/// use gleitzeit::client::node::{Capability, ExternalServiceNode, TaskContext, TaskError};
/// use serde_json::{Value, json};
///
/// async fn train(task: TaskContext, input: Value) -> Result<Value, TaskError> {
///     let rows = input["data_params"]["rows"].as_array().ok_or_else(|| {
///         TaskError::new("data_params.rows is missing").permanent()
///     })?;
///     task.progress(50, "half of the rows seen", None);
///     Ok(json!({"model_id": "m1", "rows": rows.len()}))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let node = ExternalServiceNode::new("ML Service")
///     .node_id("ml-1")
///     .url("http://127.0.0.1:8000")
///     .capability(Capability::MlTraining)
///     .handler("ml_training", train)
///     .start()?;
/// node.registered().await?;
/// println!("{:?}", node.status());
/// node.drain().await;
/// node.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a node does nothing until it is started"]
pub struct ExternalServiceNode {
    name: String,
    node_id: Option<String>,
    url: String,
    token: Option<String>,
    tls: Tls,
    capabilities: Vec<Capability>,
    extra_task_types: Vec<String>,
    handlers: Handlers,
    facts: Facts,
    max_concurrent_tasks: usize,
    heartbeat_interval: Duration,
    ack_timeout: Duration,
    stop_timeout: Duration,
}

/// A node whose settings hold together.
#[derive(Debug)]
pub(super) struct NodeConfig {
    pub(super) name: Arc<NodeName>,
    pub(super) connect: ConnectOptions,
    pub(super) token: Option<String>,
    pub(super) capabilities: Vec<Capability>,
    extra_task_types: Vec<String>,
    handlers: Handlers,
    pub(super) facts: Facts,
    pub(super) max_concurrent_tasks: usize,
    pub(super) heartbeat_interval: Duration,
    pub(super) ack_timeout: Duration,
    pub(super) stop_timeout: Duration,
}

impl ExternalServiceNode {
    /// `name` is what workflows call `service_name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            node_id: None,
            url: DEFAULT_URL.to_owned(),
            token: None,
            tls: Tls::default(),
            capabilities: Vec::new(),
            extra_task_types: Vec::new(),
            handlers: Handlers::default(),
            facts: Facts::default(),
            max_concurrent_tasks: DEFAULT_MAX_CONCURRENT_TASKS,
            heartbeat_interval: DEFAULT_HEARTBEAT,
            ack_timeout: DEFAULT_ACK_TIMEOUT,
            stop_timeout: DEFAULT_STOP_TIMEOUT,
        }
    }

    /// The identity of the node towards the server, the same after every reconnect. Generated unless set; a
    /// service that should be the same node after a restart of its process sets it.
    pub fn node_id(mut self, node_id: impl Into<String>) -> Self {
        self.node_id = Some(node_id.into());
        self
    }

    /// The address of the server; `http://127.0.0.1:8000` by default.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// The token of the server, when it has one.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Whom to trust on an encrypted connection.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Adds a capability, and with it the task types it stands for.
    pub fn capability(mut self, capability: Capability) -> Self {
        if !self.capabilities.contains(&capability) {
            self.capabilities.push(capability);
        }
        self
    }

    /// Adds a task type beyond those of the capabilities, such as `text`.
    pub fn task_type(mut self, task_type: impl Into<String>) -> Self {
        self.extra_task_types.push(task_type.into());
        self
    }

    /// What does the work of a task type. The handler of a task is the one for its `external_task_type`, else
    /// the one for its `task_type`, else that of the first capability that has one. Its input is the task's
    /// `external_parameters`, or its `parameters` when it has no others.
    pub fn handler<F, R>(mut self, task_type: impl Into<String>, handler: F) -> Self
    where
        F: Fn(TaskContext, Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, TaskError>> + Send + 'static,
    {
        self.handlers.insert(task_type.into(), handler);
        self
    }

    /// How many tasks run at once; 10 by default. What comes above it is refused and goes elsewhere.
    pub fn max_concurrent_tasks(mut self, tasks: usize) -> Self {
        self.max_concurrent_tasks = tasks;
        self
    }

    /// The time between two heartbeats; 30 s by default, or less when the server asks for less.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.heartbeat_interval = interval;
        self
    }

    /// What the machine has, for tasks with `requirements`.
    pub fn facts(mut self, facts: Facts) -> Self {
        self.facts = facts;
        self
    }

    /// A result that is not acknowledged within this time is sent again; 10 s by default.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.ack_timeout = timeout;
        self
    }

    /// How long a stopping node may go on delivering what it holds; 5 s by default.
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = timeout;
        self
    }

    /// Starts the node on the current tokio runtime. It connects, and reconnects, by itself until it is
    /// stopped; dropping the handle does not stop it.
    pub fn start(self) -> Result<NodeHandle, NodeError> {
        let config = Arc::new(self.config()?);
        let ledger = Arc::new(Ledger::new());
        let actor = Actor { config: Arc::clone(&config), ledger: Arc::clone(&ledger) };
        tokio::spawn(actor.run());
        Ok(NodeHandle::new(config, ledger))
    }

    fn config(self) -> Result<NodeConfig, NodeError> {
        let refuse = |reason| Err(NodeError::Config { name: self.name.clone(), reason });
        if self.name.is_empty() {
            return refuse("its name is empty; workflows address it by name");
        }
        if self.handlers.is_empty() {
            return refuse("it has no handler; add one with `handler`");
        }
        if self.capabilities.is_empty() && self.extra_task_types.is_empty() {
            return refuse("it has no capability; add one with `capability`, or no task will ever reach it");
        }
        if self.max_concurrent_tasks == 0 {
            return refuse("it may run no task at all; `max_concurrent_tasks` must be at least 1");
        }
        let connect = ConnectOptions::new(self.url).tls(self.tls);
        connect.check()?;
        let generated = || format!("service-{}", Uuid::new_v4());
        let node_id = self.node_id.unwrap_or_else(generated);
        Ok(NodeConfig {
            name: Arc::new(NodeName { node_id, service_name: self.name }),
            connect,
            token: self.token,
            capabilities: self.capabilities,
            extra_task_types: self.extra_task_types,
            handlers: self.handlers,
            facts: self.facts,
            max_concurrent_tasks: self.max_concurrent_tasks,
            heartbeat_interval: self.heartbeat_interval.max(MIN_HEARTBEAT),
            ack_timeout: self.ack_timeout,
            stop_timeout: self.stop_timeout,
        })
    }
}

impl NodeConfig {
    /// Every task type once, in the order of the capabilities.
    pub(super) fn task_types(&self) -> Vec<&str> {
        let mut types = Vec::new();
        let of_capabilities = self.capabilities.iter().flat_map(|capability| capability.task_types());
        for task_type in of_capabilities.chain(self.extra_task_types.iter().map(String::as_str)) {
            if !types.contains(&task_type) {
                types.push(task_type);
            }
        }
        types
    }

    pub(super) fn handler(&self, assignment: &Assignment<'_>) -> Option<Handler> {
        let external = assignment.external_task_type.as_deref();
        self.handlers.choose(external, &assignment.task_type, &self.capabilities)
    }
}
