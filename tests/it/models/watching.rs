//! Answers while they come, and answers that nobody wants any more.

use std::path::Path;
use std::time::Duration;

use gleitzeit::client::wire::{AckData, ConnectOptions, Events, Socket};
use serde_json::{Value, json};

use super::gate::Gate;
use super::house::{House, PATIENCE, endpoint};
use super::peer::{Act, Peer, behind, say, words};
use crate::harness::until;

/// A word that is in no other place.
const CANARY: &str = "schnurrpiepserei";

/// Somebody who reads along.
struct Watcher {
    _socket: Socket,
    events: Events,
    /// What has been told, put together by its offsets.
    text: Vec<char>,
}

impl Watcher {
    async fn new(house: &House, workflow: &str) -> Self {
        let (socket, events) = Socket::connect(&ConnectOptions::new(house.server.url())).await.unwrap();
        let watched = json!({"workflow_id": workflow});
        let ack: AckData = socket.emit_with_ack("watch", &watched, PATIENCE).await.unwrap();
        assert_eq!(ack.parse::<Value>().unwrap()["ok"], true);
        Self { _socket: socket, events, text: Vec::new() }
    }

    /// Reads on until the whole text is as `done` wants it.
    async fn until(&mut self, done: impl Fn(&str) -> bool) -> String {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.next()).await;
            let event = event.expect("there is another frame").expect("the connection stands");
            if event.name != "watch:frame" {
                continue;
            }
            let frame: Value = event.parse().unwrap();
            assert_eq!(frame["gap"], false, "{frame}");
            for progress in frame["progress"].as_array().unwrap() {
                self.add(&progress["data"]);
                let so_far: String = self.text.iter().collect();
                if done(&so_far) {
                    return so_far;
                }
            }
        }
    }

    fn add(&mut self, piece: &Value) {
        let offset = usize::try_from(piece["offset"].as_u64().unwrap()).unwrap();
        assert!(offset <= self.text.len(), "nothing is left out: {piece} after {:?}", self.text);
        self.text.truncate(offset);
        self.text.extend(piece["text"].as_str().unwrap().chars());
    }
}

fn log_holds(folder: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(folder.join("data/log")).unwrap();
    let mut files = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    files.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pieces_reach_watchers_and_never_the_log() {
    let peer = Peer::ollama(&["m"]);
    let house = House::new(&endpoint("e", "ollama", &peer.url(), ""));
    tokio::task::block_in_place(|| house.until_offered());
    // It begins when somebody watches: what was told before is not told again.
    let (first, second) = (Gate::default(), Gate::default());
    let apart = Duration::from_millis(50);
    peer.next(behind(&first, Act::Say(words(&["é", " and ", CANARY, " ", "🦀"]), apart)));
    peer.next(behind(&second, Act::Hang(words(&[CANARY]))));
    let parameters = json!({"prompt": "p", "model_name": "m"});
    let workflow = house.submit("text", 1, std::slice::from_ref(&parameters));
    let mut watcher = Watcher::new(&house, &workflow).await;
    first.open();
    let whole = format!("é and {CANARY} 🦀");
    let told = watcher.until(|text| text == whole).await;
    assert_eq!(told, whole);
    assert_eq!(house.ended(&workflow, 0)["result"], json!(whole));
    assert!(log_holds(house.folder.path(), CANARY), "the result is in the log");

    // An answer that never ends leaves nothing behind.
    let house = House::new(&endpoint("e", "ollama", &peer.url(), ""));
    tokio::task::block_in_place(|| house.until_offered());
    let workflow = house.submit("text", 1, &[parameters]);
    let mut watcher = Watcher::new(&house, &workflow).await;
    second.open();
    watcher.until(|text| text == CANARY).await;
    until("the question", PATIENCE, || (peer.open() == 1).then_some(()));
    let answer = house.rest.post(&format!("/workflows/{workflow}/cancel"), &[], &json!({})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!log_holds(house.folder.path(), CANARY));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_begins_again_is_told_again() {
    let (first, second) = (Peer::ollama(&["m"]), Peer::ollama(&["m"]));
    let house = House::new(&format!(
        "{}{}",
        endpoint("first", "ollama", &first.url(), "priority = 1"),
        endpoint("second", "ollama", &second.url(), "priority = 2")
    ));
    tokio::task::block_in_place(|| house.until_slots(8));
    let (begin, again) = (Gate::default(), Gate::default());
    first.next(behind(&begin, Act::Cut(words(&["wro", "ng"]), Duration::from_millis(50))));
    second.next(behind(&again, say(&["r", "i", "g", "h", "t"])));
    let workflow = house.submit("text", 1, &[json!({"prompt": "p", "model_name": "m"})]);
    let mut watcher = Watcher::new(&house, &workflow).await;
    begin.open();
    watcher.until(|text| text.starts_with("wro")).await;
    again.open();
    assert_eq!(watcher.until(|text| text == "right").await, "right");
    let task = house.ended(&workflow, 0);
    assert_eq!((&task["result"], &task["attempt"]), (&json!("right"), &json!(1)));
}

#[test]
fn a_cancelled_task_closes_its_request() {
    let peer = Peer::ollama(&["m"]);
    let house = House::new(&endpoint("e", "ollama", &peer.url(), "concurrency = 1"));
    house.until_offered();
    peer.next(Act::Hang(words(&["a"])));
    let parameters = json!({"prompt": "p", "model_name": "m"});
    let workflow = house.submit("text", 1, std::slice::from_ref(&parameters));
    until("the question", PATIENCE, || (peer.open() == 1).then_some(()));
    let answer = house.rest.post(&format!("/tasks/{workflow}.0/cancel"), &[], &json!({})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    until("the end of the request", PATIENCE, || (peer.abandoned() == 1 && peer.open() == 0).then_some(()));
    assert_eq!(house.ended(&workflow, 0)["status"], "cancelled");
    // Its slot is free again.
    assert_eq!(house.run("text", parameters)["status"], "completed");
}

#[test]
fn a_task_that_runs_too_long_closes_its_request() {
    let peer = Peer::ollama(&["m"]);
    let house = House::new(&endpoint("e", "ollama", &peer.url(), "concurrency = 1"));
    house.until_offered();
    peer.next(Act::Hang(words(&["a"])));
    let workflow = house.submit_tasks(&json!([{"prompt": "p", "timeout": 3, "max_retries": 0}]));
    let task = house.ended(&workflow, 0);
    assert_eq!(task["error"]["code"], "GZ2002", "{task}");
    until("the end of the request", PATIENCE, || (peer.abandoned() == 1).then_some(()));
}
