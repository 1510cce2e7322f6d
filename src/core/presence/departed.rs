//! Services that have been here and are gone, as far as this run of the server has seen them.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::core::command::{Disconnected, WorkerFacts, WorkerKind, WorkerStatus};
use crate::core::ids::Timestamp;

use super::Present;

/// Names that are remembered: enough to find the one that is missed, and with what each of them said of itself a few
/// megabytes at most. Beyond it the one that went first is forgotten.
pub const DEPARTED_MAX: usize = 100;

/// The last that was seen of a service.
#[derive(Debug, Clone)]
pub struct Departed {
    /// Of the worker of this name that went last.
    pub facts: Arc<WorkerFacts>,
    pub at: Timestamp,
    pub how: Left,
}

/// How a service has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It said goodbye.
    Clean,
    /// It said goodbye after it had been drained.
    Drained,
    /// Its connection broke.
    Lost,
    /// The server closed its connection: its key counts no longer, for one.
    Refused,
    /// The server closed its connection: it had sent what is no JSON.
    Unreadable,
}

/// By service name.
#[derive(Debug, Default)]
pub struct DepartedServices {
    departed: BTreeMap<Arc<str>, Departed>,
    /// How many workers of each name are connected, or expected back. Thousands may be, and lists are read all the time.
    here: FxHashMap<Arc<str>, u32>,
}

impl DepartedServices {
    pub fn all(&self) -> impl Iterator<Item = &Departed> {
        self.departed.values()
    }

    pub fn get(&self, name: &str) -> Option<&Departed> {
        self.departed.get(name)
    }

    /// Workers inside the binary do not go.
    pub(super) fn note(&mut self, worker: &Present, how: Disconnected, now: Timestamp) {
        if worker.facts.kind == WorkerKind::BuiltIn {
            return;
        }
        let drained = worker.drained || worker.status == WorkerStatus::Draining;
        let how = match how {
            Disconnected::Cleanly if drained => Left::Drained,
            Disconnected::Cleanly => Left::Clean,
            Disconnected::Broken => Left::Lost,
            Disconnected::Refused => Left::Refused,
            Disconnected::Unreadable => Left::Unreadable,
        };
        let departed = Departed { facts: Arc::clone(&worker.facts), at: now, how };
        self.departed.insert(Arc::clone(&worker.facts.name), departed);
        if self.departed.len() > DEPARTED_MAX {
            let first =
                self.departed.iter().min_by_key(|(_, known)| known.at).map(|(name, _)| Arc::clone(name));
            first.and_then(|name| self.departed.remove(&name));
        }
    }

    /// Whether a worker of this name is connected, or expected back.
    pub fn is_here(&self, name: &str) -> bool {
        self.here.contains_key(name)
    }

    pub(super) fn arrive(&mut self, name: &Arc<str>) {
        self.departed.remove(name);
        *self.here.entry(Arc::clone(name)).or_default() += 1;
    }

    /// A worker of this name is known no longer, or by another name.
    pub(super) fn leave(&mut self, name: &str) {
        let Some(count) = self.here.get_mut(name) else { return };
        *count -= 1;
        if *count == 0 {
            self.here.remove(name);
        }
    }
}

impl Left {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Drained => "drained",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
        }
    }

    /// The same for a person, after "it left".
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Clean => "and said goodbye",
            Self::Drained => "after it was drained",
            Self::Lost => "without a word: its connection broke",
            Self::Refused => "because the server closed its connection",
            Self::Unreadable => "because it sent what is no JSON, such as the NaN and Infinity of Python",
        }
    }
}
