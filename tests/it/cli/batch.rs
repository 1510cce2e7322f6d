//! Folders of files as workflows: the command line reads them, a real node does the work.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use gleitzeit::client::node::{ExternalServiceNode, NodeHandle, TaskContext};
use serde_json::{Value, json};

use super::{finish, text};
use crate::harness::{Server, gleitzeit};

/// What the command line may use while it sends 10,000 files, and the server while it runs them. A debug build
/// needs some 60 and 150 MiB.
const CLIENT_MIB: u64 = 160;
const SERVER_MIB: u64 = 400;

/// A node that answers prompts with themselves, and functions with the name of the file.
fn node(server: &Server) -> NodeHandle {
    ExternalServiceNode::new("Echo")
        .node_id("echo")
        .url(server.url())
        .task_type("text")
        .max_concurrent_tasks(50)
        .handler("text", |_: TaskContext, input: Value| async move { Ok(input["prompt"].clone()) })
        .start()
        .expect("it is a node")
}

fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
    std::fs::write(path, content).expect("it can be written");
}

fn run(server: &Server, folder: &Path, flags: &[&str]) -> Command {
    let mut command = gleitzeit();
    command.args(["run", "-q", "--url", &server.url(), "--batch-folder"]).arg(folder).args(flags);
    command
}

/// Runs the command where it does not hold up the node.
async fn ended(mut command: Command) -> Output {
    let ended = tokio::task::spawn_blocking(move || finish(&mut command, ""));
    ended.await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_is_a_task_and_no_file_is_a_template() {
    let (data, folder) =
        (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    write(folder.path(), "b.txt", "{{process_1.result}} ${process_1.result} {{file.name}}");
    write(folder.path(), "a.md", "plain\n");
    write(folder.path(), "{{c}}.txt", "\\u007b{x}}");
    write(folder.path(), "deep/d.txt", "below");
    write(folder.path(), ".hidden.txt", "no");
    write(folder.path(), "e.bin", "no");
    let server = Server::start(data.path(), &[]);
    let node = node(&server);
    let flags = ["--type", "text", "-p", "<{{file.name}}> {{file.content}}", "-o", "json"];
    let output = ended(run(&server, folder.path(), &flags)).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let results: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let hostile = "<b.txt> {{process_1.result}} ${process_1.result} {{file.name}}";
    let results = &results["results"];
    assert_eq!(
        [&results["process_0"], &results["process_1"], &results["process_2"], &results["process_3"]],
        [&json!("<a.md> plain\n"), &json!(hostile), &json!("<{{c}}.txt> \\u007b{x}}"), &Value::Null]
    );
    assert_eq!(
        results["aggregate_results"],
        json!({"total": 3, "with_result": 3, "without_result": [], "results":
            {"a.md": "<a.md> plain\n", "b.txt": hostile, "{{c}}.txt": "<{{c}}.txt> \\u007b{x}}"}})
    );
    let more = ["--type", "text", "-p", "x", "--recursive", "--extensions", "TXT", "-o", "json"];
    let output = ended(run(&server, folder.path(), &more)).await;
    let results: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(results["results"]["process_1"], json!("x\n\nbelow"), "{results}");
    assert_eq!(results["total_tasks"], json!(4));
    drop(node);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_files_are_never_held_at_once() {
    const FILES: usize = 10_000;
    let (data, folder) =
        (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let content = "a line of text {{with.result}} braces\n".repeat(40);
    for place in 0..FILES {
        std::fs::write(folder.path().join(format!("{place:05}.txt")), format!("{place}\n{content}"))
            .expect("it can be written");
    }
    let server = Server::start(data.path(), &[]);
    let node = ExternalServiceNode::new("Counter")
        .node_id("counter")
        .url(server.url())
        .task_type("text")
        .max_concurrent_tasks(200)
        .handler("text", |_: TaskContext, input: Value| async move {
            Ok(json!(input["prompt"].as_str().map(str::len)))
        })
        .start()
        .expect("it is a node");
    let flags = ["--type", "text", "-p", "{{file.content}}", "-o", "json", "--timeout", "300"];
    let mut command = run(&server, folder.path(), &flags);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn();
    let watched = tokio::task::spawn_blocking(move || watched(child.expect("it starts")));
    let (output, client_kib) = watched.await.expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let results: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(results["completed_tasks"], json!(FILES + 1));
    let gathered = &results["results"]["aggregate_results"];
    assert_eq!((&gathered["total"], &gathered["with_result"]), (&json!(FILES), &json!(FILES)));
    assert_eq!(gathered["results"]["00007.txt"], json!(content.len() + 2));
    let stats = server.rest().read("/stats");
    let server_mib = peak_kib(u32::try_from(stats["pid"].as_u64().expect("a pid")).expect("it fits")) >> 10;
    eprintln!("10,000 files: client {} MiB, server {server_mib} MiB at their peaks", client_kib >> 10);
    assert!(client_kib >> 10 < CLIENT_MIB, "the command line took {} MiB", client_kib >> 10);
    assert!(server_mib < SERVER_MIB, "the server took {server_mib} MiB");
    drop(node);
}

/// The most that the process has had of memory so far; 0 when it is gone.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// How it ended, and the most that it had of memory.
fn watched(child: Child) -> (Output, u64) {
    let pid = child.id();
    let (done, is_done) = std::sync::mpsc::channel();
    let ended = std::thread::spawn(move || {
        let output = child.wait_with_output().expect("it ends");
        done.send(()).expect("somebody waits for it");
        output
    });
    let mut peak = 0;
    while is_done.recv_timeout(Duration::from_millis(20)).is_err() {
        peak = peak.max(peak_kib(pid));
    }
    (ended.join().expect("it ends"), peak)
}

#[test]
fn folders_that_cannot_be_run_are_refused_before_anything_is_sent() {
    let nobody = ["--url", super::NOBODY];
    let folder = tempfile::tempdir().expect("a directory");
    let refused = |flags: &[&str]| {
        let mut command = gleitzeit();
        command.args(["run", "--batch-folder"]).arg(folder.path()).args(flags).args(nobody);
        let output = finish(&mut command, "");
        (output.status.code(), text(&output.stderr).to_owned())
    };
    let (code, said) = refused(&["-p", "x"]);
    assert!(code == Some(1) && said.contains("has no file with .txt, .md"), "{said}");
    write(folder.path(), "bytes.txt", "x");
    std::fs::write(folder.path().join("bytes.txt"), [0xff, 0xfe]).expect("it can be written");
    let (code, said) = refused(&["-p", "x"]);
    assert!(code == Some(1) && said.contains("bytes.txt is not text"), "{said}");
    let (code, said) = refused(&["-p", "x {{file.contents}}"]);
    assert!(code == Some(1) && said.contains("did you mean `file.content`?"), "{said}");
    let (code, said) = refused(&["--type", "vision"]);
    assert!(code == Some(1) && said.contains("a vision batch needs a `prompt`"), "{said}");
    for name in ["one.txt", "two.txt"] {
        write(folder.path(), name, &"x".repeat(17 << 20));
    }
    std::fs::remove_file(folder.path().join("bytes.txt")).expect("it was there");
    let (code, said) = refused(&["-p", "x"]);
    assert!(code == Some(1) && said.starts_with("error[GZ7002]: ") && said.contains("--on-server"), "{said}");
    let (code, said) = refused(&["-f", "f", "positional"]);
    assert!(code == Some(2) && said.contains("NAME=positional"), "{said}");
}

#[test]
fn a_server_without_a_files_root_makes_no_batch() {
    let data = tempfile::tempdir().expect("a directory");
    let server = Server::start(data.path(), &[]);
    let output = finish(&mut run(&server, Path::new("notes"), &["--on-server", "-p", "x"]), "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error[GZ3012]: "), "{}", text(&output.stderr));
    assert_eq!(server.rest().read("/workflows")["items"], json!([]), "a refusal leaves no trace");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_the_server_is_read_by_the_server() {
    let (data, root) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    write(root.path(), "notes/b.txt", "{{read_0.result}} and ${HOME}");
    write(root.path(), "notes/a.txt", "first");
    write(root.path(), "notes/deep/c.txt", "third");
    write(root.path(), "notes/.d.txt", "hidden");
    std::os::unix::fs::symlink("/etc/passwd", root.path().join("notes/e.txt")).expect("it can be linked");
    let flag = root.path().to_str().expect("it is text");
    let server = Server::start(data.path(), &["--files-root", flag]);
    let node = node(&server);
    let batch = "name: Notes\ntype: batch\nfolder: notes\nrecursive: true\nprompt: '{{file.name}}: {{file.content}}'\n";
    let mut command = gleitzeit();
    command.args(["run", "-q", "-", "-o", "json", "--url", &server.url()]);
    let output = tokio::task::spawn_blocking(move || finish(&mut command, batch)).await.expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let results: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let gathered = &results["results"]["aggregate_results"]["results"];
    assert_eq!(
        gathered,
        &json!({
            "a.txt": "a.txt: first", "b.txt": "b.txt: {{read_0.result}} and ${HOME}",
            "deep/c.txt": "deep/c.txt: third",
        })
    );
    let absolute = root.path().join("notes");
    let flags = ["--on-server", "-p", "x", "-o", "json"];
    let output = ended(run(&server, &absolute, &flags)).await;
    let results: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(results["results"]["process_0"], json!("x\n\nfirst"), "{}", text(&output.stderr));
    drop(node);
    for (folder, expected) in [
        ("..", "error[GZ7001]: "),
        ("/etc", "error[GZ7001]: "),
        ("nowhere", "error[GZ5001]: "),
        ("notes/a.txt", "error[GZ"),
    ] {
        let output = ended(run(&server, Path::new(folder), &["--on-server", "-p", "x"])).await;
        let said = text(&output.stderr);
        assert!(output.status.code() != Some(0) && said.starts_with(expected), "{folder}: {said}");
    }
    let empty = ended(run(&server, &absolute, &["--on-server", "-p", "x", "--extensions", ".pdf"])).await;
    assert!(text(&empty.stderr).contains("has no file with .pdf"), "{}", text(&empty.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_makes_a_batch_of_ten_thousand_files_without_their_contents() {
    const FILES: usize = 10_000;
    let (data, root) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    for place in 0..FILES {
        write(root.path(), &format!("in/{place:05}.csv"), "a,b\n");
    }
    let flag = root.path().to_str().expect("it is text");
    let server = Server::start(data.path(), &["--files-root", flag]);
    let body = json!({
        "name": "Tables", "type": "batch", "folder": "in", "task_type": "function", "function": "load_csv",
        "kwargs": {"depth": 2},
    });
    let answer = server.rest().post("/workflows", &[], &body).expect("it answers");
    assert_eq!((answer.status, &answer.body["total_tasks"]), (201, &json!(FILES + 1)), "{}", answer.body);
    let id = answer.body["id"].as_str().expect("it has an id");
    let last = server.rest().read(&format!("/tasks/{id}.{}", FILES - 1));
    let path = root.path().canonicalize().expect("it is there").join("in/09999.csv");
    assert_eq!(
        last["parameters"],
        json!({"function_name": "load_csv", "kwargs": {"depth": 2, "file_path": path.to_str()}})
    );
    assert_eq!((&last["key"], &last["metadata"]), (&json!("process_9999"), &json!({"file": "09999.csv"})));
    let stats = server.rest().read("/stats");
    let server_mib = peak_kib(u32::try_from(stats["pid"].as_u64().expect("a pid")).expect("it fits")) >> 10;
    eprintln!("a batch of 10,000 files on the server: {server_mib} MiB at its peak");
    assert!(server_mib < SERVER_MIB, "the server took {server_mib} MiB");
}
