//! The Rust examples, as processes of their own against the real binary, and what the client brings with it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;

use crate::conformance::kit::Kit;
use crate::harness::Server;

/// An example that runs. Dropping it ends it.
struct Example {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Example {
    fn start(name: &str, url: &str) -> Self {
        let mut child =
            command(name, url).stdout(Stdio::piped()).spawn().expect("it was built with the tests");
        let stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it is text");
        line.trim_end().to_owned()
    }

    /// Sends SIGINT and waits for its end; what it said until then.
    fn interrupt(mut self) -> String {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().expect("there is a `kill`");
        assert!(sent.success());
        let mut said = String::new();
        self.stdout.read_to_string(&mut said).expect("it is text");
        assert!(self.child.wait().expect("it ends").success(), "{said}");
        said
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn command(name: &str, url: &str) -> Command {
    let folder = Path::new(env!("CARGO_BIN_EXE_gleitzeit")).parent().expect("it lies in a folder");
    let mut command = Command::new(folder.join("examples").join(name));
    command.arg(url);
    command
}

#[test]
fn a_workflow_and_its_service() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let mut service = Example::start("external_service", &server.url());
    assert_eq!(service.line(), "registered as sums-1");
    let output = command("submit_workflow", &server.url()).output().expect("it was built with the tests");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Sum: {") && said.contains("\"count\":100"), "{said}");
    assert!(said.ends_with("completed\n"), "{said}");
    assert_eq!(service.interrupt(), "1 tasks completed, 0 failed\n");
}

#[test]
fn a_service_without_an_sdk() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let _service = Example::start("raw_service", &server.url());
    let body = json!({"name": "Raw", "tasks": [
        {"name": "Echo", "external": "custom", "service": "Raw", "parameters": {"a": [1, null, "ü"]}},
    ]});
    let answer = server.rest().submit_yaml(&body.to_string());
    let id = answer.body["id"].as_str().unwrap_or_else(|| panic!("{}", answer.body));
    let results = server.rest().read(&format!("/workflows/{id}/results"));
    assert_eq!(results["results"]["Echo"], json!({"a": [1, null, "ü"]}), "{results}");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/raw_service.rs");
    let source = std::fs::read_to_string(source).expect("the example is there");
    let code = source.lines().filter(|line| !line.is_empty() && !line.starts_with("//!")).count();
    assert!(code <= 25, "an example that shows how little it takes has {code} lines");
}

#[test]
fn a_service_without_an_sdk_keeps_up() {
    let kit = Kit::start(&["--null", "--tasks", "300"]);
    let _service = Example::start("raw_service", &kit.url);
    let (code, report) = kit.report();
    assert_eq!((code, &report["completed"]), (0, &json!(300)), "{report}");
}

/// What a program that depends on the client alone has to build.
#[test]
fn the_client_brings_no_server() {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--offline", "--prefix", "none", "--edges", "normal"])
        .args(["--no-default-features", "--features", "client"])
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let names: BTreeSet<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains("tokio-tungstenite"), "{text}");
    for server in
        ["axum", "socketioxide", "sled", "image", "rusqlite", "smartcore", "cap-std", "serde-saphyr"]
    {
        assert!(!names.contains(server), "`--features client` pulls in {server}");
    }
}
