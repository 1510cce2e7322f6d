//! Verbs that go on while something happens: they tell what comes, and end when it has ended.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use gleitzeit::client::node::{Capability, ExternalServiceNode, NodeHandle, TaskContext};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::block_in_place;

use super::remote::{id, start};
use crate::harness::{PATIENCE, Server, gleitzeit};

const OUTSIDE: &str = "name: Followed\ntasks:\n- {name: outside, external: custom, service: Steps}\n\
     - {name: after, function: count_words, args: [a b], dependencies: [outside]}\n";

/// A verb that runs, line by line.
struct Following {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Following {
    fn start(server: &Server, line: &str) -> Self {
        let mut command = gleitzeit();
        command.args(line.split_whitespace()).args(["--url", &server.url()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the binary can be started");
        let output = child.stdout.take().expect("its output is a pipe");
        let (said, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                drop(said.send(line));
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Reads on until a line holds the text.
    fn until(&mut self, text: &str) {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("`{text}`: {error}; it said {:#?}", self.seen));
            let found = line.contains(text);
            self.seen.push(line);
            if found {
                return;
            }
        }
    }

    /// Reads to the end, which comes by itself.
    fn ended(mut self) -> (Option<i32>, Vec<String>) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        let status = crate::harness::until("the end of the verb", PATIENCE, || {
            self.child.try_wait().expect("a child can be waited for")
        });
        (status.code(), std::mem::take(&mut self.seen))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // A test that failed must not leave it behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A service that takes one step of its task for each permit, and tells each.
async fn steps(server: &Server) -> (NodeHandle, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let node = ExternalServiceNode::new("Steps")
        .node_id("steps")
        .url(server.url())
        .capability(Capability::CustomProcessing)
        .handler("external_custom", move |task: TaskContext, _: Value| {
            let gate = Arc::clone(&held);
            async move {
                for (percent, message) in [(25, "unpacked"), (75, "sorted")] {
                    gate.acquire().await?.forget();
                    task.progress(percent, message, None);
                }
                gate.acquire().await?.forget();
                Ok(json!("done"))
            }
        })
        .start()
        .expect("its settings hold together");
    node.registered().await.expect("the server takes it");
    (node, gate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_follow_the_progress_of_what_runs_to_its_end() {
    let (_data, server) = start();
    let (node, gate) = steps(&server).await;
    block_in_place(|| {
        let id = id(&server, OUTSIDE);
        let mut logs = Following::start(&server, &format!("logs {id} --follow"));
        logs.until("attempt 1 runs");
        gate.add_permits(1);
        logs.until("unpacked");
        assert!(logs.seen.last().is_some_and(|line| line.contains("25")), "{:#?}", logs.seen);
        gate.add_permits(1);
        logs.until("sorted");
        gate.add_permits(1);
        let (code, seen) = logs.ended();
        assert_eq!(code, Some(0), "{seen:#?}");
        let told = |text: &str| seen.iter().filter(|line| line.contains(text)).count();
        assert_eq!((told("unpacked"), told("sorted")), (1, 1), "each step once: {seen:#?}");
        let place = |text: &str| seen.iter().position(|line| line.contains(text));
        assert!(place("sorted") < place("after"), "{seen:#?}");
        assert!(seen.last().is_some_and(|line| line.contains("completed")), "{seen:#?}");
    });
    drop(node);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_one_task_ends_with_the_task() {
    let (_data, server) = start();
    let (node, gate) = steps(&server).await;
    block_in_place(|| {
        let id = id(&server, OUTSIDE);
        let mut logs = Following::start(&server, &format!("logs {id}.0 -f -o jsonl"));
        logs.until("task_accepted");
        gate.add_permits(3);
        let (code, seen) = logs.ended();
        assert_eq!(code, Some(0), "{seen:#?}");
        let kinds: Vec<String> = seen
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).expect("one JSON object a line"))
            .filter_map(|event| event["type"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(kinds.last().map(String::as_str), Some("task_completed"), "{kinds:?}");
        assert!(!seen.iter().any(|line| line.contains("\"after\"")), "{seen:#?}");
    });
    drop(node);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_follow_a_workflow_from_a_position_on() {
    let (_data, server) = start();
    let (node, gate) = steps(&server).await;
    block_in_place(|| {
        let id = id(&server, OUTSIDE);
        let mut events = Following::start(&server, &format!("events {id} --follow -o jsonl"));
        events.until("task_accepted");
        gate.add_permits(3);
        events.until("workflow_ended");
        let seqs: Vec<u64> = events
            .seen
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).expect("one JSON object a line"))
            .filter_map(|event| event["seq"].as_u64())
            .collect();
        assert!(seqs.len() == events.seen.len() && seqs.is_sorted(), "{:#?}", events.seen);
        // The same events again, from one in the middle on, come in the same order and without those before it.
        let since = seqs[seqs.len() / 2];
        let mut again = Following::start(&server, &format!("events {id} --since {since} --follow -o jsonl"));
        again.until("workflow_ended");
        assert_eq!(again.seen, events.seen[seqs.len() / 2..]);
    });
    drop(node);
}
