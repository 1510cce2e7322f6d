//! What the engine asks of the store before it decides.

use std::fmt;
use std::sync::Arc;

use tracing::warn;

use crate::core::ids::{Fingerprint, Seq, TaskId, Timestamp, WorkflowId};
use crate::core::listing::{ListFilter, Listed, Place};
use crate::core::rejection::Rejection;
use crate::core::state::Workflow;
use crate::store::{Store, StoreError};

/// Workflows that are no longer in memory. A store that cannot answer refuses: "there is none" would be a lie, and
/// would let a submission in twice.
pub trait Views: Send + Sync + fmt::Debug {
    /// The archived workflow with this id, or the one that was submitted with this key before it expired.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn find_submission(
        &self,
        id: WorkflowId,
        key: Option<Fingerprint>,
        now: Timestamp,
    ) -> Result<Option<(WorkflowId, Fingerprint)>, Rejection>;

    /// The archived workflow with this id. Takes as long as the workflow is large.
    ///
    /// # Errors
    /// When the store or the log cannot be read.
    fn load(&self, id: WorkflowId) -> Result<Option<Arc<Workflow>>, Rejection>;

    /// Which end of a workflow is archived: one look, whatever its size.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn archived_end(&self, id: WorkflowId) -> Result<Option<Seq>, Rejection>;

    /// A page of archived workflows, the latest first, in the order of [`Workflow::listed_at`].
    ///
    /// # Errors
    /// When the store cannot be read.
    fn list(&self, filter: &ListFilter, before: Option<Place>, limit: usize) -> Result<Listed, Rejection>;

    /// Places of archived workflows with failed tasks, the latest first, and where to read on.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn with_failures(&self, before: Option<Place>, limit: usize) -> Result<FailurePage, Rejection>;

    /// The archived task whose own id is this UUID.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn find_task(&self, own_id: u128) -> Result<Option<TaskId>, Rejection>;
}

/// Places, and where the next page begins.
pub type FailurePage = (Vec<Place>, Option<Place>);

impl Views for Store {
    fn find_submission(
        &self,
        id: WorkflowId,
        key: Option<Fingerprint>,
        now: Timestamp,
    ) -> Result<Option<(WorkflowId, Fingerprint)>, Rejection> {
        self.find_submission(id, key, now).map_err(|error| unanswered(&error))
    }

    fn load(&self, id: WorkflowId) -> Result<Option<Arc<Workflow>>, Rejection> {
        self.load(id).map(|found| found.map(Arc::new)).map_err(|error| unanswered(&error))
    }

    fn archived_end(&self, id: WorkflowId) -> Result<Option<Seq>, Rejection> {
        self.archived_end(id).map_err(|error| unanswered(&error))
    }

    fn list(&self, filter: &ListFilter, before: Option<Place>, limit: usize) -> Result<Listed, Rejection> {
        self.list(filter, before, limit).map_err(|error| unanswered(&error))
    }

    fn with_failures(&self, before: Option<Place>, limit: usize) -> Result<FailurePage, Rejection> {
        self.with_failures(before, limit).map_err(|error| unanswered(&error))
    }

    fn find_task(&self, own_id: u128) -> Result<Option<TaskId>, Rejection> {
        self.find_task(own_id).map_err(|error| unanswered(&error))
    }
}

fn unanswered(error: &StoreError) -> Rejection {
    warn!(%error, "the store of ended workflows could not be read");
    Rejection::new(error.code(), format!("ended workflows cannot be looked up: {error}"))
}
