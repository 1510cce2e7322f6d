//! A service without an SDK: a websocket and JSON. Gives back the parameters of every task as its result.
//!
//! It leaves out what the client of this crate does: acknowledgements, heartbeats, cancellation, coming back.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::Message};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("name the address of the server")?.replacen("http", "ws", 1);
    let (mut socket, _) = connect_async(format!("{url}/socket.io/?EIO=4&transport=websocket")).await?;
    let event = |name, data| Message::text(format!("42/cluster,{}", json!([name, data])));
    let offer = json!({"task_types": ["external_custom"], "max_concurrent_tasks": 10});
    let node = json!({"node_id": "raw-1", "name": "Raw", "capabilities": offer});
    while let Some(Message::Text(text)) = socket.next().await.transpose()? {
        if let Some(task) = text.strip_prefix("42/cluster,[\"task:assign\",") {
            let task: Value = serde_json::from_str(task.trim_end_matches(']'))?;
            let [id, attempt, input] = ["task_id", "attempt", "external_parameters"].map(|key| task.get(key));
            socket.send(event("task:accepted", json!({"task_id": id, "attempt": attempt}))).await?;
            let done = json!({"task_id": id, "attempt": attempt, "result": input});
            socket.send(event("task:completed", done)).await?;
        } else if text.starts_with('0') || text == "2" {
            socket.send(Message::text(if text == "2" { "3" } else { "40/cluster," })).await?;
        } else if text.starts_with("40") {
            socket.send(event("node:register", node.clone())).await?;
        }
    }
    Ok(())
}
