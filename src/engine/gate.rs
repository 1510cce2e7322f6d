//! What stands between a command and the state: the size of its records, and what the store knows.

use super::admission::Kind;
use super::step::Engine;
use crate::core::command::Command;
use crate::core::decide::{Decision, Existing};
use crate::core::errors;
use crate::core::ids::{Timestamp, WorkflowId};
use crate::core::rejection::Rejection;
use crate::store::record::size_hint;

/// What the record of a workflow has at most beside its specification and its tasks: times, status, digest.
const CARRIED_HEAD_BYTES: u64 = 256;

impl Engine {
    /// A record that the log would not take must be refused before it changes anything.
    pub(super) fn check_size(&mut self, decision: &Decision, kind: Kind) -> Result<(), Rejection> {
        // Whatever is submitted can be written again later, when more is to be said of it.
        let limit = match kind {
            Kind::NewWork => self.record_bytes_max.saturating_sub(CARRIED_HEAD_BYTES),
            Kind::Report | Kind::Other => self.record_bytes_max,
        };
        let mut bytes = 0;
        for event in &decision.events {
            let size = size_hint(event);
            bytes += size;
            if size > limit {
                return Err(Rejection::new(
                    errors::PAYLOAD_TOO_LARGE,
                    format!(
                        "this takes {size} bytes in the log; one record may have {limit} (three quarters of a segment)"
                    ),
                ));
            }
        }
        self.admission.take(bytes, kind.keeps_free(self.record_bytes_max))
    }

    /// What the store contributes at once: the earlier submission with a chosen id or key, and whether a workflow
    /// that is about to be written again is still the one that was read.
    pub(super) fn existing(&self, command: &Command, now: Timestamp) -> Result<Existing, Rejection> {
        let mut existing = Existing::default();
        match command {
            // Submitters may choose ids that look generated, so there is no id that need not be looked up.
            Command::SubmitWorkflow { workflow, key, .. } => {
                existing.submitted = self.views.find_submission(*workflow, *key, now)?;
            }
            Command::ImportWorkflow { workflow } => {
                existing.submitted = self.views.find_submission(workflow.id, None, now)?;
            }
            Command::CarryArchived { workflow, .. } => {
                existing.archived_end = self.views.archived_end(workflow.id)?;
            }
            Command::CancelWorkflow { .. }
            | Command::PauseWorkflow { .. }
            | Command::ResumeWorkflow { .. }
            | Command::RetryWorkflow { .. }
            | Command::CancelTask { .. }
            | Command::RetryTask { .. }
            | Command::SettleTask { .. }
            | Command::RegisterWorker { .. }
            | Command::Heartbeat { .. }
            | Command::SetWorkerStatus { .. }
            | Command::DrainWorker { .. }
            | Command::Disconnect { .. }
            | Command::AcceptTask { .. }
            | Command::ReportProgress { .. }
            | Command::CompleteTask { .. }
            | Command::RefuseResult { .. }
            | Command::FailTask { .. }
            | Command::RecordDelivery { .. }
            | Command::TakeCallback { .. }
            | Command::CarryPayloads { .. }
            | Command::CarryLive { .. }
            | Command::CarryServices
            | Command::OrderSubscription { .. }
            | Command::OrderAccess { .. }
            | Command::ReleaseLog { .. }
            | Command::FailDispatch { .. }
            | Command::ReturnAttempt { .. } => {}
        }
        Ok(existing)
    }
}

/// The workflow that a command may be about although it has left memory. Everybody else speaks of what runs.
pub(super) fn may_be_archived(command: &Command) -> Option<WorkflowId> {
    match command {
        Command::CancelWorkflow { workflow }
        | Command::PauseWorkflow { workflow }
        | Command::ResumeWorkflow { workflow }
        | Command::RetryWorkflow { workflow, .. } => Some(*workflow),
        Command::CancelTask { task } | Command::RetryTask { task, .. } | Command::SettleTask { task, .. } => {
            Some(task.workflow)
        }
        Command::SubmitWorkflow { .. }
        | Command::ImportWorkflow { .. }
        | Command::RegisterWorker { .. }
        | Command::Heartbeat { .. }
        | Command::SetWorkerStatus { .. }
        | Command::DrainWorker { .. }
        | Command::Disconnect { .. }
        | Command::AcceptTask { .. }
        | Command::ReportProgress { .. }
        | Command::CompleteTask { .. }
        | Command::RefuseResult { .. }
        | Command::FailTask { .. }
        | Command::RecordDelivery { .. }
        | Command::TakeCallback { .. }
        | Command::CarryPayloads { .. }
        | Command::CarryArchived { .. }
        | Command::CarryLive { .. }
        | Command::CarryServices
        | Command::ReleaseLog { .. }
        | Command::OrderSubscription { .. }
        | Command::OrderAccess { .. }
        | Command::FailDispatch { .. }
        | Command::ReturnAttempt { .. } => None,
    }
}
