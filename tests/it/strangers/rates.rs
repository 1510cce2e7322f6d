//! Who comes too often: it is told so, it waits, and nobody else is concerned.

use std::time::Duration;

use serde_json::{Value, json};

use super::line::Line;
use super::sockets::{authenticate, guarded, joined};
use super::{configured, path, sid};
use crate::access::{Caller, refused};
use crate::harness::{Answer, PATIENCE, Server, gleitzeit, now, until};

/// More than any rate of these tests lets in while they run, even on a slow machine.
const MANY: usize = 60;

/// A value of the metrics, on a line that is there already.
fn limited(line: &mut Line, key: &str, what: &str) -> u64 {
    let head = format!("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n");
    assert!(line.say(head.as_bytes()));
    let (status, metrics) = line.answer();
    assert_eq!(status, 200, "{metrics}");
    let series = format!("gleitzeit_rate_limited_total{{what=\"{what}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(series.as_str()));
    value.unwrap_or_else(|| panic!("no {series} in {metrics}")).parse().expect("a number")
}

/// Asks until it is refused for its rate. Everything before that has the status that is expected.
fn asks_too_often(caller: &Caller, path: &str, before: u16) -> Answer {
    for _ in 0..MANY {
        let answer = caller.get(path);
        if answer.status == 429 {
            refused(&answer, 429, "GZ4023", path);
            assert!(answer.body["retry_after_ms"].as_u64().is_some_and(|ms| ms <= 1_000), "{}", answer.body);
            return answer;
        }
        assert_eq!(answer.status, before, "{path}: {}", answer.body);
    }
    panic!("{path} is answered as often as anybody likes");
}

#[test]
fn an_address_opens_so_many_connections_in_a_second_and_no_more() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server =
        configured(&base, "[rates]\nconnections_per_address = 2\nburst_seconds = 1\nloopback = true\n");
    let mut kept = Line::open(&server);
    assert_eq!(kept.ask("GET /livez"), 200);
    let ask = || {
        let mut line = Line::open(&server);
        line.say(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        String::from_utf8(line.rest()).expect("it is text")
    };
    let answers: Vec<String> = (0..MANY).map(|_| ask()).collect();
    let told = |answer: &&String| {
        answer.starts_with("HTTP/1.1 429 ")
            && answer.contains("retry-after: 1\r\n")
            && answer.ends_with("or try again later")
    };
    assert!(answers.iter().any(|answer| told(&answer)), "{answers:?}");
    let known = |answer: &String| answer.is_empty() || told(&answer) || answer.starts_with("HTTP/1.1 200 ");
    assert!(answers.iter().all(known), "{answers:?}");
    assert_eq!(kept.ask("GET /livez"), 200, "a connection that is there is not concerned");
    until("it is let in again", PATIENCE, || ask().starts_with("HTTP/1.1 200 ").then_some(()));
    assert!(limited(&mut kept, "", "connections") > 0);
}

#[test]
fn strangers_ask_so_often_and_whoever_has_a_key_is_not_concerned() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let rates = "[rates]\nrequests_per_address = 2\nburst_seconds = 1\nloopback = true\n";
    let (server, key) = guarded(&base, rates);
    let (nobody, somebody) = (Caller::new(&server, None), Caller::new(&server, Some(&key)));
    for (path, before) in
        [("/api/v1/stats", 401), ("/docs", 200), ("/openapi.json", 200), ("/nothing", 404), ("/metrics", 401)]
    {
        asks_too_often(&nobody, path, before);
        assert_eq!(somebody.get("/api/v1/whoami").status, 200, "a key is let in from the same address");
        for sign in ["/livez", "/readyz", "/health"] {
            assert_eq!(nobody.get(sign).status, 200, "{sign}: whoever looks whether it lives is not counted");
        }
    }
    let callback = |_| nobody.ask("POST", "/api/v1/callbacks/guess", &json!({})).status;
    assert!((0..MANY).map(callback).any(|status| status == 429), "callbacks cannot be found by trying");
    let mut line = Line::open(&server);
    for begin in ["transport=polling", "transport=polling&sid=made-up"] {
        let mut ask = || line.ask_for(&format!("GET /socket.io/?EIO=4&{begin}"));
        let told = (0..MANY).map(|_| ask()).find(|answer| answer.contains("GZ4023"));
        let problem: Value = serde_json::from_str(&told.expect("it is refused")).expect("it is JSON");
        assert_eq!((&problem["status"], &problem["retryable"]), (&json!(429), &json!(true)), "{problem}");
    }
    assert!(limited(&mut line, &key, "requests_without_key") >= 7);
}

#[test]
fn a_key_asks_as_often_as_the_setting_says_and_others_are_not_concerned() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let (server, key) = guarded(&base, "[rates]\nrequests_per_key = 2\nburst_seconds = 1\n");
    let admin = Caller::new(&server, Some(&key));
    let other = until("there is another key", PATIENCE, || {
        let body = json!({"user": "admin", "name": "other", "role": "operator"});
        let answer = admin.ask("POST", "/api/v1/keys", &body);
        answer.body["secret"].as_str().map(|secret| Caller::new(&server, Some(secret)))
    });
    let answer = asks_too_often(&admin, "/api/v1/whoami", 200);
    assert!(
        answer.body["detail"].as_str().is_some_and(|why| why.contains("sends more than 2 requests a second"))
    );
    assert_eq!(other.get("/api/v1/whoami").status, 200, "another key has a rate of its own");
    let nobody = Caller::new(&server, None);
    assert!((0..MANY).all(|_| nobody.get("/api/v1/whoami").status == 401), "this machine is not counted");
    until("it is let in again", PATIENCE, || (admin.get("/api/v1/whoami").status == 200).then_some(()));
}

/// The next one; events come between them.
fn acknowledgement(socket: &mut Line) -> String {
    loop {
        let text = socket.text();
        if text.starts_with("43/cluster,") {
            return text;
        }
    }
}

/// Requests are refused in words; what a service says is read later, and nothing of it is lost.
#[test]
fn sockets_of_a_key_are_slowed_down_and_lose_nothing() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let (server, key) = guarded(&base, "[rates]\nmessages_per_key = 20\nburst_seconds = 1\n");
    let mut socket = joined(&server);
    authenticate(&mut socket, &key);
    let mut ask = |number: usize, event: &str| {
        assert!(socket.send_text(&format!("42/cluster,{number}[\"{event}\",{{}}]")));
    };
    (0..MANY).for_each(|number| ask(number + 100, "cluster:stats"));
    let answers: Vec<String> = (0..MANY).map(|_| acknowledgement(&mut socket)).collect();
    let (early, taken): (Vec<&String>, Vec<&String>) =
        answers.iter().partition(|answer| answer.contains("\"code\":\"GZ4023\""));
    assert!(early.iter().all(|answer| answer.contains("\"retry_after_ms\":")), "{early:?}");
    assert!(taken.iter().all(|answer| answer.contains("connected_clients")), "{taken:?}");
    assert!(!early.is_empty() && taken.len() >= 10, "{answers:?}");

    // Nobody is registered here, which each of them is told: none of them for coming too early.
    let mut other = joined(&server);
    authenticate(&mut other, &key);
    let begun = now();
    for number in 300..300 + MANY {
        let socket = if number % 2 == 0 { &mut socket } else { &mut other };
        let heartbeat = format!("42/cluster,{number}[\"node:heartbeat\",{{\"node_id\":\"n\"}}]");
        assert!(socket.send_text(&heartbeat));
        let answer = acknowledgement(socket);
        assert!(answer.starts_with(&format!("43/cluster,{number}[")), "in their order: {answer}");
        assert!(answer.contains("GZ7020"), "{answer}");
    }
    // Forty of them have to wait for a twentieth of a second each, whichever socket they come on. The last two are answered before
    // their sockets are held up.
    assert!(begun.elapsed() >= Duration::from_millis(1_500), "{:?}", begun.elapsed());
    let mut line = Line::open(&server);
    assert!(limited(&mut line, &key, "messages") > early.len() as u64);

    // Over polling it is the answer to what was sent that comes later.
    let mut polled = polling(&server);
    let heartbeat = |number: usize| format!("42/cluster,{number}[\"node:heartbeat\",{{\"node_id\":\"n\"}}]");
    assert_eq!(polled.send(&format!("42/cluster,1[\"authenticate\",{{\"token\":\"{key}\"}}]")), 200);
    let packets: Vec<String> = (0..MANY).map(|number| heartbeat(number + 500)).collect();
    assert_eq!(polled.send(&packets.join("\u{1e}")), 200);
    assert_eq!(polled.send(&heartbeat(999)), 200);
    let mut seen = String::new();
    while !seen.contains("43/cluster,999[") {
        seen.push_str(&polled.poll());
    }
    assert_eq!(seen.matches("GZ7020").count(), MANY + 1, "{seen}");
}

/// A connection that never becomes a websocket.
struct Polling {
    line: Line,
    path: String,
}

impl Polling {
    fn send(&mut self, packets: &str) -> u16 {
        let (path, length) = (&self.path, packets.len());
        let head = format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n");
        assert!(self.line.say(format!("{head}{packets}").as_bytes()));
        self.line.answer().0
    }

    fn poll(&mut self) -> String {
        self.line.ask_for(&format!("GET {}", self.path))
    }
}

fn polling(server: &Server) -> Polling {
    let mut line = Line::open(server);
    let begun = line.ask_for("GET /socket.io/?EIO=4&transport=polling");
    let sid = sid(&begun);
    let mut polling = Polling { line, path: format!("/socket.io/?EIO=4&transport=polling&sid={sid}") };
    assert_eq!(polling.send("40/cluster,"), 200);
    let mut seen = String::new();
    while !seen.contains("[\"connected\"") {
        seen.push_str(&polling.poll());
    }
    polling
}

#[test]
fn what_a_rate_is_and_where_it_comes_from_is_told() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let file = base.path().join("settings.toml");
    let show = |text: &str| {
        std::fs::write(&file, text).expect("it can be written");
        let mut command = gleitzeit();
        command.args(["config", "show", "--origin", "--config", path(&file)]);
        let output = command.output().expect("the binary can be started");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let shown = show("[rates]\nrequests_per_key = 70\n");
    let line = shown.lines().find(|line| line.starts_with("rates.requests_per_key")).expect("it is shown");
    assert!(line.contains("70") && line.contains(path(&file)), "{line}");
    let wrong = show("[rates]\nrequests_per_key = 0\n");
    assert!(wrong.contains("rates.requests_per_key = \"0\" is out of range"), "{wrong}");
    let unknown = show("[rates]\nrequests = 1\n");
    assert!(unknown.contains("unknown field `requests`"), "{unknown}");
}
