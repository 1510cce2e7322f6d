//! Parameters beside `url`, and the two times that a task with a request has.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::peer::{Heard, Peer, say};
use super::start;

#[test]
fn the_short_form_has_every_parameter() {
    fn script(_: usize, heard: &Heard, stream: &mut TcpStream) -> std::io::Result<()> {
        match heard.path.as_str() {
            "/slow" => {
                std::thread::sleep(Duration::from_mins(1));
                Ok(())
            }
            "/long" => say(stream, "200 OK", "", &[b'x'; 1_001]),
            _ => say(stream, "200 OK", "", heard.body.as_bytes()),
        }
    }
    let (server, _data) = start();
    let peer = Peer::start(script);
    let rest = server.rest();
    let bytes = json!({"url": peer.url("/"), "method": "POST", "body_base64": "aGVsbG8="});
    assert_eq!(rest.run_task(&bytes)["result"]["content"], "hello");
    let failed = |task: &Value| {
        let detail = rest.run_task(task);
        detail["error"]["code"].as_str().unwrap_or_else(|| panic!("{detail}")).to_owned()
    };
    let slow = json!({"url": peer.url("/slow"), "timeout": 0.2, "max_retries": 0});
    assert_eq!(failed(&slow), "GZ6002", "the time of the request, and not of the task");
    let task = json!({"url": peer.url("/slow"), "timeout_seconds": 0.2, "max_retries": 0});
    assert_eq!(failed(&task), "GZ2002");
    assert_eq!(failed(&json!({"url": peer.url("/long"), "max_bytes": 1_000, "max_retries": 0})), "GZ7002");
    let long = json!({"url": peer.url("/"), "timeout": 400});
    assert_eq!(rest.run_task(&long)["timeout_seconds"], 410.0, "the task has time for its request");
    let both = json!({"name": "w", "tasks": [{"function": "gcd", "timeout": 1, "timeout_seconds": 2}]});
    let refused = rest.post("/workflows", &[], &both).expect("it answers");
    assert!(
        refused.body["detail"].as_str().is_some_and(|text| text.contains("mean the same")),
        "{}",
        refused.body
    );
}
