//! The monitor: as a snapshot, as a stream, and in a terminal, against servers with real work.

mod acting;
mod terminal;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::remote::{CHAIN, FAILING, WAITING, id, start, verb};
use super::{finish, text};
use crate::harness::{Server, gleitzeit};
use terminal::Terminal;

/// A server on which one workflow completed, one failed and one waits, and the id of the one that waits.
fn busy() -> (tempfile::TempDir, Server, String) {
    let (data, server) = start();
    for workflow in [CHAIN, FAILING] {
        let ended = verb(&server, "submit - --wait --timeout 60 -o name", workflow);
        assert!(matches!(ended.status.code(), Some(0 | 3)), "{}", text(&ended.stderr));
    }
    let waiting = id(&server, WAITING);
    (data, server, waiting)
}

fn monitor(server: &Server) -> Command {
    let mut command = gleitzeit();
    command.args(["monitor", "--url", &server.url()]);
    command
}

#[test]
fn a_snapshot_goes_through_a_pipe() {
    let (_data, server, waiting) = busy();
    let output = verb(&server, "monitor --once", "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(!said.contains('\u{1b}'), "{said}");
    for expected in [
        "health     ✓ healthy",
        "disk       ok",
        "· pending  Waiting",
        "GZ7001  bad",
        "✓ healthy  built-in",
        "GZ7001 ×1",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let json: Value =
        serde_json::from_slice(&verb(&server, "monitor --once -o json", "").stdout).expect("JSON");
    assert_eq!(json["workflows"][0]["id"], Value::from(waiting.as_str()), "{json}");
    assert_eq!(json["figures"]["queued"]["normal"], Value::from(1), "{json}");
    assert_eq!(json["errors"][0]["error"]["code"], Value::from("GZ7001"), "{json}");
    let names = verb(&server, "monitor --once -o name", "");
    assert_eq!(text(&names.stdout), format!("{waiting}\n"));
}

#[test]
fn a_stream_has_one_object_a_line_and_tells_an_outage() {
    let (_data, mut server, _) = busy();
    let mut command = monitor(&server);
    command.args(["-o", "jsonl"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the binary can be started");
    let output = child.stdout.take().expect("its output is a pipe");
    let mut lines = BufReader::new(output).lines().map(|line| {
        let line = line.expect("it writes text");
        serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    let first = lines.next().expect("a line");
    assert_eq!(
        (&first["connected"], &first["queue_depth"]),
        (&Value::from(true), &Value::from(1)),
        "{first}"
    );
    let second = lines.next().expect("a line");
    assert!(second["events_per_second"].is_number(), "{second}");
    server.kill();
    let lost = lines.find(|line| line["connected"] == false).expect("it goes on");
    assert!(lost["reason"].as_str().is_some_and(|reason| reason.starts_with("error[GZ1020]")), "{lost}");
    server.restart();
    let back = lines.find(|line| line["connected"] == true).expect("it comes back");
    assert_eq!(back["queue_depth"], Value::from(1), "{back}");
    child.kill().and_then(|()| child.wait()).expect("it can be ended");
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let (_data, server) = start();
    let output = verb(&server, "monitor", "");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{}", text(&output.stdout));
    let said = text(&output.stderr);
    assert!(
        said.contains("stdout is no terminal") && said.contains("--once") && said.contains("jsonl"),
        "{said}"
    );
    assert_eq!(verb(&server, "monitor -o name", "").status.code(), Some(2));
    let nobody = finish(gleitzeit().args(["monitor", "--once", "--url", super::NOBODY]), "");
    assert_eq!(nobody.status.code(), Some(6));
}

#[test]
fn the_overview_is_live_in_a_terminal() {
    let (_data, server, _) = busy();
    let mut terminal = Terminal::start(monitor(&server), 80, 24);
    let host = server.url().replace("http://", "");
    terminal.shows(&[&host, "✓ healthy", "[1 Overview]", "Waiting", "queue depth", "GZ7001 ×1", "built-in"]);
    // What happens shows without a key being pressed.
    id(&server, &WAITING.replace("Waiting", "Arrived"));
    terminal.shows(&["Arrived", "queued: 2 normal"]);
    terminal.press("q");
    assert_eq!(terminal.ended().code(), Some(0));
    assert!(terminal.bytes().contains("\u{1b}[?1049h"), "it draws on a screen of its own");
    terminal.restored();
}
