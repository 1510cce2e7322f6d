//! Backups of the real binary, while it runs and after it has stopped, and the way back: what was acknowledged before the
//! backup is in it, the restored server stands exactly where the other one stood, and half a backup is none.

mod broken;
mod cut;
mod documented;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Rest, Server, gleitzeit};

/// Beyond what stays inside its event, so that segments fill.
const TEXT_BYTES: usize = 20_000;
const SMALL_SEGMENTS: &[&str] = &["--segment-size", "1MiB"];

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `gleitzeit store` with these words.
fn store(words: &[&str], data: &Path) -> Command {
    let mut command = gleitzeit();
    command.arg("store").args(words).arg("--data-dir").arg(data);
    command
}

fn ok(mut command: Command) -> String {
    let output = command.output().expect("the binary can be started");
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    said(&output)
}

fn refused(mut command: Command, code: &str) -> String {
    let output = command.output().expect("the binary can be started");
    assert!(!output.status.success() && said(&output).contains(code), "{command:?}: {}", said(&output));
    said(&output)
}

fn online(server: &Server, to: &Path) -> Command {
    let mut command = gleitzeit();
    command.args(["store", "backup", "--online", "--url", &server.url()]).arg(to);
    command
}

fn restore(file: &Path, to: &Path, more: &[&str]) -> Command {
    let mut command = gleitzeit();
    command.args(["store", "restore"]).arg(file).arg("--data-dir").arg(to).args(more);
    command
}

/// The value behind a name in what a verb printed.
fn value(printed: &str, name: &str) -> String {
    let line = printed
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_else(|| panic!("{name}: {printed}"));
    line.trim().to_owned()
}

/// Checksum of the state, and the last event.
fn state_of(data: &Path) -> (String, u64) {
    let printed = ok(store(&["verify"], data));
    let next: u64 = value(&printed, "next seq").parse().expect("a number");
    (value(&printed, "state"), next - 1)
}

/// Runs a workflow to its end.
fn run(rest: &Rest, number: usize) -> String {
    let text = format!("{number:08}").repeat(TEXT_BYTES / 8);
    let body = json!({"name": format!("Run {number}"), "tasks": [{"name": "t", "function": "encode_base64", "args": [text]}]});
    let answer = rest.post("/workflows", &[("Prefer", "wait=25")], &body).expect("it answers");
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.body["id"].as_str().expect("it has an id").to_owned();
    assert_eq!(rest.ended(&id)["status"], "completed");
    id
}

/// One that waits for a service that nobody has.
fn waiting(rest: &Rest) -> String {
    let body = json!({"name": "Waiting", "tasks": [
        {"name": "a", "function": "count_words", "args": ["a b c"]},
        {"name": "b", "task_type": "external_api", "dependencies": ["a"]}]});
    let answer = rest.post("/workflows", &[], &body).expect("it answers");
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["id"].as_str().expect("it has an id").to_owned()
}

fn only_file(folder: &Path) -> std::path::PathBuf {
    let mut files =
        std::fs::read_dir(folder).expect("it can be listed").map(|entry| entry.expect("an entry").path());
    let file = files.next().expect("there is a file");
    assert!(files.next().is_none(), "there is one file");
    file
}

#[test]
fn what_was_acknowledged_before_a_backup_is_in_it() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let (data, backups) = (base.path().join("data"), base.path().join("backups"));
    std::fs::create_dir(&backups).expect("a new folder");
    let mut server = Server::start(&data, SMALL_SEGMENTS);
    let rest = server.rest();
    let open = waiting(&rest);
    let ended: Vec<String> = (0..150).map(|number| run(&rest, number)).collect();

    // Others go on meanwhile: the backup is of one moment all the same.
    let stop = Arc::new(AtomicBool::new(false));
    let (others, stopped) = (server.rest(), Arc::clone(&stop));
    let busy = thread::spawn(move || {
        let mut made = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            made.push(run(&others, 1_000 + made.len()));
        }
        made
    });
    let told = ok(online(&server, &backups));
    stop.store(true, Ordering::Relaxed);
    let later = busy.join().expect("it submits until the end");
    let file = only_file(&backups);
    assert!(told.contains(&file.display().to_string()), "{told}");
    let after = run(&rest, 5_000);
    server.kill();

    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect("it is there").permissions());
    assert_eq!(mode & 0o777, 0o600, "it holds a secret");
    let restored = base.path().join("restored");
    let printed = ok(restore(&file, &restored, &[]));
    // The one that waits, and at most one that ran at that moment.
    let live = value(&printed, "workflows");
    assert!(live.starts_with("1 in memory") || live.starts_with("2 in memory"), "{printed}");
    let secret = |data: &Path| std::fs::read(data.join("SECRET")).expect("a data directory has a secret");
    assert_eq!(secret(&data), secret(&restored), "callbacks that were given out still lead back");
    // With one segment more or less it would not be the same.
    assert_eq!(state_of(&restored).0, value(&printed, "state"));

    let server = Server::start(&restored, SMALL_SEGMENTS);
    let rest = server.rest();
    for id in &ended {
        assert_eq!(rest.read(&format!("/workflows/{id}"))["status"], "completed");
        assert_eq!(rest.read(&format!("/workflows/{id}/results"))["completed_tasks"], 1);
    }
    let tasks = rest.read(&format!("/workflows/{open}/tasks"));
    assert_eq!(
        (&tasks["items"][0]["status"], &tasks["items"][1]["status"]),
        (&json!("completed"), &json!("queued"))
    );
    assert_eq!(rest.get(&format!("/workflows/{after}")).expect("it answers").status, 404, "that came later");
    // Of what ran meanwhile there is a beginning, and no hole in it.
    let known = |id: &String| rest.get(&format!("/workflows/{id}")).expect("it answers").status == 200;
    let first_missing = later.iter().position(|id| !known(id)).unwrap_or(later.len());
    assert!(!later[first_missing..].iter().any(known), "one is missing before one that is there");
    run(&rest, 9_000);
}

#[test]
fn a_restore_stands_exactly_where_the_server_stood() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let data = base.path().join("data");
    let mut server = Server::start(&data, SMALL_SEGMENTS);
    waiting(&server.rest());
    for number in 0..60 {
        run(&server.rest(), number);
    }
    assert!(server.terminate().0.success());
    let (early, early_seq) = state_of(&data);

    server.restart();
    waiting(&server.rest());
    for number in 60..120 {
        run(&server.rest(), number);
    }
    let live = base.path().join("live.tar");
    ok(online(&server, &live));
    run(&server.rest(), 121);
    assert!(server.terminate().0.success());
    let (late, late_seq) = state_of(&data);
    let at_rest = base.path().join("rest.tar");
    ok(store(&["backup", at_rest.to_str().expect("text")], &data));

    // The store of the original came about step by step, that of the copy at once.
    let to = |name: &str| base.path().join(name);
    let printed = ok(restore(&at_rest, &to("late"), &[]));
    assert_eq!(value(&printed, "state"), late);
    assert_eq!(state_of(&to("late")), (late, late_seq));
    let printed = ok(restore(&live, &to("early"), &["--as-of", &early_seq.to_string()]));
    assert_eq!(value(&printed, "state"), early);
    assert_eq!(state_of(&to("early")), (early.clone(), early_seq));
    let last = value(&printed, "last event");
    let time = last.split_whitespace().last().expect("it names its time");
    let printed = ok(restore(&at_rest, &to("time"), &["--as-of", time]));
    assert_eq!(value(&printed, "state"), early, "as of {time}");

    for (moment, code) in [
        ("0", "GZ5016"),
        ("99999999", "GZ5016"),
        ("1999-01-01T00:00:00Z", "GZ5016"),
        ("yesterday", "2026-01-31T"),
    ] {
        refused(restore(&live, &to("never"), &["--as-of", moment]), code);
        assert!(!to("never").exists(), "what is refused leaves no trace");
    }
    let server = Server::start(&to("early"), SMALL_SEGMENTS);
    run(&server.rest(), 500);
    let all: Value = server.rest().read("/workflows?limit=1000");
    assert_eq!(all["items"].as_array().map(Vec::len), Some(62), "one open, sixty ended, one new");
}

#[test]
fn nothing_is_overwritten() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let data = base.path().join("data");
    let mut server = Server::start(&data, &[]);
    let id = run(&server.rest(), 1);
    let file = base.path().join("backup.tar");
    ok(online(&server, &file));
    let before = std::fs::read(&file).expect("it is there");
    refused(online(&server, &file), "is there already");
    let busy = store(&["backup", base.path().join("other.tar").to_str().expect("text")], &data);
    assert!(refused(busy, "GZ5012").contains("--online"));
    refused(restore(&file, &data, &[]), "GZ5015");
    assert!(server.terminate().0.success());
    refused(restore(&file, &data, &[]), "GZ5015");
    assert_eq!(std::fs::read(&file).expect("it is there"), before);
    server.restart();
    assert_eq!(server.rest().read(&format!("/workflows/{id}"))["status"], "completed");
    // Through a pipe it is the same file.
    let piped = gleitzeit()
        .args(["store", "backup", "-", "--online", "--url", &server.url()])
        .output()
        .expect("it starts");
    let other = base.path().join("piped.tar");
    std::fs::write(&other, piped.stdout).expect("it can be written");
    ok(restore(&other, &base.path().join("piped"), &[]));
}
