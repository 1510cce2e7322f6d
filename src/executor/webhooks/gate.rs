//! How many requests are under way at once: to all receivers together, and to one, so that a receiver that never
//! answers keeps nobody else waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Each takes a descriptor.
const AT_ONCE: usize = 256;
const AT_ONCE_TO_ONE: usize = 16;
/// Receivers that are remembered before those without a request are forgotten.
const REMEMBERED_MAX: usize = 1_000;

#[derive(Debug)]
pub(in crate::executor) struct Gate {
    all: Semaphore,
    each: Mutex<BTreeMap<String, Weak<Semaphore>>>,
}

/// Held for one request.
#[derive(Debug)]
pub(in crate::executor) struct Turn<'a> {
    _all: SemaphorePermit<'a>,
    _one: OwnedSemaphorePermit,
}

impl Default for Gate {
    fn default() -> Self {
        Self { all: Semaphore::new(AT_ONCE), each: Mutex::default() }
    }
}

impl Gate {
    /// Waits for its turn at this receiver first: whoever waits there takes no turn of others.
    pub async fn turn(&self, receiver: &str) -> Turn<'_> {
        let one = self.of(receiver).acquire_owned().await.expect("nobody closes it");
        let all = self.all.acquire().await.expect("nobody closes it");
        Turn { _all: all, _one: one }
    }

    fn of(&self, receiver: &str) -> Arc<Semaphore> {
        let mut each = self.each.lock().expect("nothing panics while it holds the table");
        if let Some(known) = each.get(receiver).and_then(Weak::upgrade) {
            return known;
        }
        if each.len() >= REMEMBERED_MAX {
            each.retain(|_, known| known.strong_count() > 0);
        }
        let fresh = Arc::new(Semaphore::new(AT_ONCE_TO_ONE));
        each.insert(receiver.to_owned(), Arc::downgrade(&fresh));
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_receiver_that_never_answers_holds_nobody_else_up() {
        let gate = Gate::default();
        let mut held = Vec::new();
        for _ in 0..AT_ONCE_TO_ONE {
            held.push(gate.turn("http://dead.example").await);
        }
        let waits = gate.turn("http://dead.example");
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), waits).await.is_err());
        drop(gate.turn("http://quick.example").await);
        held.pop();
        drop(gate.turn("http://dead.example").await);
        held.clear();
        for number in 0..2 * REMEMBERED_MAX {
            drop(gate.turn(&format!("http://{number}.example")).await);
        }
        assert!(gate.each.lock().unwrap().len() <= REMEMBERED_MAX);
    }
}
