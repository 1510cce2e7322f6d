//! Connections that take all descriptors of the process: the log waits for one, and nothing that was acknowledged is lost.

use std::time::Duration;

use serde_json::{Value, json};

use super::line::Line;
use crate::harness::{PATIENCE, Server, until};

/// A few of these fill a segment.
const PAYLOAD_BYTES: usize = 200_000;

fn submit(line: &mut Line) -> (u16, Value) {
    let task = json!({"name": "A", "external": "custom", "service": "nobody", "parameters": {"x": "y".repeat(PAYLOAD_BYTES)}});
    let body = json!({"name": "f", "tasks": [task]}).to_string();
    let head = format!(
        "POST /api/v1/workflows HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    assert!(line.say(head.as_bytes()) && line.say(body.as_bytes()), "the connection holds");
    let (status, answer) = line.answer();
    (status, serde_json::from_str(&answer).expect("answers are JSON"))
}

#[test]
fn without_descriptors_work_is_refused_and_nothing_is_lost() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let mut server = Server::start(data.path(), &["--segment-size", "1MiB"]);
    let mut owner = Line::open(&server);
    let mut acknowledged = Vec::new();
    let mut accept = |status: u16, answer: &Value| {
        if status == 201 {
            acknowledged.push(answer["id"].as_str().expect("it has an id").to_owned());
        }
        status == 201
    };
    let (status, answer) = submit(&mut owner);
    assert!(accept(status, &answer), "{answer}");
    server.allow_descriptors(server.descriptors());
    let strangers: Vec<Line> = (0..20).map(|_| Line::open(&server)).collect();
    let refused = (0..100).find_map(|_| {
        let (status, answer) = submit(&mut owner);
        (!accept(status, &answer)).then_some((status, answer))
    });
    let (status, answer) = refused.expect("no segment can be begun");
    assert_eq!((status, &answer["code"]), (503, &json!("GZ1030")), "{answer}");
    assert!(answer.to_string().contains("LimitNOFILE"), "it says what is missing: {answer}");
    drop(strangers);
    server.allow_descriptors(500);
    until("work is taken again", PATIENCE, || {
        std::thread::sleep(Duration::from_millis(100));
        let (status, answer) = submit(&mut owner);
        accept(status, &answer).then_some(())
    });
    server.kill();
    server.restart();
    for id in acknowledged {
        assert_eq!(server.rest().read(&format!("/workflows/{id}"))["name"], json!("f"));
    }
}
