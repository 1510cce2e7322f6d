//! Data directories that earlier releases have left behind open, and reach the state that they had; a newer format is
//! refused, and nothing of it is touched.
//!
//! `tests/golden/NAME.tar.gz` is a directory as `kill -9` left it, and `NAME.json` what its server said last.
//! `GOLDEN_WRITE=1` makes both for this version, for the day of a release.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Rest, Server, figure, gleitzeit};

const FLAGS: &[&str] = &["--segment-size", "1MiB"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn tar(words: &[&str], file: &Path, folder: &Path) {
    let mut command = Command::new("tar");
    command.args(words).arg(file).arg("-C").arg(folder);
    // Packing needs to be told what; unpacking takes everything.
    if words.contains(&"-czf") {
        command.arg("data");
    }
    let output = command.output().expect("there is a tar");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Everything of every workflow that an upgrade must not change.
fn seen(rest: &Rest) -> Value {
    let workflows = rest.read("/workflows?limit=1000")["items"].as_array().cloned().expect("a list");
    let one = |workflow: &Value| {
        let id = workflow["id"].as_str().expect("it has an id");
        let tasks = rest.read(&format!("/workflows/{id}/tasks?limit=1000"))["items"].as_array().cloned();
        let task = |task: &Value| {
            let detail = rest.read(&format!("/tasks/{}", task["id"].as_str().expect("an id")));
            json!({"name": detail["name"], "status": detail["status"], "attempt": detail["attempt"],
                "parameters": detail["parameters"], "result": detail["result"], "code": detail["error"]["code"]})
        };
        let tasks: Vec<Value> = tasks.expect("a list").iter().map(task).collect();
        let workflow = json!({"name": workflow["name"], "status": workflow["status"],
            "created_at": workflow["created_at"], "tasks": tasks});
        (id.to_owned(), workflow)
    };
    let all: BTreeMap<String, Value> = workflows.iter().map(one).collect();
    json!(all)
}

/// Workflows of every kind of end, and of none.
fn history(rest: &Rest) {
    let submit = |body: &Value| {
        let answer = rest.post("/workflows", &[("Idempotency-Key", &body["name"].to_string())], body);
        let answer = answer.expect("it answers");
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().expect("it has an id").to_owned()
    };
    let post = |path: String, body: Value| {
        let answer = rest.post(&path, &[], &body).expect("it answers");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    };
    let external = |name: &str| json!({"name": name, "task_type": "external_api", "dependencies": ["Count"]});
    let counted = json!({"name": "Count", "function": "count_words", "args": ["to be or not to be"]});
    submit(&json!({"name": "Completed", "tags": ["kept"], "metadata": {"team": "a"}, "tasks": [counted,
        {"name": "Large", "function": "encode_base64", "args": ["x".repeat(5_000)]},
        {"name": "After", "function": "encode_base64", "args": ["{{Count.result}} words"]}]}));
    submit(&json!({"name": "Failed", "error_strategy": "continue", "tasks": [
        {"name": "Wrong", "function": "decode_base64", "args": ["?"], "max_retries": 0},
        {"name": "Skipped", "function": "count_words", "args": ["a"], "dependencies": ["Wrong"]}]}));
    submit(&json!({"name": "Waiting", "tasks": [counted, external("Wait")]}));
    let paused = submit(&json!({"name": "Paused", "tasks": [counted, external("Wait")]}));
    let cancelled = submit(&json!({"name": "Cancelled", "tasks": [counted, external("Wait")]}));
    let settled = submit(&json!({"name": "Settled", "tasks": [counted, external("Wait")]}));
    let edited = submit(&json!({"name": "Edited", "tasks": [
        {"name": "Wrong", "function": "decode_base64", "args": ["?"], "max_retries": 0}]}));
    crate::harness::until("the tasks that can end", std::time::Duration::from_mins(1), || {
        let all = seen(rest);
        let ended = |workflow: &Value| {
            let tasks = workflow["tasks"].as_array().expect("a list");
            tasks.iter().all(|task| {
                task["name"] == "Wait"
                    || ["completed", "failed", "skipped"].iter().any(|end| task["status"] == *end)
            })
        };
        all.as_object().expect("workflows").values().all(ended).then_some(())
    });
    post(format!("/workflows/{paused}/pause"), json!({}));
    post(format!("/workflows/{cancelled}/cancel"), json!({}));
    post(
        format!("/tasks/{settled}.1/complete"),
        json!({"result": {"by": "hand"}, "by": "ada", "reason": "known"}),
    );
    post(format!("/tasks/{edited}.0/retry"), json!({"parameters": {"args": ["YQ=="]}}));
    crate::harness::until("the end of the retry", std::time::Duration::from_mins(1), || {
        (rest.read(&format!("/workflows/{edited}"))["status"] == "completed").then_some(())
    });
}

#[test]
fn what_earlier_releases_left_behind_opens() {
    if figure("GOLDEN_WRITE", 0) == 1 {
        let base = tempfile::tempdir().expect("a temporary directory");
        let mut server = Server::start(&base.path().join("data"), FLAGS);
        history(&server.rest());
        let said = serde_json::to_string_pretty(&seen(&server.rest())).expect("it is JSON");
        server.kill();
        let name = folder().join(concat!("v", env!("CARGO_PKG_VERSION")));
        tar(&["-czf"], &name.with_added_extension("tar.gz"), base.path());
        fs::write(name.with_added_extension("json"), said + "\n").expect("it can be written");
    }
    let mut opened = 0;
    for entry in fs::read_dir(folder()).expect("there are golden directories") {
        let file = entry.expect("it can be listed").path();
        let Some(name) = file.to_str().and_then(|name| name.strip_suffix(".tar.gz")) else { continue };
        let said = fs::read_to_string(format!("{name}.json")).expect("what its server said");
        let said: Value = serde_json::from_str(&said).expect("it is JSON");
        let base = tempfile::tempdir().expect("a temporary directory");
        tar(&["-xzf"], &file, base.path());
        let data = base.path().join("data");
        let mut server = Server::start(&data, FLAGS);
        assert_eq!(seen(&server.rest()), said, "{name}");
        assert!(server.terminate().0.success());
        // The log alone says the same.
        fs::remove_dir_all(data.join("store")).expect("it can be removed");
        server.restart();
        assert_eq!(seen(&server.rest()), said, "{name} without its store");
        assert!(server.terminate().0.success());
        let mut verify = gleitzeit();
        let verified = verify.args(["store", "verify", "--data-dir"]).arg(&data).output().expect("it starts");
        assert!(verified.status.success(), "{name}: {}", String::from_utf8_lossy(&verified.stdout));
        opened += 1;
    }
    assert!(opened > 0, "there is no golden directory");
}

/// Names, sizes and contents.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it can be listed") {
            let path = entry.expect("an entry").path();
            // Whoever looks writes its number there.
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "LOCK") {
                found.insert(path.clone(), fs::read(&path).expect("it can be read"));
            }
        }
    }
    found
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let data = base.path().join("data");
    let mut server = Server::start(&data, FLAGS);
    history(&server.rest());
    assert!(server.terminate().0.success());
    let format = fs::read_to_string(data.join("FORMAT")).expect("it has a format");
    fs::write(data.join("FORMAT"), format.replace("format 1", "format 2") + "something newer\n")
        .expect("written");
    let before = content(&data);
    let verbs: [&[&str]; 6] = [
        &["serve", "--port", "0"],
        &["store", "verify"],
        &["store", "repair", "--accept-loss"],
        &["store", "compact"],
        &["store", "dump"],
        &["store", "backup", "-"],
    ];
    for verb in verbs {
        let output = gleitzeit().args(verb).arg("--data-dir").arg(&data).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("error[GZ5013]"), "{verb:?}: {said}");
        assert!(said.contains("has format 2, but this program knows formats up to 1"), "{verb:?}: {said}");
        assert!(content(&data) == before, "{verb:?} changed something");
    }
}
