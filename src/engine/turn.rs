//! What one step brings about: records that must become durable, and what may happen once they are.

use std::fmt;
use std::sync::Arc;

use super::assign::Assignment;
use super::dispatch::{Announcement, Stopped};
use super::lookup::Lookup;
use crate::core::access::Access;
use crate::core::effect::Receipt;
use crate::core::event::Record;
use crate::core::ids::{Seq, SessionId};
use crate::core::rejection::Rejection;
use crate::core::state::Workflow;
use crate::store::CheckpointInput;

/// The answer to a command that was not rejected, and the position up to which it is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub seq: Seq,
    pub receipt: Receipt,
}

pub type Answer = Result<Accepted, Rejection>;

/// Where an answer goes. Called once, after everything that the answer rests on is on the disk.
pub type Reply = Box<dyn FnOnce(Answer) + Send>;

/// Hands a finished query result to whoever asked.
pub type Delivery = Box<dyn FnOnce() + Send>;

/// One step's outcome. Its outputs wait until its records, and all records before them, are durable.
#[derive(Debug)]
pub struct Turn {
    /// Position of the first record.
    pub first: Seq,
    pub records: Vec<Record>,
    pub outputs: Vec<Output>,
}

pub enum Output {
    Answer {
        reply: Reply,
        answer: Answer,
    },
    Deliver(Delivery),
    Assign(Box<Assignment>),
    Cancel {
        session: SessionId,
        stopped: Stopped,
    },
    Close(SessionId),
    Announce(Announcement),
    /// Users and keys, as they are from now on.
    Publish(Arc<Access>),
    /// A command waits for its workflow, which has left memory.
    LookUp(Box<Lookup>),
    /// An archived workflow that is not needed any more.
    Discard(Arc<Workflow>),
    /// A workflow that has ended moves to the store.
    Archive(Box<Workflow>),
    Checkpoint(Box<CheckpointInput>),
}

impl Turn {
    pub const fn new(first: Seq) -> Self {
        Self { first, records: Vec::new(), outputs: Vec::new() }
    }

    pub const fn is_empty(&self) -> bool {
        self.records.is_empty() && self.outputs.is_empty()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { answer, .. } => f.debug_tuple("Answer").field(answer).finish(),
            Self::Deliver(_) => f.write_str("Deliver"),
            Self::Assign(assignment) => f.debug_tuple("Assign").field(assignment).finish(),
            Self::Cancel { stopped, .. } => f.debug_tuple("Cancel").field(stopped).finish(),
            Self::Close(session) => f.debug_tuple("Close").field(session).finish(),
            Self::Announce(announcement) => f.debug_tuple("Announce").field(announcement).finish(),
            Self::Publish(_) => f.write_str("Publish"),
            Self::LookUp(lookup) => f.debug_tuple("LookUp").field(lookup).finish(),
            Self::Discard(workflow) => f.debug_tuple("Discard").field(&workflow.id).finish(),
            Self::Archive(workflow) => f.debug_tuple("Archive").field(&workflow.id).finish(),
            Self::Checkpoint(_) => f.write_str("Checkpoint"),
        }
    }
}
