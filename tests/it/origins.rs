//! Pages of others, and names that lead here for an attacker, reach nothing: a browser would send their requests along.

use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;

use crate::harness::{Server, gleitzeit};

struct Browser {
    agent: Agent,
    url: String,
}

impl Browser {
    fn of(server: &Server) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).build();
        Self { agent: Agent::new_with_config(config), url: server.url() }
    }

    /// Status and code of the answer to a request as the browser of a visitor sends it.
    fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call())
    }

    fn post(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send("{}"))
    }
}

fn answer(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, String) {
    let mut response = sent.expect("the server answers");
    let text = response.body_mut().read_to_string().expect("the answer can be read");
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    (response.status().as_u16(), body["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_foreign_page_can_neither_read_nor_stop_the_server() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path(), &[]);
    let (browser, own) = (Browser::of(&server), server.url());
    let refused = (403, "GZ4030".to_owned());
    let foreign = [("Origin", "https://evil.example.com"), ("Content-Type", "text/plain")];
    assert_eq!(browser.post("/api/v1/shutdown", &foreign), refused);
    for path in ["/api/v1/stats", "/api/v1/workflows", "/health", "/"] {
        assert_eq!(browser.get(path, &foreign[..1]), refused, "{path}");
        assert_eq!(browser.get(path, &[("Host", "rebound.example.com:8000")]), refused, "{path}");
        assert_eq!(browser.get(path, &[("Origin", &own)]).0, 200, "{path}");
        assert_eq!(browser.get(path, &[("Host", "localhost:8000")]).0, 200, "{path}");
    }
}

#[test]
fn pages_that_are_named_may_speak_to_the_server() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("settings.toml");
    std::fs::write(&file, "allowed_origins = [\"https://flows.example.org\"]\n").unwrap();
    let server = Server::start(&data.path().join("data"), &["--config", file.to_str().unwrap()]);
    let browser = Browser::of(&server);
    assert_eq!(browser.get("/api/v1/stats", &[("Origin", "https://flows.example.org")]).0, 200);
    assert_eq!(browser.get("/api/v1/stats", &[("Host", "flows.example.org")]).0, 200);
    assert_eq!(browser.get("/api/v1/stats", &[("Origin", "https://other.example.org")]).0, 403);
}

#[test]
fn entries_are_read_as_browsers_write_them_or_refused_at_the_start() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("settings.toml");
    let written = |entry: &str| std::fs::write(&file, format!("allowed_origins = [{entry:?}]\n")).unwrap();
    written("https://Flows.example.org:443/");
    let server = Server::start(&data.path().join("data"), &["--config", file.to_str().unwrap()]);
    let browser = Browser::of(&server);
    assert_eq!(browser.get("/api/v1/stats", &[("Origin", "https://flows.example.org")]).0, 200);
    for (entry, advice) in [
        ("flows.example.org", "has no scheme: write \"https://flows.example.org\""),
        ("https://flows.example.org/app", "has a path, and the pages of an origin are all let in"),
    ] {
        written(entry);
        let mut serve = gleitzeit();
        serve
            .args(["serve", "--port", "0", "--config"])
            .arg(&file)
            .arg("--data-dir")
            .arg(data.path().join("other"));
        let output = serve.output().expect("the binary can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("allowed_origins") && said.contains(advice),
            "{said}"
        );
    }
}

/// What a browser asks before it sends anything for a page, and what it may hand to the page.
#[test]
fn named_pages_may_read_the_answers_and_others_are_told_nothing() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("settings.toml");
    std::fs::write(&file, "allowed_origins = [\"https://flows.example.org\"]\n").unwrap();
    let server = Server::start(&data.path().join("data"), &["--config", file.to_str().unwrap()]);
    let plain = TempDir::new().unwrap();
    let closed = Server::start(plain.path(), &[]);
    let polling = "/socket.io/?EIO=4&transport=polling";
    for (server, origin, allowed) in [
        (&server, "https://flows.example.org", Some("https://flows.example.org")),
        (&server, "https://other.example.org", None),
        (&server, "null", None),
        (&closed, "https://flows.example.org", None),
    ] {
        let browser = Browser::of(server);
        for path in ["/api/v1/workflows", polling] {
            let asked = ureq::http::Request::builder()
                .method("OPTIONS")
                .uri(format!("{}{path}", browser.url))
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "authorization,idempotency-key");
            let answer = browser.agent.run(asked.body(()).unwrap()).expect("the server answers");
            let told =
                |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(told("access-control-allow-origin").as_deref(), allowed, "{origin} {path}");
            if allowed.is_some() {
                assert!(told("access-control-allow-methods").unwrap().contains("POST"), "{path}");
                assert!(told("access-control-allow-headers").unwrap().contains("idempotency-key"), "{path}");
            }
            assert_eq!(told("access-control-allow-credentials"), None, "{origin} {path}");
            let sent = browser.agent.get(format!("{}{path}", browser.url)).header("Origin", origin);
            let sent = sent.call().expect("the server answers");
            let told = sent.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap());
            assert_eq!(told, allowed, "{origin} {path}");
        }
        let status = browser.get("/api/v1/workflows", &[("Origin", origin)]).0;
        assert_eq!(status, if allowed.is_some() { 200 } else { 403 }, "{origin}");
    }
}
