//! A service on the Rust client that does nothing, to measure how many tasks one process takes.
//!
//! ```sh
//! cargo build --release --example noop_service --no-default-features --features client
//! gleitzeit bench --service-command target/release/examples/noop_service
//! ```
//!
//! The load generator tells it all it needs by the environment, and ends it.

use std::env::var_os;
use std::error::Error;

use gleitzeit::client::node::{Capability, ExternalServiceNode, TaskContext, TaskError};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

async fn nothing(_: TaskContext, parameters: Value) -> Result<Value, TaskError> {
    Ok(parameters)
}

fn told(name: &str, otherwise: &str) -> String {
    var_os(name).map_or_else(|| otherwise.to_owned(), |value| value.to_string_lossy().into_owned())
}

// One thread: the server, or what measures this service, has the other processors to itself.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let node = ExternalServiceNode::new(told("GLEITZEIT_SERVICE_NAME", "Nothing"))
        .url(told("GLEITZEIT_URL", "http://127.0.0.1:8000"))
        .token(told("GLEITZEIT_TOKEN", ""))
        .capability(Capability::CustomProcessing)
        .handler(told("GLEITZEIT_TASK_TYPE", "custom_processing"), nothing)
        .max_concurrent_tasks(told("GLEITZEIT_WINDOW", "100").parse()?)
        .start()?;
    tokio::select! {
        _ = terminate.recv() => node.stop().await,
        // The other side has told it to end.
        () = node.stopped() => {}
    }
    Ok(())
}
