//! The process that plays the server.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use crate::harness::gleitzeit;

const LISTENING: &str = "listening on ";

/// Dropping it ends the process.
#[derive(Debug)]
pub struct Kit {
    pub url: String,
    child: Child,
    /// Held so that the process never writes into a closed pipe.
    stderr: BufReader<ChildStderr>,
}

impl Kit {
    /// `flags` are those of `gleitzeit conformance` besides the address.
    pub fn start(flags: &[&str]) -> Self {
        let mut child = gleitzeit()
            .args(["conformance", "--listen", "127.0.0.1:0", "--json"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let mut stderr = BufReader::new(child.stderr.take().expect("it is a pipe"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("it is text");
        let url = line.strip_prefix(LISTENING).unwrap_or_else(|| panic!("it said: {line}"));
        let url = url.split(';').next().unwrap_or_default().trim().to_owned();
        Self { url, child, stderr }
    }

    /// Waits for its end: the exit code, and what it found.
    pub fn report(mut self) -> (i32, Value) {
        let mut said = String::new();
        let mut stdout = self.child.stdout.take().expect("it is a pipe");
        stdout.read_to_string(&mut said).expect("it is text");
        let mut told = String::new();
        self.stderr.read_to_string(&mut told).expect("it is text");
        let code = self.child.wait().expect("it ends").code().expect("it ends by itself");
        let report = serde_json::from_str(&said).unwrap_or_else(|_| panic!("exit {code}: {said}{told}"));
        (code, report)
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The Python of the tests, in the root of the tree.
pub fn python() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("GLEITZEIT_TEST_PYTHON")
        .map_or_else(|| root.join(".venv/bin/python"), PathBuf::from);
    let mut command = Command::new(python);
    command.current_dir(root);
    command
}

/// The service that the documentation shows.
pub fn documented_service(url: &str) -> Command {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let code = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let mut command = python();
    command.args(["-c", code.expect("it shows a service in Python"), url]);
    command
}
