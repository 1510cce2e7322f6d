//! What a client says while its connection opens.
//!
//! socketioxide tells the client that it is connected, and only then lets anything be sent to it: an answer in between is
//! lost. So whatever the client says so early is kept until both is done.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The time until a connection can be answered.
#[derive(Default)]
pub(super) struct Opening {
    over: AtomicBool,
    /// In the order in which it was said. The time is too short for it to become many.
    early: Mutex<Vec<Work>>,
}

type Work = Box<dyn FnOnce() + Send>;

impl Opening {
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Does it after all that was said before it, once the time is over.
    pub(super) fn defer(&self, work: impl FnOnce() + Send + 'static) {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_over() {
            drop(early);
            work();
        } else {
            early.push(Box::new(work));
        }
    }

    /// Ends the time, when everything said early is done.
    pub(super) fn end(&self) {
        while let Some(said) = self.next() {
            // Not under the lock: what a client says may end its connection, and that ends the time too.
            for work in said {
                work();
            }
        }
    }

    /// What was said since the last call, unless nothing was: then the time is over.
    fn next(&self) -> Option<Vec<Work>> {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        if early.is_empty() {
            self.over.store(true, Ordering::Release);
            return None;
        }
        Some(std::mem::take(&mut early))
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("over", &self.over).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_was_said_early_is_done_once_it_can_be_answered_and_in_order() {
        let (opening, done) = (Arc::new(Opening::default()), Arc::new(Mutex::new(Vec::new())));
        let say = |word: &'static str| {
            let done = Arc::clone(&done);
            opening.defer(move || done.lock().expect("nobody panics").push(word));
        };
        say("first");
        say("second");
        assert!(done.lock().expect("nobody panics").is_empty() && !opening.is_over());
        opening.end();
        say("third");
        assert_eq!(*done.lock().expect("nobody panics"), ["first", "second", "third"]);
        assert!(opening.is_over());
    }

    #[test]
    fn who_speaks_while_it_ends_comes_after_those_before() {
        for _ in 0..200 {
            let (opening, done) = (Arc::new(Opening::default()), Arc::new(Mutex::new(Vec::new())));
            let speaker = {
                let (opening, done) = (Arc::clone(&opening), Arc::clone(&done));
                std::thread::spawn(move || {
                    for word in 0..100 {
                        let done = Arc::clone(&done);
                        opening.defer(move || done.lock().expect("nobody panics").push(word));
                    }
                })
            };
            opening.end();
            speaker.join().expect("it has spoken");
            assert!(done.lock().expect("nobody panics").iter().copied().eq(0..100));
        }
    }
}
