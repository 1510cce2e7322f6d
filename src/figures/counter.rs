//! A number that grows.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one on behalf of the only thread that ever does: a load and a store are a quarter of the price of a locked
    /// addition. Additions of a second thread could be lost.
    pub fn count(&self) {
        self.0.store(self.get() + 1, Ordering::Relaxed);
    }

    /// Adds one; any thread may.
    pub fn count_shared(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds some; any thread may.
    pub fn add_shared(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
