//! Lists of workflows, in memory and in the store alike.

use std::sync::Arc;

use super::ids::{Timestamp, WorkflowId};
use super::state::{StatusKind, Workflow, WorkflowStatus};

/// A place in lists: see [`Workflow::listed_at`].
pub type Place = (Timestamp, WorkflowId);

/// Which workflows a list shows.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    pub status: Option<WorkflowStatus>,
    /// Part of the name, without regard to case.
    pub name: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    pub items: Vec<Summary>,
    /// Where to read on; nothing at the end. A page may be short of items because a search is bounded.
    pub next: Option<Place>,
}

/// What a list says of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub place: Place,
    /// The id as its submitter knows it.
    pub label: Arc<str>,
    pub name: Arc<str>,
    pub status: WorkflowStatus,
    pub total: u32,
    pub completed: u32,
    pub failed: u32,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl Summary {
    pub fn of(workflow: &Workflow) -> Self {
        Self {
            place: workflow.listed_at(),
            label: workflow.label(),
            name: Arc::clone(&workflow.spec.name),
            status: workflow.status,
            total: workflow.spec.total(),
            completed: workflow.counts.of(StatusKind::Completed),
            failed: workflow.counts.of(StatusKind::Failed),
            created_at: workflow.created_at,
            started_at: workflow.started_at,
            ended_at: workflow.ended_at,
        }
    }
}

impl ListFilter {
    pub fn accepts(&self, name: &str, status: WorkflowStatus) -> bool {
        self.status.is_none_or(|wanted| wanted == status)
            && self.name.as_ref().is_none_or(|part| name.to_lowercase().contains(&part.to_lowercase()))
    }
}
