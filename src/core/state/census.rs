//! How many workflows memory holds in each status, kept as they change: a query must not count them.

use super::workflow::WorkflowStatus;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census([usize; WorkflowStatus::ALL.len()]);

impl Census {
    pub fn of(&self, status: WorkflowStatus) -> usize {
        self.0.get(status as usize).copied().expect("one counter for each status")
    }

    /// Workflows that have not ended.
    pub fn open(&self) -> usize {
        WorkflowStatus::ALL
            .into_iter()
            .filter(|status| !status.has_ended())
            .map(|status| self.of(status))
            .sum()
    }

    pub(in crate::core) fn add(&mut self, status: WorkflowStatus) {
        *self.0.get_mut(status as usize).expect("one counter for each status") += 1;
    }

    pub(in crate::core) fn remove(&mut self, status: WorkflowStatus) {
        *self.0.get_mut(status as usize).expect("one counter for each status") -= 1;
    }
}
