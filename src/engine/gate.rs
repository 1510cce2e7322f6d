//! What stands between a command and the state: room for new work, the size of a record, and what the store knows.

use super::step::{Admission, Engine};
use crate::core::command::Command;
use crate::core::decide::{Decision, Existing};
use crate::core::errors;
use crate::core::ids::{Timestamp, WorkflowId};
use crate::core::rejection::Rejection;
use crate::store::record::size_hint;

impl Engine {
    /// New work is refused while there is no room for it; reports of running work never are.
    pub(super) fn admit(&self, command: &Command) -> Result<(), Rejection> {
        let new_work = matches!(
            command,
            Command::SubmitWorkflow { .. }
                | Command::RetryWorkflow { .. }
                | Command::RetryTask { .. }
                | Command::SettleTask { .. }
        );
        match self.admission {
            _ if !new_work => Ok(()),
            Admission::Open => Ok(()),
            Admission::DiskFull => Err(Rejection::new(
                errors::DISK_SPACE_FULL,
                "the disk of the data directory is full: free some space and send the request again",
            )
            .retry_after(5_000)),
            Admission::StoreLags => Err(Rejection::new(
                errors::OVERLOADED,
                "finished workflows arrive faster than they can be archived; send the request again",
            )
            .retry_after(1_000)),
        }
    }

    /// A record that the log would not take must be refused before it changes anything.
    pub(super) fn check_size(&self, decision: &Decision) -> Result<(), Rejection> {
        for event in &decision.events {
            let size = size_hint(event);
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
        Ok(())
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
            | Command::FailTask { .. }
            | Command::RecordDelivery { .. }
            | Command::TakeCallback { .. }
            | Command::CarryArchived { .. }
            | Command::CarryLive { .. }
            | Command::CarryServices
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
