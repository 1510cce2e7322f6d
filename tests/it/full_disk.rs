//! R6: a small disk is filled and freed again, under the real binary. What was acknowledged stays, work that runs
//! can still be reported, new work waits, and everything goes on by itself once there is space.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gleitzeit::client::wire::{ConnectOptions, Events, Socket};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{PATIENCE, Rest, Server, now, until};

const DISK: &str = "size=8m";
/// What somebody removes to make space.
const BALLAST_BYTES: usize = 3 << 20;
/// Little, and enough for what is prepared meanwhile.
const LEFT_BYTES: usize = 300 << 10;
/// Tasks that run while the disk becomes full.
const HELD: usize = 40;
/// Far more than the disk has room for.
const WORKFLOWS_MAX: usize = 2_000;
/// How long is waited for what should not come.
const SILENCE: Duration = Duration::from_millis(1_500);

/// A file system of its own, which goes with its owner.
pub struct SmallDisk {
    directory: tempfile::TempDir,
}

impl SmallDisk {
    /// Nothing where this process may not mount anything.
    pub fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(directory.path());
        mount.output().is_ok_and(|done| done.status.success()).then_some(Self { directory })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.directory.path()).output());
    }
}

/// A service that takes what it is given and reports when it is told to.
struct Holder {
    socket: Socket,
    events: Events,
    held: Vec<Value>,
}

impl Holder {
    async fn connect(url: &str) -> Self {
        let (socket, events) =
            Socket::connect(&ConnectOptions::new(url)).await.expect("a ready server takes connections");
        let mut holder = Self { socket, events, held: Vec::new() };
        holder.hear("connected", PATIENCE).await.expect("the server says hello");
        let authenticate = json!({ "token": "demo_token", "client_type": "external_service" });
        holder.socket.emit("authenticate", &authenticate).await.expect("a connected socket sends");
        let registration = json!({
            "node_id": "holder-1", "name": "holder", "node_type": "external_service", "active": [],
            "capabilities": {
                "task_types": ["external_custom", "custom_processing"], "max_concurrent_tasks": HELD,
                "external_service": true, "service_capabilities": ["custom_processing"],
            },
        });
        assert_eq!(holder.ask("node:register", &registration).await["ok"], true);
        holder
    }

    async fn ask(&self, name: &str, body: &Value) -> Value {
        let answer = self.socket.emit_with_ack(name, body, PATIENCE).await;
        answer.expect("a request is answered").parse().expect("an answer is JSON")
    }

    /// The next event of this name, if it comes in time.
    async fn hear(&mut self, name: &str, limit: Duration) -> Option<Value> {
        let next = async {
            while let Some(event) = self.events.next().await {
                if event.name == name {
                    return event.parse().ok();
                }
            }
            None
        };
        timeout(limit, next).await.ok().flatten()
    }

    /// Accepts the next task, if one is offered in time.
    async fn take(&mut self, limit: Duration) -> bool {
        let Some(task) = self.hear("task:assign", limit).await else { return false };
        assert_eq!(self.report("task:accepted", &task, Value::Null).await["ok"], true);
        self.held.push(task);
        true
    }

    async fn report(&self, name: &str, task: &Value, result: Value) -> Value {
        let mut report = json!({
            "task_id": task["task_id"], "workflow_id": task["workflow_id"],
            "node_id": "holder-1", "attempt": task["attempt"],
        });
        report["result"] = result;
        self.ask(name, &report).await
    }
}

fn workflow(tasks: usize) -> Value {
    let task = |number: usize| {
        json!({ "name": format!("t{number}"), "task_type": "external_custom",
            "parameters": { "service_name": "holder", "external_task_type": "custom_processing",
                "external_parameters": { "n": number } } })
    };
    json!({ "name": "fill", "tasks": (0..tasks).map(task).collect::<Vec<Value>>() })
}

/// The id of a workflow that was taken.
fn submit(rest: &Rest) -> Result<String, Value> {
    let answer = rest.post("/workflows", &[], &workflow(200)).expect("a submission is answered");
    match answer.status {
        201 => Ok(answer.body["id"].as_str().expect("an id").to_owned()),
        507 => Err(answer.body),
        other => panic!("{other}: {}", answer.body),
    }
}

fn read_only(rest: &Rest) -> bool {
    let stats = rest.read("/stats");
    stats["log"]["read_only"] == true
}

/// Waits until the server says that its disk is nearly full, or does not say it any more, and says so everywhere.
fn warned(rest: &Rest, times: usize) {
    until("what is said of the disk", PATIENCE, || {
        let metrics = rest.metrics();
        let low = metrics.contains(&format!("gleitzeit_disk_low {times}\n"));
        let health = rest.health();
        let warnings = health["warnings"].as_array().expect("a list").clone();
        let disk =
            warnings.iter().filter(|warning| warning.to_string().contains("the disk is nearly full")).count();
        (low && disk == times).then_some(())
    });
}

#[test]
fn a_disk_that_becomes_full_is_told_of_while_everything_is_taken() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: only root can mount the small disk that this test fills");
        return;
    };
    let server = Server::start(&disk.file("data"), &["--segment-size", "1MiB"]);
    let rest = server.rest();
    warned(&rest, 0);
    let space = rustix::fs::statvfs(disk.file("data").as_path()).expect("a disk says what is free");
    let free = usize::try_from(space.f_bavail * space.f_frsize).expect("it is small");
    let ballast = disk.file("ballast");
    fs::write(&ballast, vec![0; free - LEFT_BYTES]).expect("there is room");
    warned(&rest, 1);
    assert!(!read_only(&rest));
    submit(&rest).expect("new work is taken");
    assert_eq!(rest.health()["status"], "healthy");
    fs::remove_file(ballast).expect("somebody makes space");
    warned(&rest, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_reports_and_no_new_work_and_goes_on_when_there_is_space() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: only root can mount the small disk that this test fills");
        return;
    };
    let ballast = disk.file("ballast");
    fs::write(&ballast, vec![0; BALLAST_BYTES]).expect("the disk is empty");
    fill_and_free(&disk.file("data"), &ballast).await;
}

async fn fill_and_free(data: &Path, ballast: &Path) {
    let mut server = Server::start(data, &["--segment-size", "1MiB"]);
    let rest = server.rest();
    let mut acknowledged = vec![submit(&rest).expect("an empty disk takes a workflow")];
    let mut holder = Holder::connect(&server.url()).await;
    while holder.held.len() < HELD {
        assert!(holder.take(PATIENCE).await, "only {} tasks were offered", holder.held.len());
    }

    let refusal = (0..WORKFLOWS_MAX).find_map(|_| match submit(&rest) {
        Ok(id) => {
            acknowledged.push(id);
            None
        }
        Err(refusal) => Some(refusal),
    });
    assert_eq!(refusal.expect("the disk becomes full")["code"], "GZ5004");
    assert!(read_only(&rest));
    warned(&rest, 1);
    for task in &holder.held {
        let answer = holder.report("task:completed", task, json!("x".repeat(400))).await;
        assert_eq!(answer["ok"], true, "{answer}");
    }
    assert!(!holder.take(SILENCE).await, "what is offered now could not be reported");
    let tasks = rest.read(&format!("/workflows/{}/tasks?status=queued&limit=1", acknowledged[0]));
    let queued = tasks["items"][0]["id"].as_str().expect("more tasks wait than were held");
    let why = rest.read(&format!("/tasks/{queued}/why"));
    assert_eq!(why["reasons"][0]["kind"], "disk_full", "{why}");
    assert!(
        why["summary"].as_str().is_some_and(|said| said.contains("the disk of the server is full")),
        "{why}"
    );
    let completed = |rest: &Rest| {
        let tasks = rest.read(&format!("/workflows/{}/tasks?limit=1000", acknowledged[0]));
        let tasks = tasks["items"].as_array().expect("a list of tasks").clone();
        tasks.iter().filter(|task| task["status"] == "completed").count()
    };
    assert_eq!(completed(&rest), HELD);

    server.kill();
    server.restart();
    let rest = server.rest();
    until("the server sees that the disk is full", PATIENCE, || read_only(&rest).then_some(()));
    for id in &acknowledged {
        assert_eq!(rest.read(&format!("/workflows/{id}"))["id"], id.as_str());
    }
    assert_eq!(completed(&rest), HELD);

    fs::remove_file(ballast).expect("somebody makes space");
    warned(&rest, 0);
    let begin = now();
    let taken = until("new work is taken", PATIENCE, || submit(&rest).ok());
    println!(
        "{} workflows acknowledged; new work {:?} after there was space",
        acknowledged.len(),
        begin.elapsed()
    );
    assert_eq!(rest.read(&format!("/workflows/{taken}"))["id"], taken.as_str());
    assert!(!read_only(&rest));
    let mut holder = Holder::connect(&server.url()).await;
    assert!(holder.take(PATIENCE).await, "what waited is offered again");
    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
}
