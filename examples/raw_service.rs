//! A service without an SDK: a websocket and JSON. Gives back the parameters of every task as its result.
//!
//! It leaves out what the client of this crate does: acknowledgements, heartbeats, cancellation, coming back.

#![expect(clippy::indexing_slicing, reason = "a JSON value gives null for what is not there")]

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::Message};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("name the address of the server")?.replacen("http", "ws", 1);
    let (mut socket, _) = connect_async(format!("{url}/socket.io/?EIO=4&transport=websocket")).await?;
    let event = |name: &str, data: &Value| Message::text(format!("42/cluster,{}", json!([name, data])));
    let able =
        json!({"task_types": ["external_custom"], "max_concurrent_tasks": 10, "external_service": true});
    let node = json!({"node_id": "raw-1", "name": "Raw", "capabilities": able});
    while let Some(Message::Text(text)) = socket.next().await.transpose()? {
        if text.starts_with('0') {
            socket.send(Message::text("40/cluster,")).await?;
        } else if text == "2" {
            socket.send(Message::text("3")).await?;
        } else if text.starts_with("40") {
            socket.send(event("node:register", &node)).await?;
        } else if let Some(task) = text.strip_prefix("42/cluster,[\"task:assign\",") {
            let task: Value = serde_json::from_str(task.trim_end_matches(']'))?;
            let mut report = json!({"task_id": task["task_id"], "attempt": task["attempt"]});
            socket.send(event("task:accepted", &report)).await?;
            report["result"] = task["external_parameters"].clone();
            socket.send(event("task:completed", &report)).await?;
        }
    }
    Ok(())
}
