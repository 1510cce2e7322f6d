//! What the engine asks of the store before it decides.

use std::fmt;
use std::sync::Arc;

use tracing::warn;

use crate::core::ids::{Fingerprint, TaskId, Timestamp, WorkflowId};
use crate::core::listing::{ListFilter, Listed, Place};
use crate::core::state::Workflow;
use crate::store::{Store, StoreError};

/// Workflows that are no longer in memory. A store that cannot answer says so in its log and finds nothing.
pub trait Views: Send + Sync + fmt::Debug {
    /// The archived workflow with this id, or the one that was submitted with this key before it expired.
    fn find_submission(
        &self,
        id: WorkflowId,
        key: Option<Fingerprint>,
        now: Timestamp,
    ) -> Option<(WorkflowId, Fingerprint)>;

    fn load(&self, id: WorkflowId) -> Option<Arc<Workflow>>;

    /// A page of archived workflows, the latest first, in the order of [`Workflow::listed_at`].
    fn list(&self, filter: &ListFilter, before: Option<Place>, limit: usize) -> Listed;

    /// Places of archived workflows with failed tasks, the latest first, and where to read on.
    fn with_failures(&self, before: Option<Place>, limit: usize) -> (Vec<Place>, Option<Place>);

    /// The archived task whose own id is this UUID.
    fn find_task(&self, own_id: u128) -> Option<TaskId>;
}

impl Views for Store {
    fn find_submission(
        &self,
        id: WorkflowId,
        key: Option<Fingerprint>,
        now: Timestamp,
    ) -> Option<(WorkflowId, Fingerprint)> {
        found(self.find_submission(id, key, now))
    }

    fn load(&self, id: WorkflowId) -> Option<Arc<Workflow>> {
        found(self.load(id)).map(Arc::new)
    }

    fn list(&self, filter: &ListFilter, before: Option<Place>, limit: usize) -> Listed {
        found(self.list(filter, before, limit).map(Some)).unwrap_or_default()
    }

    fn with_failures(&self, before: Option<Place>, limit: usize) -> (Vec<Place>, Option<Place>) {
        found(self.with_failures(before, limit).map(Some)).unwrap_or_default()
    }

    fn find_task(&self, own_id: u128) -> Option<TaskId> {
        found(self.find_task(own_id))
    }
}

fn found<T>(read: Result<Option<T>, StoreError>) -> Option<T> {
    read.unwrap_or_else(|error| {
        warn!(%error, "the store of ended workflows could not be read");
        None
    })
}
