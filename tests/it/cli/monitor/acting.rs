//! Keys in a real terminal change the real state of a real server.

use std::process::Command;

use gleitzeit::client::node::{Capability, ExternalServiceNode, TaskContext};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::task::block_in_place;

use super::super::remote::{FAILING, WAITING, id, start, verb};
use super::super::text;
use super::terminal::{PATIENCE, Terminal};
use super::{busy, monitor};
use crate::harness::{Server, until};

/// The escape key. A key that follows at once would be read as one with it, so tests look at the screen between.
const ESCAPE: &str = "\u{1b}";

fn status(server: &Server, workflow: &str) -> Value {
    server.rest().read(&format!("/workflows/{workflow}"))["status"].clone()
}

/// Waits until the server says so, too.
fn becomes(server: &Server, workflow: &str, wanted: &str) {
    until(wanted, PATIENCE, || (status(server, workflow) == wanted).then_some(()));
}

#[test]
fn a_workflow_is_explained_paused_resumed_and_cancelled() {
    let (_data, server, waiting) = busy();
    let mut terminal = Terminal::start(monitor(&server), 100, 30);
    terminal.shows(&["Waiting", "[1 Overview]"]);
    terminal.press("w");
    terminal.shows(&["Why: Waiting", "outside (queued)", "no_worker", "after (pending)"]);
    terminal.press(ESCAPE);
    terminal.shows(&["queue depth"]);
    terminal.press("p");
    terminal.shows(&[&format!("[y/n] Pause workflow Waiting ({waiting}), which is pending?")]);
    terminal.press("n");
    terminal.shows(&["nothing was done"]);
    assert_eq!(status(&server, &waiting), Value::from("pending"));
    terminal.press("py");
    terminal.shows(&["✓ Pause Waiting: it is paused now (seq ", "‖ paused", "! workflow Waiting is paused"]);
    becomes(&server, &waiting, "paused");
    terminal.press("p");
    terminal.shows(&["Resume workflow Waiting"]);
    terminal.press("y");
    terminal.shows(&["· pending"]);
    becomes(&server, &waiting, "pending");
    terminal.press(&format!(":cancel {waiting}\r"));
    terminal.shows(&["Cancel workflow Waiting"]);
    terminal.press("y");
    terminal.shows(&["✓ Cancel Waiting: it is cancelled now"]);
    becomes(&server, &waiting, "cancelled");
    // A question says how it was at the last look: the list is waited for before it is asked.
    terminal.press("2");
    terminal.shows(&["[2 Workflows]", "⊘ cancelled"]);
    terminal.press("c");
    terminal.shows(&["which is cancelled?"]);
    terminal.press("y");
    terminal.shows(&["error[GZ3005]"]);
}

#[test]
fn a_failed_task_is_looked_at_and_retried() {
    let (_data, server) = start();
    let failed = id(&server, FAILING);
    becomes(&server, &failed, "failed");
    let mut terminal = Terminal::start(monitor(&server), 100, 30);
    terminal.press("6");
    terminal.shows(&["[6 Errors]", "GZ7001", "bad", "Failing"]);
    terminal.press("\r");
    terminal.shows(&["Details: bad", "attempt", "base64"]);
    terminal.press(ESCAPE);
    terminal.shows(&["tasks that failed for good"]);
    terminal.press("r");
    terminal.shows(&["[y/n] Retry task bad"]);
    terminal.press("y");
    terminal.shows(&["✓ Retry bad: it is "]);
    // It fails again, and the workflow ends again.
    until("the end of a second round", PATIENCE, || {
        let events = server.rest().read(&format!("/workflows/{failed}/events"));
        let kinds = events["items"].as_array()?.iter().map(|event| event["type"].clone());
        kinds.skip_while(|kind| *kind != "tasks_retried").find(|kind| *kind == "workflow_ended")
    });
    terminal.press("5");
    terminal.shows(&["[5 Events]", "tasks retried", "task failed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_drained_and_given_work_again() {
    let (_data, server) = start();
    let node = ExternalServiceNode::new("Steps")
        .node_id("steps")
        .url(server.url())
        .capability(Capability::CustomProcessing)
        .handler("external_custom", |_: TaskContext, input: Value| async move { Ok(input) })
        .start()
        .expect("its settings hold together");
    node.registered().await.expect("the server takes it");
    block_in_place(|| {
        let drained = || server.rest().read("/services/steps")["draining"].clone();
        let mut terminal = Terminal::start(monitor(&server), 100, 30);
        terminal.press("4");
        terminal.shows(&["[4 Services]", "Steps", "built-in"]);
        terminal.press("/steps\r");
        terminal.until("the filter", |screen| screen.contains("1 of ") && !screen.contains("built-in"));
        terminal.press("d");
        terminal.shows(&["Drain service Steps (steps)"]);
        terminal.press("y");
        terminal.shows(&["↓ draining"]);
        assert_eq!(drained(), Value::from(true));
        terminal.press("d");
        terminal.shows(&["Resume service Steps"]);
        terminal.press("y");
        terminal.until("it takes work", |screen| !screen.contains("↓ draining"));
        assert_eq!(drained(), Value::from(false));
        terminal.press("\r");
        terminal.shows(&["Details: Steps", "custom_processing"]);
    });
    drop(node);
}

#[test]
fn a_workflow_opens_into_its_tasks() {
    let (_data, server, waiting) = busy();
    let mut terminal = Terminal::start(monitor(&server), 100, 30);
    terminal.press("2");
    terminal.shows(&["[2 Workflows]", "Failing", "Chain"]);
    terminal.press("/chain\r");
    terminal.until("the filter", |screen| !screen.contains("Failing"));
    terminal.press("\r");
    terminal.shows(&["[3 Tasks]", "2 tasks of Chain", "first", "second", "✓ completed"]);
    terminal.press("j\r");
    terminal.shows(&["Details: second", "result", "[0,1,1]"]);
    terminal.press(ESCAPE);
    terminal.shows(&["2 tasks of Chain"]);
    terminal.press(&format!(":tasks {waiting}\r"));
    terminal.shows(&["2 tasks of Waiting", "○ queued"]);
    terminal.press("w");
    terminal.shows(&["Why: outside", "no_worker"]);
}

#[test]
fn an_outage_shows_a_banner_and_passes() {
    let (_data, mut server, _) = busy();
    let mut terminal = Terminal::start(monitor(&server), 100, 30);
    terminal.shows(&["✓ healthy", "Waiting"]);
    server.kill();
    terminal.shows(&["✗ NO ANSWER for ", "Waiting"]);
    // Keys go on, and an action says that it did not happen.
    terminal.press("cy");
    let refused = |line: &str| line.starts_with("error[GZ1020]");
    terminal.until("the refusal", |screen| screen.lines().any(refused));
    server.restart();
    terminal.until("the end of the banner", |screen| !screen.contains("NO ANSWER"));
    id(&server, &WAITING.replace("Waiting", "Afterwards"));
    terminal.shows(&["Afterwards", "queued: 2 normal"]);
    terminal.press("5");
    terminal.shows(&["engine started", "workflow submitted"]);
    let after = terminal.screen();
    assert_eq!(after.matches("Afterwards").count(), after.matches("name=Afterwards").count() + 1, "{after}");
}

#[test]
fn a_burst_of_events_is_followed_to_its_end() {
    let (_data, server) = start();
    let mut terminal = Terminal::start(monitor(&server), 100, 30);
    terminal.shows(&["✓ healthy"]);
    let task = |place: u32| format!("- {{id: t{place}, function: generate_uuid}}\n");
    let many = (0..1_500).map(task).collect::<Vec<_>>().concat();
    let ended =
        verb(&server, "submit - --wait --timeout 300 -o name", &format!("name: Burst\ntasks:\n{many}"));
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    terminal.press("5");
    terminal.shows(&["[5 Events]", "workflow ended", "Burst"]);
    terminal.press("q");
    assert_eq!(terminal.ended().code(), Some(0));
}

#[test]
fn a_screen_that_is_frozen_stands_still() {
    let (_data, server, _) = busy();
    let mut terminal = Terminal::start(monitor(&server), 100, 30);
    terminal.shows(&["Waiting", "queued: 1 normal"]);
    terminal.press(" ");
    terminal.shows(&["FROZEN"]);
    let later = id(&server, &WAITING.replace("Waiting", "Later"));
    terminal.press(&format!(":why {later}\r"));
    terminal.shows(&["no_worker"]);
    terminal.press(ESCAPE);
    let frozen = terminal.shows(&["FROZEN", "queue depth"]);
    assert!(!frozen.contains("Later"), "{frozen}");
    terminal.press(" ");
    terminal.shows(&["Later", "queued: 2 normal"]);
}

#[test]
fn whatever_ends_it_the_terminal_is_as_it_was() {
    let (_data, server) = start();
    for (end, code) in [("q", 0), ("\u{3}", 130), ("SIGTERM", 130), ("SIGHUP", 130), ("SIGINT", 130)] {
        let mut terminal = Terminal::start(monitor(&server), 80, 24);
        terminal.shows(&["✓ healthy"]);
        let pid = Pid::from_raw(i32::try_from(terminal.pid()).expect("a process id"));
        match end {
            "SIGTERM" => kill(pid, Signal::SIGTERM).expect("it runs"),
            "SIGHUP" => kill(pid, Signal::SIGHUP).expect("it runs"),
            "SIGINT" => kill(pid, Signal::SIGINT).expect("it runs"),
            key => terminal.press(key),
        }
        assert_eq!(terminal.ended().code(), Some(code), "{end:?}");
        terminal.restored();
    }
}

#[test]
fn small_terminals_and_terminals_without_colours_can_be_read() {
    let (_data, server, _) = busy();
    let colourless = || {
        let mut command: Command = monitor(&server);
        command.env("NO_COLOR", "1");
        command
    };
    for (columns, rows) in [(80, 24), (40, 10)] {
        let mut terminal = Terminal::start(colourless(), columns, rows);
        terminal.shows(&["✓ healthy", "[1 Overview]", "completed", "Waiting"]);
        terminal.press("2");
        terminal.shows(&["2 Workflows", "✗ failed", "✓ completed", "Waiting"]);
        assert!(!terminal.is_coloured());
    }
    let coloured = Terminal::start(monitor(&server), 80, 24);
    coloured.shows(&["✓ healthy"]);
    assert!(coloured.is_coloured(), "a healthy server is green");
}

#[test]
fn a_token_that_is_wrong_is_told_without_a_screen() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &["--token", "right"]);
    let mut terminal = Terminal::start(monitor(&server), 80, 24);
    assert_eq!(terminal.ended().code(), Some(7));
    let said = terminal.shows(&["error[GZ4001]"]);
    assert!(!terminal.bytes().contains("[?1049h"), "{said}");
    assert_eq!(verb(&server, "monitor --once --token right", "").status.code(), Some(0));
}
