//! What the engine asks of the store before it decides.

use std::fmt;
use std::sync::Arc;

use crate::core::ids::{Fingerprint, TaskId, WorkflowId};
use crate::core::listing::{ListFilter, Listed, Place};
use crate::core::state::Workflow;

/// Workflows that are no longer in memory. A store that cannot answer says so in its log and finds nothing.
pub trait Views: Send + Sync + fmt::Debug {
    /// The archived workflow with this id, or the one that was submitted with this key before it expired.
    fn find_submission(&self, id: WorkflowId, key: Option<Fingerprint>) -> Option<(WorkflowId, Fingerprint)>;

    fn load(&self, id: WorkflowId) -> Option<Arc<Workflow>>;

    /// A page of archived workflows, the latest first, in the order of [`Workflow::listed_at`].
    fn list(&self, filter: &ListFilter, before: Option<Place>, limit: usize) -> Listed;

    /// The archived task whose own id is this UUID.
    fn find_task(&self, own_id: u128) -> Option<TaskId>;
}
