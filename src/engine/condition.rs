//! What needs attention although everything still works. The threads that look write it, and whoever asks reads it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Places of damage that are named; a disk that is going has many.
const DAMAGE_SHOWN_MAX: usize = 8;

/// What is known of it now.
#[derive(Debug, Default)]
pub struct Condition(Mutex<Noted>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// What is free on a disk that is nearly full, in bytes.
    pub disk_low: Option<u64>,
    /// Why ended workflows are kept that would go otherwise.
    pub history_kept: Option<String>,
    pub log: LogCheck,
}

/// How far the log that nobody reads has been read again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogCheck {
    /// Of the round that is under way, or of the last one.
    pub checked_bytes: u64,
    pub segments: u64,
    /// Rounds since the start that came to their end.
    pub rounds: u64,
    /// Segments that are damaged.
    pub damaged: u64,
    /// The first of them, in words.
    pub damage: Vec<String>,
}

impl Condition {
    pub fn now(&self) -> Noted {
        self.lock().clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut Noted)) {
        change(&mut self.lock());
    }

    // A panic between two of these assignments leaves values that are all valid.
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogCheck {
    /// A round shows how far it is. What the one before it found counts until it has come as far.
    pub fn goes_on(&mut self, found: &Self) {
        (self.checked_bytes, self.segments) = (found.checked_bytes, found.segments);
        if found.damaged >= self.damaged {
            (self.damaged, self.damage) = (found.damaged, found.damage.clone());
        }
    }

    pub fn found(&mut self, damage: String) {
        self.damaged += 1;
        if self.damage.len() < DAMAGE_SHOWN_MAX {
            self.damage.push(damage);
        }
    }
}

impl Noted {
    /// What will be wrong if nobody does anything.
    pub fn warnings(&self) -> Vec<String> {
        let disk = self.disk_low.map(|free| {
            format!(
                "the disk is nearly full: {} MiB are free; delete something else, lower `retention_log_size` and send \
                 SIGHUP, or enlarge the disk",
                free >> 20
            )
        });
        disk.into_iter().chain(self.history_kept.clone()).collect()
    }

    /// What is wrong already.
    pub fn problems(&self) -> Vec<String> {
        let told = |damage: &String| {
            format!(
                "the log is damaged ({damage}): make ready to restore a backup, the next start may refuse it"
            )
        };
        self.log.damage.iter().map(told).collect()
    }
}
