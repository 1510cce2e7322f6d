//! Many workflows in one request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::ended;
use crate::harness::{PATIENCE, Server};

fn workflow(name: &str) -> Value {
    json!({"name": name, "tasks": [{"name": "t", "function": "count_words", "args": ["x"]}]})
}

/// Sends a body in one go and reads all lines of the answer.
fn batch(server: &Server, body: &str) -> Vec<Value> {
    let url = format!("{}/api/v1/workflows/batch", server.url());
    let response = ureq::post(url).header("content-type", "application/x-ndjson").send(body).unwrap();
    assert_eq!(response.status(), 200);
    let lines = BufReader::new(response.into_body().into_reader()).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

#[test]
fn each_line_is_answered_in_order_and_a_bad_one_stops_no_other() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let mut own = workflow("own");
    own["id"] = json!("order-1");
    let mut keyed = workflow("keyed");
    keyed["idempotency_key"] = json!("k1");
    let mut other = workflow("another body");
    other["idempotency_key"] = json!("k1");
    let lines = [
        workflow("first").to_string(),
        "{\"name\": ".to_owned(),
        String::new(),
        own.to_string(),
        json!({"name": "empty", "tasks": []}).to_string(),
        keyed.to_string(),
        keyed.to_string(),
        other.to_string(),
        workflow("last").to_string(),
    ];
    let answers = batch(&server, &lines.join("\n"));
    let codes: Vec<u64> = answers.iter().map(|answer| answer["code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [201, 400, 201, 422, 201, 200, 409, 201], "{answers:?}");
    let numbers: Vec<u64> = answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(answers[4]["id"], answers[5]["id"]);
    assert_eq!((&answers[2]["id"], &answers[6]["error"]["code"]), (&json!("order-1"), &json!("GZ3006")));
    // Every line that was answered is on the disk.
    server.kill();
    server.restart();
    let rest = server.rest();
    for answer in answers.iter().filter(|answer| answer["code"] == 201) {
        assert_eq!(ended(&rest, answer["id"].as_str().unwrap())["name"], answer["name"]);
    }
}

#[test]
fn thousands_of_lines_are_sent_before_an_answer_is_read() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let lines: Vec<String> = (0..2_000).map(|number| workflow(&format!("w {number}")).to_string()).collect();
    let answers = batch(&server, &lines.join("\n"));
    assert_eq!(answers.len(), 2_000);
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!((&answer["code"], &answer["name"]), (&json!(201), &json!(format!("w {number}"))));
    }
}

#[test]
fn a_line_is_answered_before_the_next_one_is_sent() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let address = server.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /api/v1/workflows/batch HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut told = String::new();
    for number in 1..=3 {
        let line = format!("{}\n", workflow(&format!("w {number}")));
        stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).unwrap();
        let mut part = [0; 4_096];
        while !told.contains(&format!("\"name\":\"w {number}\"")) {
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "the stream ended after: {told}");
            told.push_str(&String::from_utf8_lossy(&part[..read]));
        }
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
}
