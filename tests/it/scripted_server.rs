//! A real python-socketio server that plays the engine's side, see `tests/clients/scripted_server.py`.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Generous: it only ends tests that would wait for ever.
const PATIENCE: Duration = Duration::from_mins(3);

pub struct ScriptedServer {
    pub port: u16,
    input: ChildStdin,
    output: mpsc::Receiver<String>,
    passed_over: VecDeque<Value>,
    _process: Child,
}

impl ScriptedServer {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with_tls() -> Self {
        let folder = tree().join("tests/clients/tls");
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        let path = |path: &PathBuf| path.to_str().expect("the tree has a plain path").to_owned();
        Self::start_with(&["--certificate", &path(&certificate), "--key", &path(&key)]).await
    }

    async fn start_with(arguments: &[&str]) -> Self {
        let python = std::env::var_os("GLEITZEIT_TEST_PYTHON")
            .map_or_else(|| tree().join(".venv/bin/python"), PathBuf::from);
        let mut process = Command::new(&python)
            .arg(tree().join("tests/clients/scripted_server.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("no Python at {}: {error}; run tests/run", python.display()));
        let input = process.stdin.take().expect("it was asked to be piped");
        let output = read_lines(process.stdout.take().expect("it was asked to be piped"));
        let mut server = Self { port: 0, input, output, passed_over: VecDeque::new(), _process: process };
        let hello = server.line().await;
        server.port = u16::try_from(hello["port"].as_u64().unwrap()).unwrap();
        server
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Gives the server one command.
    pub async fn tell(&mut self, command: Value) {
        self.input.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        self.input.flush().await.unwrap();
    }

    pub async fn emit(&mut self, event: &str, data: Value) {
        self.tell(json!({"do": "emit", "event": event, "data": data})).await;
    }

    /// Decides how the next events of this name are answered; null withholds the answer.
    pub async fn answer(&mut self, event: &str, with: Value) {
        self.tell(json!({"do": "answer", "event": event, "with": with})).await;
    }

    /// Decides how the next HTTP requests are answered; returns when that is settled.
    pub async fn respond(&mut self, with: Value) {
        self.tell(json!({"do": "respond", "with": with})).await;
        self.expect("scripted").await;
    }

    /// The data of the next event of this name; what comes before it is kept for later calls.
    pub async fn expect(&mut self, event: &str) -> Value {
        self.expect_where(event, |_| true).await
    }

    /// The same, of the next one whose data is like this.
    pub async fn expect_where(&mut self, event: &str, like_this: impl Fn(&Value) -> bool) -> Value {
        let wanted = |line: &Value| line["event"] == event && like_this(&line["data"]);
        if let Some(place) = self.passed_over.iter().position(wanted) {
            return self.passed_over.remove(place).unwrap()["data"].take();
        }
        loop {
            let mut line = self.line().await;
            if wanted(&line) {
                return line["data"].take();
            }
            self.passed_over.push_back(line);
        }
    }

    /// Whether an event of this name has been seen and not been asked for.
    pub fn has_seen(&self, event: &str) -> bool {
        self.passed_over.iter().any(|line| line["event"] == event)
    }

    async fn line(&mut self) -> Value {
        let line = timeout(PATIENCE, self.output.recv())
            .await
            .unwrap_or_else(|_| panic!("the expected event did not come; seen: {:?}", self.passed_over))
            .expect("the scripted server ended; is python-socketio installed? run tests/run");
        serde_json::from_str(&line).unwrap()
    }
}

/// Reads all the time: a server that waits for room in the pipe answers nobody.
fn read_lines(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(100_000);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if sender.send(line).await.is_err() {
                return;
            }
        }
    });
    receiver
}

fn tree() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn certificate_path() -> PathBuf {
    tree().join("tests/clients/tls/certificate.pem")
}

pub fn certificate() -> Vec<u8> {
    std::fs::read(certificate_path()).unwrap()
}
