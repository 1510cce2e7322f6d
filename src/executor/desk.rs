//! The built-in workers, one desk for each kind of work. Each has slots of its own, so that slow work of one kind
//! keeps none of the others waiting.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::functions;
use crate::core::command::{WorkerFacts, WorkerKind};
use crate::core::ids::{SessionId, WorkerId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Desk {
    /// Work that this machine does itself.
    Local = 0,
    /// Requests to other systems, which spend their time waiting.
    Http = 2,
}

/// Whether a folder for file tasks is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    On,
    Off,
}

impl Desk {
    pub const ALL: [Self; 2] = [Self::Local, Self::Http];

    /// The connection by which the engine knows the desk.
    pub const fn session(self) -> SessionId {
        SessionId(self as u64)
    }

    /// The id of the worker, and the name under which its totals are listed.
    const fn name(self) -> &'static str {
        match self {
            Self::Local => WorkerId::BUILT_IN,
            Self::Http => "built-in:http",
        }
    }

    const fn task_types(self, files: Files) -> &'static [&'static str] {
        match (self, files) {
            (Self::Local, Files::On) => &["function", "file"],
            (Self::Local, Files::Off) => &["function"],
            (Self::Http, Files::On | Files::Off) => &["http"],
        }
    }

    fn functions(self) -> BTreeSet<Arc<str>> {
        match self {
            Self::Local => functions::all().iter().map(|function| Arc::from(function.name)).collect(),
            Self::Http => BTreeSet::new(),
        }
    }

    /// Attempts at once.
    const fn capacity(self) -> u32 {
        match self {
            // Waiting ones cost nothing; heavy ones share the blocking threads, so more of them would only wait there.
            Self::Local => 64,
            // Each holds a connection and at most one response; looking up a name takes a blocking thread, of which
            // there are twice as many.
            Self::Http => 256,
        }
    }

    /// What the desk declares. File tasks are left to nodes that register for them where there is no folder.
    pub fn facts(self, files: Files) -> WorkerFacts {
        WorkerFacts {
            worker: WorkerId::new(self.name()),
            name: Arc::from(self.name()),
            kind: WorkerKind::BuiltIn,
            task_types: self.task_types(files).iter().map(|name| Arc::from(*name)).collect(),
            functions: Some(self.functions()),
            capabilities: Vec::new(),
            capacity: self.capacity(),
            cpu_cores: 0,
            memory_mb: 0,
            gpu_memory_mb: 0,
            has_gpu: false,
            models: BTreeSet::new(),
            tags: BTreeSet::new(),
            heartbeat_ms: 0,
            fences: true,
            restart_aware: true,
        }
    }
}
