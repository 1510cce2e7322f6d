//! The built-in workers, one desk for each kind of work. Each has slots of its own, so that slow work of one kind
//! keeps none of the others waiting.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::functions;
use crate::core::command::{Held, WorkerFacts, WorkerKind};
use crate::core::ids::{SessionId, WorkerId};
use crate::protocol::task_types::WEBHOOK_DELIVERY;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Desk {
    /// Work that this machine does itself.
    Local = 0,
    /// Requests to other systems, which spend their time waiting.
    Http = 2,
    /// Work that receivers outside do, which answer by a callback.
    Webhooks = 3,
}

/// Whether a folder for file tasks is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    On,
    Off,
}

impl Desk {
    pub const ALL: [Self; 3] = [Self::Local, Self::Http, Self::Webhooks];

    /// The connection by which the engine knows the desk.
    pub const fn session(self) -> SessionId {
        SessionId(self as u64)
    }

    /// The id of the worker, and the name under which its totals are listed.
    const fn name(self) -> &'static str {
        match self {
            Self::Local => WorkerId::BUILT_IN,
            Self::Http => "built-in:http",
            Self::Webhooks => WorkerId::WEBHOOKS,
        }
    }

    const fn task_types(self, files: Files) -> &'static [&'static str] {
        match (self, files) {
            (Self::Local, Files::On) => &["function", "file"],
            (Self::Local, Files::Off) => &["function"],
            (Self::Http, Files::On | Files::Off) => &["http"],
            (Self::Webhooks, Files::On | Files::Off) => &[WEBHOOK_DELIVERY],
        }
    }

    fn functions(self) -> BTreeSet<Arc<str>> {
        match self {
            Self::Local => functions::all().iter().map(|function| Arc::from(function.name)).collect(),
            Self::Http | Self::Webhooks => BTreeSet::new(),
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
            // An attempt that waits for its callback costs a grant and nothing else.
            Self::Webhooks => 10_000,
        }
    }

    /// The desk with this connection.
    pub fn of(session: SessionId) -> Option<Self> {
        Self::ALL.into_iter().find(|desk| desk.session() == session)
    }

    /// What it still holds when the process comes up; `None` keeps everything. Whatever ran in the process before
    /// is lost and runs again as a new attempt; what was handed on outside is not.
    pub fn active(self) -> Option<Vec<Held>> {
        match self {
            Self::Local | Self::Http => Some(Vec::new()),
            Self::Webhooks => None,
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
            heartbeat_ms: None,
            fences: true,
            restart_aware: true,
        }
    }
}
