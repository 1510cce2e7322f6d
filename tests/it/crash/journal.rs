//! What the server has answered, from the caller's side.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard};

/// An acknowledged completion: the server may never again say anything else about this task.
#[derive(Debug, Clone)]
pub struct Completion {
    pub workflow: String,
    pub task_name: String,
    pub result: String,
}

/// Answers since the last check.
#[derive(Debug, Default, Clone)]
pub struct Answers {
    /// Ids of workflows whose submission was answered with 201.
    pub submitted: Vec<String>,
    /// Ids of workflows whose cancel was sent, whether it was answered or not.
    pub cancel_sent: Vec<String>,
    /// Ids of workflows whose cancel was answered with 2xx.
    pub cancelled: Vec<String>,
    pub completed: Vec<Completion>,
}

#[derive(Debug, Default, Clone)]
pub struct Journal(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    unchecked: Answers,
    all: Answers,
    /// Idempotency keys and the id that was answered for each, where there was an answer.
    keys: BTreeMap<String, Option<String>>,
}

impl Journal {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().expect("nobody panics while writing the journal")
    }

    pub fn note(&self, write: impl Fn(&mut Answers)) {
        let mut pages = self.pages();
        write(&mut pages.unchecked);
        write(&mut pages.all);
    }

    /// Notes a key before it is sent, and its id once that was answered.
    pub fn note_key(&self, key: &str, id: Option<&str>) {
        self.pages().keys.insert(key.to_owned(), id.map(str::to_owned));
    }

    /// Whether a submission was answered and a completion was acknowledged since the last check.
    pub fn has_unchecked(&self) -> bool {
        let pages = self.pages();
        !pages.unchecked.submitted.is_empty() && !pages.unchecked.completed.is_empty()
    }

    pub fn take_unchecked(&self) -> Answers {
        mem::take(&mut self.pages().unchecked)
    }

    pub fn all(&self) -> Answers {
        self.pages().all.clone()
    }

    pub fn keys(&self) -> BTreeMap<String, Option<String>> {
        self.pages().keys.clone()
    }
}
