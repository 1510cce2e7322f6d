//! What stands between a command and the state: the size of its records, and what the store knows.

use super::admission::Kind;
use super::step::Engine;
use crate::core::command::Command;
use crate::core::decide::{Decision, Existing};
use crate::core::errors;
use crate::core::ids::{Timestamp, WorkflowId};
use crate::core::rejection::Rejection;
use crate::store::record::size_hint;

impl Engine {
    /// A record that the log would not take must be refused before it changes anything.
    pub(super) fn check_size(&mut self, decision: &Decision, kind: Kind) -> Result<(), Rejection> {
        let mut bytes = 0;
        for event in &decision.events {
            let size = size_hint(event);
            bytes += size;
            if size > self.record_bytes_max {
                return Err(Rejection::new(
                    errors::PAYLOAD_TOO_LARGE,
                    format!(
                        "this takes {size} bytes in the log; one record may have {} (three quarters of a segment)",
                        self.record_bytes_max
                    ),
                ));
            }
        }
        self.admission.take(bytes, kind.keeps_free(self.record_bytes_max))
    }

    /// What the store contributes: earlier submissions with a chosen id or key, and ended workflows.
    pub(super) fn existing(&self, command: &Command, now: Timestamp) -> Existing {
        match command {
            // Submitters may choose ids that look generated, so there is no id that need not be looked up.
            Command::SubmitWorkflow { workflow, key, .. } => {
                Existing { submitted: self.views.find_submission(*workflow, *key, now), workflow: None }
            }
            Command::CancelWorkflow { workflow }
            | Command::PauseWorkflow { workflow }
            | Command::ResumeWorkflow { workflow }
            | Command::RetryWorkflow { workflow, .. } => self.archived(*workflow),
            Command::CancelTask { task }
            | Command::RetryTask { task, .. }
            | Command::SettleTask { task, .. } => self.archived(task.workflow),
            Command::RegisterWorker { .. }
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
            | Command::CarryArchived { .. }
            | Command::CarryLive { .. }
            | Command::CarryServices
            | Command::OrderSubscription { .. }
            | Command::ReleaseLog { .. }
            | Command::FailDispatch { .. }
            | Command::ReturnAttempt { .. } => Existing::default(),
        }
    }

    fn archived(&self, id: WorkflowId) -> Existing {
        let live = self.state.workflow(id).is_some();
        Existing { submitted: None, workflow: if live { None } else { self.views.load(id) } }
    }
}
