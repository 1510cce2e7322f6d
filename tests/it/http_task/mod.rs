//! `http` tasks through the real binary, against a scripted server.

pub mod peer;
mod short_form;
mod tls;

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{PATIENCE, Server, until};
use peer::{Heard, Peer, say};

const JSON: &str = "Content-Type: application/json\r\n";

/// A server that may send requests to loopback.
fn start() -> (Server, TempDir) {
    let data = tempfile::tempdir().expect("a temporary directory");
    (Server::start(data.path(), &["--http-allow", "127.0.0.0/8"]), data)
}

fn task(parameters: &Value) -> Value {
    json!({"name": "t", "task_type": "http", "parameters": parameters, "max_retries": 0})
}

fn result(server: &Server, parameters: &Value) -> Value {
    let detail = server.rest().run_task(&task(parameters));
    assert_eq!(detail["status"], "completed", "{detail}");
    detail["result"].clone()
}

/// The code and the message of a task that must fail.
fn failure(server: &Server, parameters: &Value) -> (String, String) {
    let detail = server.rest().run_task(&task(parameters));
    assert_eq!(detail["status"], "failed", "{detail}");
    let text = |name: &str| detail["error"][name].as_str().expect("a failure says so").to_owned();
    (text("code"), text("message"))
}

fn echo(_: usize, heard: &Heard, stream: &mut TcpStream) -> std::io::Result<()> {
    say(stream, "200 OK", JSON, json!({"body": heard.body, "path": heard.path}).to_string().as_bytes())
}

#[test]
fn methods_headers_and_bodies_arrive_as_written() {
    let (server, _data) = start();
    for (parameters, method, content_type, body) in [
        (json!({}), "GET", None, ""),
        (json!({"method": "HEAD"}), "HEAD", None, ""),
        (
            json!({"method": "post", "data": {"a": [1, "ü"]}}),
            "POST",
            Some("application/json"),
            r#"{"a":[1,"ü"]}"#,
        ),
        (json!({"method": "PATCH", "data": [1]}), "PATCH", Some("application/json"), "[1]"),
        (json!({"method": "DELETE", "data": "x"}), "DELETE", Some("application/json"), r#""x""#),
        (
            json!({"method": "POST", "form": {"a b": "c&d", "n": 1, "l": ["x", "y"]}}),
            "POST",
            Some("application/x-www-form-urlencoded"),
            "a+b=c%26d&l=x&l=y&n=1",
        ),
        (json!({"method": "PUT", "body": "plain"}), "PUT", Some("text/plain; charset=utf-8"), "plain"),
        (json!({"method": "PUT", "body_base64": "aGk="}), "PUT", Some("application/octet-stream"), "hi"),
        (
            json!({"method": "PUT", "body": "a,b", "headers": {"Content-Type": "text/csv"}}),
            "PUT",
            Some("text/csv"),
            "a,b",
        ),
    ] {
        let peer = Peer::start(echo);
        let mut parameters = parameters;
        parameters["url"] = json!(peer.url("/p"));
        assert_eq!(result(&server, &parameters)["status_code"], 200);
        let heard = peer.only();
        assert_eq!((heard.method.as_str(), heard.body.as_str()), (method, body));
        assert_eq!(heard.header("content-type"), content_type, "{heard:?}");
    }
    let peer = Peer::start(echo);
    let url = peer.url("/p?x=1");
    let headers = json!({"X-Number": 7, "X-Text": "Grüße", "X-None": null});
    let answer =
        result(&server, &json!({"url": url, "query": {"q": "a b", "l": [1, true]}, "headers": headers}));
    let heard = peer.only();
    assert_eq!(heard.path, "/p?x=1&l=1&l=true&q=a+b");
    assert_eq!((heard.header("x-number"), heard.header("x-none")), (Some("7"), None));
    assert_eq!(answer["url"], peer.url(&heard.path));
}

#[test]
fn a_response_is_text_json_or_base64() {
    fn script(_: usize, heard: &Heard, stream: &mut TcpStream) -> std::io::Result<()> {
        match heard.path.as_str() {
            "/json" => say(
                stream,
                "200 OK",
                "Content-Type: Application/Problem+JSON; charset=utf-8\r\n",
                b"{ \"n\" : 7 }",
            ),
            "/broken" => say(stream, "200 OK", JSON, b"{\"n\":"),
            "/deep" => say(stream, "200 OK", JSON, "[".repeat(5_000).as_bytes()),
            "/latin" => {
                say(stream, "200 OK", "Content-Type: text/plain; charset=ISO-8859-1\r\n", b"Gr\xfc\xdfe")
            }
            "/bytes" => say(stream, "200 OK", "Content-Type: image/png\r\n", b"\x89PNG\r\n"),
            "/twice" => say(stream, "200 OK", "X-A: 1\r\nX-A: 2\r\n", b""),
            _ => say(stream, "204 No Content", "", b""),
        }
    }
    let (server, _data) = start();
    let peer = Peer::start(script);
    let get = |path: &str, more: Value| {
        let mut parameters = more;
        parameters["url"] = json!(peer.url(path));
        parameters
    };
    let shown = |answer: &Value| {
        [answer["content"].to_string(), answer["json"].to_string(), answer["base64"].to_string()]
    };
    for (path, more, content, json, base64) in [
        ("/json", json!({}), r#""{ \"n\" : 7 }""#, r#"{"n":7}"#, "null"),
        ("/json", json!({"response": "text"}), r#""{ \"n\" : 7 }""#, "null", "null"),
        ("/json", json!({"response": "json"}), "null", r#"{"n":7}"#, "null"),
        ("/broken", json!({}), r#""{\"n\":""#, "null", "null"),
        ("/latin", json!({}), r#""Grüße""#, "null", "null"),
        ("/bytes", json!({}), r#""iVBORw0K""#, "null", "true"),
        ("/twice", json!({"response": "base64"}), r#""""#, "null", "true"),
        ("/none", json!({}), r#""""#, "null", "null"),
    ] {
        assert_eq!(shown(&result(&server, &get(path, more))), [content, json, base64], "{path}");
    }
    assert_eq!(result(&server, &get("/twice", json!({})))["headers"]["x-a"], "1, 2");
    assert!(result(&server, &get("/deep", json!({}))).get("json").is_none());
    for (path, shape) in [("/broken", "json"), ("/bytes", "json"), ("/bytes", "text")] {
        let (code, message) = failure(&server, &get(path, json!({"response": shape})));
        assert!(code == "GZ7001" && message.contains("is not"), "{code} {message}");
    }
}

#[test]
fn a_status_beside_the_allowed_ones_is_a_failure() {
    fn script(before: usize, heard: &Heard, stream: &mut TcpStream) -> std::io::Result<()> {
        match heard.path.split('?').next().unwrap_or_default() {
            "/404" => say(stream, "404 Not Found", JSON, br#"{"detail":"no such thing"}"#),
            "/304" => say(stream, "304 Not Modified", "", b""),
            // Asks for a longer pause than the policy's, then answers.
            "/429" if before == 0 => say(stream, "429 Too Many Requests", "Retry-After: 1\r\n", b"slow down"),
            "/503" if before == 0 => say(
                stream,
                "503 Service Unavailable",
                "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:01 GMT\r\n",
                b"",
            ),
            _ => say(stream, "200 OK", "", b"at last"),
        }
    }
    let (server, _data) = start();
    let peer = Peer::start(script);
    let (code, message) = failure(&server, &json!({"url": peer.url("/404?token=secret")}));
    assert_eq!(code, "GZ2040");
    assert!(message.ends_with(r#"/404: 404 Not Found: {"detail":"no such thing"}"#), "{message}");
    assert!(!message.contains("secret"), "{message}");
    // One that will not do is not tried again, whatever the policy is.
    let mut patient = task(&json!({"url": peer.url("/404")}));
    patient["max_retries"] = json!(5);
    let detail = server.rest().run_task(&patient);
    assert_eq!((&detail["attempt"], &detail["error"]["details"]["status_code"]), (&json!(1), &json!(404)));

    let allowed = result(&server, &json!({"url": peer.url("/404"), "allow_status": [404]}));
    assert_eq!((&allowed["status_code"], &allowed["json"]["detail"]), (&json!(404), &json!("no such thing")));
    assert_eq!(result(&server, &json!({"url": peer.url("/304"), "allow_status": [304]}))["status_code"], 304);

    for path in ["/429", "/503"] {
        let peer = Peer::start(script);
        let mut task = task(&json!({"url": peer.url(path)}));
        task["retry"] = json!({"max_attempts": 2, "base_delay": 0.01, "jitter": false});
        let detail = server.rest().run_task(&task);
        assert_eq!(detail["result"]["content"], "at last", "{detail}");
        assert_eq!(peer.heard().len(), 2);
        let events = server.rest().read(&format!("/tasks/{}", detail["id"].as_str().expect("an id")));
        let (failed, ended) = (&events["attempts"][0]["ended_at"], &events["ended_at"]);
        let millis = |time: &Value| {
            let time: jiff::Timestamp = time.as_str().expect("a time").parse().expect("RFC 3339");
            time.as_millisecond()
        };
        assert!(millis(ended) - millis(failed) >= 1_000, "{path}: {failed} to {ended}");
    }
}

#[test]
fn trouble_of_the_network_is_tried_again() {
    fn script(before: usize, _: &Heard, stream: &mut TcpStream) -> std::io::Result<()> {
        match before {
            // Closed without a word, cut in the middle of the body, no HTTP, too slow.
            0 => Ok(()),
            1 => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"),
            2 => write!(stream, "SSH-2.0-OpenSSH\r\n"),
            3 => {
                std::thread::sleep(Duration::from_mins(1));
                Ok(())
            }
            _ => say(stream, "200 OK", "", b"whole"),
        }
    }
    let (server, _data) = start();
    let peer = Peer::start(script);
    let mut task = task(&json!({"url": peer.url("/"), "timeout": 10}));
    task["retry"] = json!({"max_attempts": 5, "base_delay": 0.01, "jitter": false});
    let detail = server.rest().run_task(&task);
    assert_eq!(detail["result"]["content"], "whole", "{detail}");
    let codes: Vec<&str> = detail["attempts"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["code"].as_str())
        .collect();
    assert_eq!(codes, ["GZ2040", "GZ2040", "GZ2040", "GZ6002"], "{detail}");
}

#[test]
fn a_body_without_end_costs_no_more_than_the_limit() {
    fn script(_: usize, heard: &Heard, stream: &mut TcpStream) -> std::io::Result<()> {
        write!(stream, "HTTP/1.1 200 OK\r\n")?;
        if heard.path == "/stated" {
            return write!(stream, "Content-Length: 10000000000\r\n\r\nx");
        }
        write!(stream, "Connection: close\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 1 << 12])?;
        }
    }
    let (server, _data) = start();
    let peer = Peer::start(script);
    for path in ["/stated", "/endless"] {
        let (code, message) = failure(&server, &json!({"url": peer.url(path)}));
        assert_eq!(code, "GZ7002");
        assert!(message.contains("4194304"), "{message}");
    }
    let (_, message) = failure(&server, &json!({"url": peer.url("/endless"), "max_bytes": 1_000}));
    assert!(message.contains("limit of 1000 bytes"), "{message}");
    let (code, message) = failure(&server, &json!({"url": peer.url("/"), "max_bytes": 1_u64 << 40}));
    assert!(code == "GZ7001" && message.contains("`response_bytes` under `[http]`"), "{message}");
}

#[test]
fn a_result_that_grows_beyond_the_limit_fails_the_task() {
    fn script(_: usize, _: &Heard, stream: &mut TcpStream) -> std::io::Result<()> {
        // Each byte takes six when it is written as JSON.
        say(stream, "200 OK", "", &vec![1; 3 << 20])
    }
    let (server, _data) = start();
    let peer = Peer::start(script);
    let (code, message) = failure(&server, &json!({"url": peer.url("/")}));
    assert!(code == "GZ7002" && message.contains("`result_bytes` under `[limits]`"), "{message}");
    let answer = result(&server, &json!({"url": peer.url("/"), "response": "base64"}));
    assert_eq!(answer["content"].as_str().map(str::len), Some(4 << 20));
}

#[test]
fn redirects_are_followed_checked_and_counted() {
    fn script(_: usize, heard: &Heard, stream: &mut TcpStream) -> std::io::Result<()> {
        match heard.path.split_once('?') {
            Some(("/to", target)) => say(stream, "302 Found", &format!("Location: {target}\r\n"), b""),
            _ if heard.path == "/loop" => say(stream, "302 Found", "Location: /loop\r\n", b""),
            _ => say(stream, "200 OK", "", b"here"),
        }
    }
    let (server, _data) = start();
    let peer = Peer::start(script);
    let answer = result(&server, &json!({"url": peer.url("/to?/there")}));
    assert_eq!((&answer["content"], &answer["url"]), (&json!("here"), &json!(peer.url("/there"))));
    let (code, message) = failure(&server, &json!({"url": peer.url("/loop"), "redirects": 3}));
    assert!(code == "GZ2040" && message.contains("redirected more than 3 times"), "{message}");
    assert_eq!(peer.heard().len(), 2 + 4);
    let kept = json!({"url": peer.url("/to?/there"), "redirects": 0, "allow_status": [302]});
    assert_eq!(result(&server, &kept)["headers"]["location"], "/there");
    for target in ["http://169.254.169.254/latest/meta-data", "http://[::1]:9/", "http://10.0.0.1/"] {
        let (code, message) = failure(&server, &json!({"url": peer.url(&format!("/to?{target}"))}));
        assert!(code == "GZ6001", "{target}: {message}");
    }
}

#[test]
fn loopback_is_closed_unless_the_configuration_opens_it() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let peer = Peer::start(echo);
    let file = data.path().join("g.toml");
    let closed = Server::start(&data.path().join("closed"), &[]);
    let (code, message) = failure(&closed, &json!({"url": peer.url("/")}));
    assert_eq!(code, "GZ6001");
    assert!(
        message.contains("a loopback address") && message.contains("`allow` under `[http]`"),
        "{message}"
    );
    // Not tried again, whatever the policy says.
    let mut patient = task(&json!({"url": peer.url("/").replace("127.0.0.1", "localhost")}));
    patient["max_retries"] = json!(5);
    let detail = closed.rest().run_task(&patient);
    assert_eq!((&detail["error"]["code"], &detail["attempt"]), (&json!("GZ6001"), &json!(1)));
    assert!(peer.heard().is_empty());

    std::fs::write(&file, "[http]\nallow = [\"localhost\"]\n").expect("it can be written");
    let flags = ["--config", file.to_str().expect("a path of text")];
    let by_name = Server::start(&data.path().join("by-name"), &flags);
    let localhost = peer.url("/").replace("127.0.0.1", "localhost");
    assert_eq!(result(&by_name, &json!({"url": localhost}))["status_code"], 200);
    assert_eq!(failure(&by_name, &json!({"url": peer.url("/")})).0, "GZ6001");
}

#[test]
fn nothing_can_be_slipped_into_a_request() {
    let (server, _data) = start();
    let peer = Peer::start(echo);
    for (parameters, code) in [
        (json!({"headers": {"X-A": "a\r\nX-Injected: yes"}}), "GZ7001"),
        (json!({"headers": {"X-A\r\nX-Injected": "yes"}}), "GZ7001"),
        (json!({"headers": {"Transfer-Encoding": "chunked"}}), "GZ7001"),
        (json!({"headers": {"X-A": {"no": "text"}}}), "GZ7001"),
        (json!({"method": "GET / HTTP/1.1\r\nX-Injected: yes\r\n"}), "GZ7001"),
        (json!({"data": 1, "body": "two"}), "GZ7001"),
        (json!({"body_base64": "***"}), "GZ7001"),
        (json!({"timeout": 0}), "GZ7001"),
        (json!({"response": "jsom"}), "GZ7001"),
    ] {
        let mut parameters = parameters;
        parameters["url"] = json!(peer.url("/"));
        let (found, message) = failure(&server, &parameters);
        assert_eq!(found, code, "{parameters}: {message}");
    }
    let url = format!("{}\r\nX-Injected: yes", peer.url("/"));
    assert_eq!(failure(&server, &json!({"url": url})).0, "GZ7001");
    assert!(peer.heard().is_empty(), "{:?}", peer.heard());
    // What a result brings in through a template is checked like the rest.
    let body = json!({"name": "Slipped", "tasks": [
        {"name": "a", "function": "decode_base64", "args": ["YQ0KWC1JbmplY3RlZDogeWVz"]},
        {"name": "b", "url": peer.url("/"), "headers": {"X-A": "{{a.result}}"}, "max_retries": 0},
    ]});
    let answer = server.rest().post("/workflows", &[("Prefer", "wait=25")], &body).expect("it answers");
    let id = answer.body["id"].as_str().expect("an id");
    server.rest().ended(id);
    let results = server.rest().read(&format!("/workflows/{id}/results"));
    assert_eq!(results["errors"]["b"]["code"], "GZ7001", "{results}");
    assert!(peer.heard().is_empty());
}

#[test]
fn a_wrong_name_is_refused_when_the_task_is_submitted() {
    let (server, _data) = start();
    for (parameters, expected) in [
        (json!({"url": "http://x.example/", "metod": "GET"}), "did you mean `method`?"),
        (json!({"url": "http://x.example/", "json": {}}), "known: url, method"),
        (json!({"method": "GET"}), "need `url`"),
    ] {
        let body = json!({"name": "Wrong", "tasks": [task(&parameters)]});
        let answer = server.rest().post("/workflows", &[], &body).expect("it answers");
        assert_eq!(answer.status, 422, "{}", answer.body);
        assert!(answer.body["detail"].as_str().expect("text").contains(expected), "{}", answer.body);
    }
}

#[test]
fn a_cancelled_task_drops_its_connection() {
    fn script(_: usize, _: &Heard, stream: &mut TcpStream) -> std::io::Result<()> {
        // Trickles until the other side is gone.
        write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        for _ in 0..2_000 {
            stream.write_all(b"x")?;
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
    let (server, _data) = start();
    let peer = Peer::start(script);
    let body = json!({"name": "Slow", "tasks": [task(&json!({"url": peer.url("/")}))]});
    let answer = server.rest().post("/workflows", &[], &body).expect("it answers");
    let id = answer.body["id"].as_str().expect("an id").to_owned();
    let wait = PATIENCE;
    until("the request arrives", wait, || (!peer.heard().is_empty()).then_some(()));
    server.rest().post(&format!("/workflows/{id}/cancel"), &[], &Value::Null).expect("it answers");
    let status = || server.rest().read(&format!("/workflows/{id}"))["status"].clone();
    until("the workflow ends", wait, || (status() == "cancelled").then_some(()));
    let services = || server.rest().read("/services")["items"].clone();
    let idle = |items: &Value| {
        let desk = items.as_array().into_iter().flatten().find(|one| one["id"] == "built-in:http").cloned();
        desk.is_some_and(|desk| desk["active_tasks"] == 0)
    };
    until("its slot is free", wait, || idle(&services()).then_some(()));
}
