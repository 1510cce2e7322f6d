//! The built-in workers, one desk for each kind of work. Each has slots of its own, so that slow work of one kind
//! keeps none of the others waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Tools, functions};
use crate::core::command::{Held, WorkerFacts, WorkerKind};
use crate::core::ids::{SessionId, WorkerId};
use crate::protocol::task_types::WEBHOOK_DELIVERY;

/// What language models are asked for.
pub(super) const MODEL_TASKS: [&str; 2] = ["text", "vision"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Desk {
    /// Work that this machine does itself.
    Local = 0,
    /// Questions to language models on other servers.
    Models = 1,
    /// Requests to other systems, which spend their time waiting.
    Http = 2,
    /// Work that receivers outside do, which answer by a callback.
    Webhooks = 3,
}

impl Desk {
    pub const ALL: [Self; 4] = [Self::Local, Self::Models, Self::Http, Self::Webhooks];

    /// The connection by which the engine knows the desk.
    pub const fn session(self) -> SessionId {
        SessionId(self as u64)
    }

    /// The id of the worker, and the name under which its totals are listed.
    const fn name(self) -> &'static str {
        match self {
            Self::Local => WorkerId::BUILT_IN,
            Self::Models => "built-in:models",
            Self::Http => "built-in:http",
            Self::Webhooks => WorkerId::WEBHOOKS,
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
            Self::Local | Self::Models | Self::Http => Some(Vec::new()),
            Self::Webhooks => None,
        }
    }

    /// What the desk declares now. File tasks are left to nodes that register for them where there is no folder, and
    /// language models come and go.
    pub fn facts(self, tools: &Tools) -> WorkerFacts {
        match self {
            Self::Local => {
                let task_types =
                    if tools.files.is_some() { &["function", "file"][..] } else { &["function"] };
                WorkerFacts {
                    functions: Some(
                        functions::all().iter().map(|function| Arc::from(function.name)).collect(),
                    ),
                    // Waiting ones cost nothing; heavy ones share the blocking threads, so more of them would only
                    // wait there.
                    ..self.facts_of(task_types, 64)
                }
            }
            Self::Models => {
                let offer = tools.models.offer();
                let task_types = if offer.is_open { &MODEL_TASKS[..] } else { &[] };
                let remarks = MODEL_TASKS.iter().map(|name| (Arc::from(*name), Arc::clone(&offer.remark)));
                WorkerFacts {
                    models: offer.models,
                    remarks: remarks.collect(),
                    ..self.facts_of(task_types, offer.capacity)
                }
            }
            // Each holds a connection and at most one response; looking up a name takes a blocking thread, of which
            // there are twice as many.
            Self::Http => self.facts_of(&["http"], 256),
            // An attempt that waits for its callback costs a grant and nothing else.
            Self::Webhooks => self.facts_of(&[WEBHOOK_DELIVERY], 10_000),
        }
    }

    fn facts_of(self, task_types: &[&str], capacity: u32) -> WorkerFacts {
        WorkerFacts {
            worker: WorkerId::new(self.name()),
            name: Arc::from(self.name()),
            kind: WorkerKind::BuiltIn,
            task_types: task_types.iter().map(|name| Arc::from(*name)).collect(),
            functions: Some(BTreeSet::new()),
            capabilities: Vec::new(),
            capacity,
            cpu_cores: 0,
            memory_mb: 0,
            gpu_memory_mb: 0,
            has_gpu: false,
            models: BTreeSet::new(),
            tags: BTreeSet::new(),
            remarks: BTreeMap::new(),
            heartbeat_ms: None,
            fences: true,
            restart_aware: true,
            instance: None,
            owner: None,
            allowed_types: None,
        }
    }
}
