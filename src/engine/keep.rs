//! What is kept of ended workflows. It may change while the engine runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The terms; [`u64::MAX`] where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepTerms {
    /// Ended workflows are kept for this long,
    pub ms: u64,
    /// and no more of them than this: those that were created first go first.
    pub workflows: u64,
    /// The log is kept below this; for its sake ended workflows go early.
    pub log_bytes: u64,
}

impl KeepTerms {
    pub const EVERYTHING: Self = Self { ms: u64::MAX, workflows: u64::MAX, log_bytes: u64::MAX };
}

/// The terms that hold now.
#[derive(Debug)]
pub struct Keep(Mutex<KeepTerms>);

impl Keep {
    pub const fn new(terms: KeepTerms) -> Self {
        Self(Mutex::new(terms))
    }

    pub fn terms(&self) -> KeepTerms {
        *self.lock()
    }

    pub fn set(&self, terms: KeepTerms) {
        *self.lock() = terms;
    }

    // Three numbers are valid whatever happened to whoever held the lock.
    fn lock(&self) -> MutexGuard<'_, KeepTerms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
