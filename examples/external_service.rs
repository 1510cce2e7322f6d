//! A service on the Rust client: sums up numbers, says how far it is, and leaves without losing a task.
//!
//! ```sh
//! cargo run --example external_service --no-default-features --features client -- http://127.0.0.1:8000
//! ```

#![expect(clippy::indexing_slicing, reason = "a JSON value gives null for what is not there")]

use std::error::Error;

use gleitzeit::client::node::{Capability, ExternalServiceNode, TaskContext, TaskError};
use serde_json::{Value, json};

/// A server that is not for this machine alone asks for one: see `gleitzeit auth key create --help`.
const KEY: &str = "";

async fn sum_up(task: TaskContext, input: Value) -> Result<Value, TaskError> {
    let Some(numbers) = input["numbers"].as_array().filter(|numbers| !numbers.is_empty()) else {
        // Trying again would not help.
        return Err(TaskError::new("`numbers` must be a list that is not empty").permanent());
    };
    let mut sum = 0.0;
    for (seen, number) in numbers.iter().enumerate() {
        sum += number.as_f64().ok_or_else(|| TaskError::new(format!("{number} is no number")).permanent())?;
        if seen == numbers.len() / 2 {
            task.progress(50, "half of the numbers seen", Some(json!({"sum": sum})));
        }
        // A place where a cancelled task ends: its future is dropped at the next await.
        tokio::task::yield_now().await;
    }
    Ok(json!({"sum": sum, "count": numbers.len(), "attempt": task.attempt()}))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8000".to_owned());
    let node = ExternalServiceNode::new("Sums")
        // The same after a restart of this process, so that the server knows whose tasks these were.
        .node_id("sums-1")
        .url(url)
        .token(KEY)
        .capability(Capability::DataProcessing)
        .handler("data_processing", sum_up)
        .max_concurrent_tasks(8)
        .start()?;
    node.registered().await?;
    println!("registered as {}", node.status().node_id);
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            // What runs is finished and delivered, and nothing new is taken.
            node.drain().await;
            node.stop().await;
        }
        // `gleitzeit shutdown --services` ends it as well.
        () = node.stopped() => {}
    }
    let status = node.status();
    println!("{} tasks completed, {} failed", status.completed, status.failed);
    Ok(())
}
