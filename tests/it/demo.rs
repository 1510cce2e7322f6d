//! `gleitzeit demo` as a person runs it: to its end, and killed in the middle and started again.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rusqlite::Connection;

/// Plants that the model has not seen; the workflow stores its prediction for each.
const PREDICTIONS: u32 = 45;

/// A demo that runs. Dropping it kills the process.
struct Demo(Child);

impl Demo {
    fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gleitzeit"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GLEITZEIT_") {
                command.env_remove(name);
            }
        }
        command.args(["demo", "--exit", "--port", "0", "--data-dir"]).arg(data).current_dir(data);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the binary can be started"))
    }

    /// `kill -9` once a line on stderr has all of these words.
    fn kill_at(mut self, words: &[&str]) {
        let said = BufReader::new(self.0.stderr.take().expect("it is a pipe"));
        // Kept until the end: a process whose pipe is closed may end by itself.
        let mut lines = said.lines().map_while(Result::ok);
        let found = lines.any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "the demo ended and never said {words:?}");
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("a killed process ends");
    }

    /// How it ended, what it printed, and what it said meanwhile.
    fn end(mut self) -> (ExitStatus, String, String) {
        let mut stderr = self.0.stderr.take().expect("it is a pipe");
        // Read beside, so that neither pipe fills up while the other is waited for.
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            stderr.read_to_string(&mut said).expect("what it says is text");
            said
        });
        let mut printed = String::new();
        let stdout = self.0.stdout.as_mut().expect("it is a pipe");
        stdout.read_to_string(&mut printed).expect("what it prints is text");
        let status = self.0.wait().expect("a child can be waited for");
        (status, printed, said.join().expect("the reader does not panic"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already; a test that failed must not leave it behind.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs a demo to its end, checks that it completed, and returns what it said meanwhile.
fn completed(data: &Path) -> String {
    let (status, printed, said) = Demo::start(data).end();
    assert!(status.success(), "{status}\n{printed}\n{said}");
    assert!(printed.lines().any(|line| line == "completed"), "{printed}");
    assert!(printed.contains("model.accuracy"), "{printed}");
    said
}

/// Rows that are stored, the tasks that stored them, and notifications that were received.
fn traces(data: &Path) -> (u32, u32, usize) {
    let services = data.join("services");
    let database = Connection::open(services.join("demo.sqlite")).expect("the database can be opened");
    let count = "SELECT count(*), count(DISTINCT _task_id) FROM predictions";
    let (rows, tasks) = database
        .query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("the predictions are stored");
    let notifications = std::fs::read_to_string(services.join("notifications.jsonl")).expect("they are text");
    (rows, tasks, notifications.lines().count())
}

#[test]
fn a_demo_completes_and_the_next_one_begins_anew() {
    let data = tempfile::tempdir().expect("a temporary directory");
    for runs in 1..=2 {
        let said = completed(data.path());
        assert!(said.contains("is workflow demo-") && !said.contains("continuing"), "{said}");
        assert_eq!(traces(data.path()), (PREDICTIONS * runs, runs, usize::try_from(runs).expect("few")));
    }
}

#[test]
fn a_killed_demo_goes_on_and_does_nothing_twice() {
    let data = tempfile::tempdir().expect("a temporary directory");
    // The second kill hits a demo that has been continued already.
    for _ in 0..2 {
        Demo::start(data.path()).kill_at(&["Train Model", "processing"]);
    }
    let said = completed(data.path());
    assert!(said.contains("continuing workflow demo-"), "{said}");
    assert_eq!(traces(data.path()), (PREDICTIONS, 1, 1));
}
