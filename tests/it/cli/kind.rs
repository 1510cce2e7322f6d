//! What the command line says by itself to a person who waits, or who has made a mistake.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::channel;

use serde_json::json;

use super::{finish, run, text};
use crate::harness::{PATIENCE, Server, gleitzeit, until};

const NOBODY_HAS_IT: &str = "name: Doubtful\ntasks:\n- {name: a, function: count_word, args: [a b]}\n";
const OUTSIDE: &str = "name: Waits\ntasks:\n- {name: outside, external: custom, service: Nobody}\n";

#[test]
fn a_function_that_nobody_has_is_noted_when_it_is_submitted() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let submitted =
        finish(gleitzeit().args(["submit", "-", "-o", "name", "--url", &server.url()]), NOBODY_HAS_IT);
    assert_eq!(submitted.status.code(), Some(0), "it is taken all the same");
    let said = text(&submitted.stderr);
    assert!(said.contains("note: ") && said.contains("`count_word`"), "{said}");
    let fine = "name: Fine\ntasks:\n- {name: a, function: count_words, args: [a b]}\n";
    let fine = finish(gleitzeit().args(["submit", "-", "--url", &server.url()]), fine);
    assert_eq!(text(&fine.stderr), "", "nothing is to be said");
}

#[test]
fn run_says_what_it_waits_for_and_says_it_once() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let file = data.path().join("waits.yaml");
    std::fs::write(&file, OUTSIDE).expect("it can be written");
    let mut command = gleitzeit();
    command.arg("run").arg(&file).args(["--url", &server.url()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it can be started");
    let stderr = child.stderr.take().expect("it is a pipe");
    let (said, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            drop(said.send(line));
        }
    });
    let mut seen = Vec::new();
    while !seen.last().is_some_and(|line: &String| line.starts_with("outside is queued: ")) {
        seen.push(lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error}: {seen:#?}")));
    }
    assert!(seen.last().expect("a line").contains("service \"Nobody\""), "{seen:#?}");
    let rest = server.rest();
    let listed = rest.read("/workflows");
    let id = listed["items"][0]["id"].as_str().expect("an id");
    assert_eq!(
        rest.post(&format!("/workflows/{id}/cancel"), &[], &json!({})).expect("an answer").status,
        200
    );
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        seen.push(line);
    }
    let status = until("the end of the verb", PATIENCE, || child.try_wait().expect("it can be waited for"));
    assert_eq!(status.code(), Some(4), "{seen:#?}");
    let waits = seen.iter().filter(|line| line.contains("is queued: ")).count();
    assert_eq!(waits, 1, "what has not changed is said once: {seen:#?}");
}

#[test]
fn an_id_is_called_as_it_was_typed() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let order = json!({"id": "order-17", "name": "o", "tasks": [{"function": "count_words", "args": ["a"]}]});
    assert_eq!(rest.post("/workflows", &[], &order).expect("an answer").status, 201);
    rest.ended("order-17");
    for (line, expected) in [
        ("status nosuch", "there is no workflow nosuch"),
        ("results nosuch", "there is no workflow nosuch"),
        ("events nosuch", "there is no workflow nosuch"),
        ("cancel order-17", "workflow order-17 is completed already"),
        ("retry order-17", "workflow order-17 is completed and has no failed"),
    ] {
        let output = finish(gleitzeit().args(line.split(' ')).args(["--url", &server.url()]), "");
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn why_tells_of_what_runs_as_well() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let body = json!({"id": "runs", "name": "r", "tasks": [
        {"name": "long", "function": "async_timer", "args": [3_600, "late"]},
        {"name": "after", "function": "count_words", "args": ["{{long.result}}"]},
    ]});
    assert_eq!(rest.post("/workflows", &[], &body).expect("an answer").status, 201);
    until("the task runs", PATIENCE, || {
        let tasks = rest.read("/workflows/runs/tasks");
        (tasks["items"][0]["status"] == "processing").then_some(())
    });
    let told = run(&["why", "runs", "--url", &server.url()]);
    let said = text(&told.stdout);
    assert!(said.contains("long (processing): ") && said.contains("after (pending): "), "{said}");
}

#[test]
fn the_doctor_counts_what_waits_for_somebody_who_is_not_there() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    for count in 1..=2 {
        let submitted = finish(gleitzeit().args(["submit", "-", "--url", &server.url()]), OUTSIDE);
        assert_eq!(submitted.status.code(), Some(0), "{}", text(&submitted.stderr));
        let doctor =
            run(&["doctor", "--url", &server.url(), "--data-dir", data.path().to_str().expect("text")]);
        let expected = if count == 1 { "! 1 workflow waits" } else { "! 2 workflows wait" };
        let expected = format!("{expected} for a worker that is not connected; see Open workflows below");
        assert!(text(&doctor.stdout).contains(&expected), "{}", text(&doctor.stdout));
        assert_eq!(doctor.status.code(), Some(1));
    }
}
