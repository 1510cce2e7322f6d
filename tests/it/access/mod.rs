//! Users, keys and roles, at the real binary.

mod by_hand;
mod canary;
mod command_line;
mod documented;
mod last_admin;
mod lasting;
mod limits;
mod parameters;
mod sockets;
mod walk;

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use ureq::Agent;

use crate::harness::{Answer, Server, gleitzeit};

/// Whoever asks with a key, or without one.
#[derive(Debug, Clone)]
pub struct Caller {
    agent: Agent,
    url: String,
    key: Option<String>,
}

impl Caller {
    pub fn new(server: &Server, key: Option<&str>) -> Self {
        Self::at(&server.url(), key)
    }

    pub fn at(url: &str, key: Option<&str>) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).build();
        let agent = Agent::new_with_config(config);
        Self { agent, url: url.to_owned(), key: key.map(str::to_owned) }
    }

    /// The key, for a command.
    pub fn secret(&self) -> &str {
        self.key.as_deref().expect("it has a key")
    }

    /// What a route answers to whoever wants JSON, as text.
    pub fn ask_for_json(&self, path: &str) -> String {
        let request = ureq::get(format!("{}{path}", self.url)).header("Accept", "application/json");
        let request = request.header("Authorization", format!("Bearer {}", self.secret()));
        let mut response = request.call().unwrap_or_else(|error| panic!("{path}: {error}"));
        response.body_mut().read_to_string().expect("the answer can be read")
    }

    /// `path` is the whole one.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask_with(method, path, &body.to_string())
    }

    /// The same with the JSON as it is written.
    pub fn ask_with(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let request = request.header("Content-Type", "application/json");
        let answered = match method {
            "GET" | "DELETE" => self.agent.run(request.body(()).expect("it is a request")),
            _ => self.agent.run(request.body(body.to_owned()).expect("it is a request")),
        };
        let mut response = answered.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().expect("the answer can be read");
        Answer { status, body: serde_json::from_str(&text).unwrap_or_default() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &Value::Null)
    }

    /// Adds a user.
    pub fn user(&self, name: &str, role: &str) {
        let answer = self.ask("POST", "/api/v1/users", &json!({"name": name, "role": role}));
        assert_eq!((answer.status, &answer.body["role"]), (201, &json!(role)), "{}", answer.body);
    }

    /// Makes a key; its id and its secret.
    pub fn key(&self, body: &Value) -> (String, String) {
        let answer = self.ask("POST", "/api/v1/keys", body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let text = |name: &str| answer.body[name].as_str().expect("it is told").to_owned();
        (text("id"), text("secret"))
    }

    /// A key of a user of its own, with this role.
    pub fn key_of_role(&self, role: &str) -> (String, String) {
        let user = format!("the-{role}");
        self.user(&user, role);
        let mut body = json!({"user": user, "name": "for a test", "role": role});
        if role == "service" {
            body["services"] = json!(["echo"]);
        }
        self.key(&body)
    }
}

/// What `gleitzeit auth init` prints on this data, and how it ends.
pub fn init(data: &Path) -> Output {
    gleitzeit().args(["auth", "init", "--data-dir"]).arg(data).output().expect("the binary can be started")
}

/// A server with its first key.
pub fn begun(data: &Path) -> (Server, String) {
    let output = init(data);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let key = text(&output.stdout).trim().to_owned();
    assert!(key.len() == 47 && key.starts_with("gzt_"), "{key}");
    (Server::start(data, &[]), key)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asserts a refusal.
pub fn refused(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{what}: {}", answer.body);
}
