//! One assigned attempt, as the handler sees it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::ledger::Ledger;
use super::report::ProgressReport;

/// The payload of `task:assign`, borrowed from the event.
#[derive(Debug, Deserialize)]
pub(super) struct Assignment<'a> {
    pub(super) task_id: Arc<str>,
    pub(super) workflow_id: Arc<str>,
    pub(super) attempt: u32,
    pub(super) task_type: String,
    #[serde(default)]
    task_name: String,
    #[serde(default)]
    priority: Option<String>,
    #[serde(default)]
    timeout: Option<f64>,
    #[serde(default)]
    pub(super) external_task_type: Option<String>,
    #[serde(default)]
    external_timeout: Option<f64>,
    #[serde(default)]
    traceparent: Option<String>,
    #[serde(borrow, default)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow, default)]
    external_parameters: Option<&'a RawValue>,
}

impl Assignment<'_> {
    pub(super) fn key(&self) -> TaskKey {
        TaskKey { task_id: Arc::clone(&self.task_id), workflow_id: Arc::clone(&self.workflow_id) }
    }

    /// What the handler gets: the parameters for the service when there are any, else those of the task.
    pub(super) fn input(&self) -> Result<Value, serde_json::Error> {
        let text = self.external_parameters.filter(|text| text.get() != "null").or(self.parameters);
        text.map_or(Ok(Value::Null), |text| serde_json::from_str(text.get()))
    }

    pub(super) fn context(
        self,
        ledger: Arc<Ledger>,
        cancelled: Cancellation,
        facts: &Arc<NodeName>,
    ) -> TaskContext {
        let seconds = self.external_timeout.or(self.timeout);
        TaskContext {
            inner: Arc::new(Inner {
                key: self.key(),
                attempt: self.attempt,
                task_name: self.task_name,
                task_type: self.task_type,
                external_task_type: self.external_task_type,
                priority: self.priority.unwrap_or_else(|| "normal".to_owned()),
                timeout: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
                traceparent: self.traceparent,
                node: Arc::clone(facts),
                cancelled,
                ledger,
            }),
        }
    }
}

/// A task on this node. An id that the submitter chose is unique only together with its workflow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TaskKey {
    pub(super) task_id: Arc<str>,
    pub(super) workflow_id: Arc<str>,
}

/// How a node calls itself in what it sends.
#[derive(Debug)]
pub(super) struct NodeName {
    pub(super) node_id: String,
    pub(super) service_name: String,
}

/// What a handler knows about its task, and its way to report progress. Clones are cheap.
///
/// ```
/// use gleitzeit::client::node::{TaskContext, TaskError};
/// use serde_json::{Value, json};
///
/// async fn train(task: TaskContext, input: Value) -> Result<Value, TaskError> {
///     for epoch in 1..=10_u8 {
///         task.progress(epoch * 10, "training", Some(json!({"epoch": epoch})));
///         tokio::task::yield_now().await;
///     }
///     Ok(json!({"model": input["model"], "attempt": task.attempt()}))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TaskContext {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    key: TaskKey,
    attempt: u32,
    task_name: String,
    task_type: String,
    external_task_type: Option<String>,
    priority: String,
    timeout: Option<Duration>,
    traceparent: Option<String>,
    node: Arc<NodeName>,
    cancelled: Cancellation,
    ledger: Arc<Ledger>,
}

impl TaskContext {
    pub fn task_id(&self) -> &str {
        &self.inner.key.task_id
    }

    pub fn workflow_id(&self) -> &str {
        &self.inner.key.workflow_id
    }

    /// Which try of the task this is, from 1. With the task's id it makes side effects idempotent.
    pub fn attempt(&self) -> u32 {
        self.inner.attempt
    }

    pub fn task_name(&self) -> &str {
        &self.inner.task_name
    }

    pub fn task_type(&self) -> &str {
        &self.inner.task_type
    }

    /// The type within the service, such as `ml_training`, when the task has one.
    pub fn external_task_type(&self) -> Option<&str> {
        self.inner.external_task_type.as_deref()
    }

    /// `urgent`, `high`, `normal` or `low`.
    pub fn priority(&self) -> &str {
        &self.inner.priority
    }

    /// How long the server lets this attempt run; it cancels the task then.
    pub fn timeout(&self) -> Option<Duration> {
        self.inner.timeout
    }

    /// The trace that the submitter started, in the W3C format.
    pub fn traceparent(&self) -> Option<&str> {
        self.inner.traceparent.as_deref()
    }

    /// Tells watchers how far the task is, with an optional piece of its output. Never waits: progress is
    /// for onlookers and is dropped while the server cannot be reached or reads too slowly.
    pub fn progress(&self, percent: u8, message: &str, data: Option<Value>) {
        let inner = &*self.inner;
        inner.ledger.emit_progress(&ProgressReport {
            task_id: &inner.key.task_id,
            workflow_id: &inner.key.workflow_id,
            attempt: inner.attempt,
            node_id: &inner.node.node_id,
            service_name: &inner.node.service_name,
            progress: percent.min(100),
            message,
            data,
        });
    }

    /// For work that does not end with the handler's future, such as `spawn_blocking`: ask it now and then.
    pub fn cancellation(&self) -> &Cancellation {
        &self.inner.cancelled
    }
}

/// Tells that the task was cancelled. The handler's own future is dropped by then.
#[derive(Debug, Clone)]
pub struct Cancellation(watch::Receiver<bool>);

impl Cancellation {
    pub(super) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the task is cancelled; for ever when it ends otherwise.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// An attempt as it is named in `active`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ActiveTask {
    pub(super) task_id: Arc<str>,
    pub(super) workflow_id: Arc<str>,
    pub(super) attempt: u32,
}
