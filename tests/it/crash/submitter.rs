//! Threads that submit and cancel until the server is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use super::journal::Journal;
use crate::harness::Rest;

/// Bounds what a fast machine leaves for the checks at the end.
const SUBMISSIONS_PER_CYCLE: usize = 60;
/// Every so many submissions the workflow is cancelled at once.
const CANCEL_EVERY: usize = 7;

pub struct Submitters {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Submitters {
    pub fn start(url: &str, count: usize, cycle: u64, journal: &Journal) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count)
            .map(|number| {
                let (rest, journal, stop) = (Rest::new(url), journal.clone(), Arc::clone(&stop));
                thread::spawn(move || submit_until_stopped(&rest, &journal, &stop, cycle, number))
            })
            .collect();
        Self { stop, threads }
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a submitter takes every refusal calmly");
        }
    }
}

/// Internal, external, and a template between them.
pub fn workflow(name: &str) -> Value {
    let external = |parameters: Value| json!({ "service_name": "crash", "external_task_type": "custom_processing", "external_parameters": parameters });
    json!({
        "name": name,
        "tasks": [
            { "name": "count", "task_type": "function",
              "parameters": { "function_name": "count_words", "kwargs": { "text": "one two three" } } },
            { "name": "first", "task_type": "external_custom", "parameters": external(json!({ "step": 1 })) },
            { "name": "second", "task_type": "external_custom", "dependencies": ["count"],
              "parameters": external(json!({ "got": "{{first.result}}" })) },
        ],
    })
}

fn submit_until_stopped(rest: &Rest, journal: &Journal, stop: &AtomicBool, cycle: u64, number: usize) {
    for round in 0..SUBMISSIONS_PER_CYCLE {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("cycle-{cycle}-submitter-{number}-{round}");
        journal.note_key(&key, None);
        // No answer: the server is gone, and the key tells later whether the submission was.
        let Ok(answer) = rest.post("/workflows", &[("Idempotency-Key", &key)], &workflow(&key)) else {
            return;
        };
        assert_eq!(answer.status, 201, "{}", answer.body);
        let id = answer.body["id"].as_str().expect("an answer names the workflow").to_owned();
        journal.note_key(&key, Some(&id));
        journal.note(|answers| answers.submitted.push(id.clone()));
        if round % CANCEL_EVERY == CANCEL_EVERY - 1 {
            journal.note(|answers| answers.cancel_sent.push(id.clone()));
            let Ok(answer) = rest.post(&format!("/workflows/{id}/cancel"), &[], &json!({})) else { return };
            // It may have ended before.
            if (200..300).contains(&answer.status) {
                journal.note(|answers| answers.cancelled.push(id.clone()));
            }
        }
    }
}
