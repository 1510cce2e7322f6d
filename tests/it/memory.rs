//! What large results cost: on the disk once, in memory next to nothing.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{PATIENCE, Server, gleitzeit, until};

/// What the server promises for this.
const RESIDENT_MAX: u64 = 200 << 20;
const TASKS: usize = 10_000;
const RESULT_BYTES: usize = 10_000;
/// Begins the large text, and is nowhere else.
const MARK: &str = "only-once-in-the-data-directory";

/// How often the mark stands in the files below `folder`.
fn marks_below(folder: &Path) -> usize {
    let mut found = 0;
    for entry in fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found += marks_below(&path);
        } else {
            let bytes = fs::read(&path).expect("it can be read");
            found += bytes.windows(MARK.len()).filter(|window| *window == MARK.as_bytes()).count();
        }
    }
    found
}

fn until_ended(server: &Server, id: &str, status: &str) {
    assert_eq!(server.rest().ended(id)["status"], status);
}

#[test]
fn a_large_result_is_on_the_disk_once() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let (root, data) = (base.path().join("files"), base.path().join("data"));
    fs::create_dir(&root).expect("a new folder");
    let large = format!("{MARK} {}", "word ".repeat((1 << 20) / 5));
    fs::write(root.join("large"), &large).expect("it can be written");
    let flags = ["--files-root", root.to_str().expect("a path of text"), "--segment-size", "4MiB"];
    let mut server = Server::start(&data, &flags);

    // One that produces, many that use, and one that keeps the workflow alive: nobody runs it.
    let mut tasks = vec![
        json!({"name": "large", "file": "large"}),
        json!({"name": "open", "external": "custom", "service": "Nobody", "parameters": {"all": "{{large.result}}"}}),
    ];
    tasks.extend((0..20).map(
        |number| json!({"name": format!("user {number}"), "function": "count_words", "args": ["{{large.result}}"]}),
    ));
    let submit = |server: &Server, tasks: &[Value]| {
        let body = json!({"name": "Large", "tasks": tasks});
        let answer = server.rest().post("/workflows", &[], &body).expect("it answers");
        answer.body["id"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
    };
    let live = submit(&server, &tasks);
    let counted = |server: &Server| {
        server.rest().read(&format!("/workflows/{live}"))["completed_tasks"].as_u64() == Some(21)
    };
    until("all but the open one have run", PATIENCE, || counted(&server).then_some(()));
    assert_eq!(marks_below(&data), 1, "while the workflow runs");

    // The checkpoint of a stop, a replay, and the archive refer to the same place.
    assert!(server.terminate().0.success());
    assert_eq!(marks_below(&data), 1, "after the checkpoint");
    server.restart();
    assert_eq!(server.rest().read(&format!("/workflows/{live}/results"))["results"]["user 3"], 209_716);
    server.rest().post(&format!("/workflows/{live}/cancel"), &[], &Value::Null).expect("it answers");
    until_ended(&server, &live, "cancelled");
    let results = server.rest().read(&format!("/workflows/{live}/results"));
    assert_eq!(results["results"]["large"], json!(large));
    assert!(server.terminate().0.success());
    assert_eq!(marks_below(&data), 1, "after the archive");

    // The log itself says how long its payloads are.
    let dump = gleitzeit().args(["store", "dump", "--data-dir"]).arg(&data).output().expect("it ends");
    let dump = String::from_utf8(dump.stdout).expect("it is text");
    assert!(dump.lines().all(|line| line.len() < 20_000), "a line that holds more than it should");
    let large_ones = dump.matches(&format!("\"len\":{}", large.len() + 2)).count();
    assert_eq!(large_ones, 1, "records that hold the large text");
}

#[test]
fn ten_thousand_results_of_ten_kilobytes_run_in_little_memory() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let root = base.path().join("files");
    fs::create_dir(&root).expect("a new folder");
    fs::write(root.join("text"), "x".repeat(RESULT_BYTES)).expect("it can be written");
    let server =
        Server::start(&base.path().join("data"), &["--files-root", root.to_str().expect("a path of text")]);
    let tasks: Vec<Value> =
        (0..TASKS).map(|number| json!({"name": format!("t{number}"), "file": "text"})).collect();
    let answer = server.rest().post("/workflows", &[], &json!({"name": "Ten thousand", "tasks": tasks}));
    let id = answer.expect("it answers").body["id"].as_str().expect("a workflow has an id").to_owned();
    until_ended(&server, &id, "completed");
    let megabytes = || server.resident_peak_bytes() / 1_000_000;
    println!("{TASKS} results of {RESULT_BYTES} bytes: {} MB while they ran", megabytes());
    assert!(server.resident_peak_bytes() < RESIDENT_MAX, "{} MB", megabytes());

    // One answer with all of them is larger than what the server holds of it.
    let length = server.rest().length_of(&format!("/workflows/{id}/results"));
    assert!(length > (TASKS * RESULT_BYTES) as u64, "{length} bytes");
    println!("{} MB after all of them were read", megabytes());
    assert!(server.resident_peak_bytes() < RESIDENT_MAX, "{} MB after reading", megabytes());
}
