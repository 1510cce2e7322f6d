//! A service on the Rust client that does what the tasks of the test ask for.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gleitzeit::client::node::{Capability, ExternalServiceNode, NodeHandle, TaskContext, TaskError};
use serde_json::{Value, json};

/// More than one, and few enough to be filled at once.
pub const CAPACITY: usize = 4;

/// Where the handler finds the node that it belongs to.
type Own = Arc<OnceLock<NodeHandle>>;

/// Starts the service; `change` has the last word about it.
pub fn start(url: &str, change: impl FnOnce(ExternalServiceNode) -> ExternalServiceNode) -> NodeHandle {
    let own = Own::default();
    let handler_own = Arc::clone(&own);
    let node = ExternalServiceNode::new("Under Test")
        .node_id("under-test-1")
        .url(url)
        .token("secret")
        .capability(Capability::CustomProcessing)
        .max_concurrent_tasks(CAPACITY)
        // Within the patience of the kit, and longer than a busy machine takes to answer.
        .ack_timeout(Duration::from_secs(5))
        .handler("conformance", move |task, input| work(Arc::clone(&handler_own), task, input));
    let handle = change(node).start().expect("its settings hold together");
    assert!(own.set(handle.clone()).is_ok(), "it is started once");
    handle
}

async fn work(own: Own, task: TaskContext, asked: Value) -> Result<Value, TaskError> {
    let text = |field: &str| asked[field].as_str().unwrap_or_default().to_owned();
    match asked["do"].as_str() {
        Some("echo") => {}
        Some("sleep") => {
            let ms = asked["ms"].as_u64().ok_or_else(|| TaskError::new("`ms` is no number").permanent())?;
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        Some("progress") => task.progress(50, "half way", Some(json!({"piece": 1}))),
        Some("fail") => {
            let failure = TaskError::new(text("message"));
            let failure = if asked["code"].is_null() { failure } else { failure.code(text("code")) };
            return Err(if asked["retryable"] == false { failure.permanent() } else { failure });
        }
        Some("drain") => {
            if let Some(node) = own.get().cloned() {
                tokio::spawn(async move { node.drain().await });
            }
        }
        _ => return Err(TaskError::new("this is not known here")),
    }
    Ok(asked["value"].clone())
}
