//! `gleitzeit cancel`: stops a workflow or one of its tasks.

use clap::Args;

use super::bulk::Reach;
use super::conditions::Conditions;
use super::output::Output;
use super::remote::{Remote, is_unknown};
use super::{Exit, receipt};
use crate::client::{Client, ClientError, Receipt, WorkflowStatus};

/// Cancel a workflow or a task, or many workflows.
///
/// The exit code is 0 once the cancellation is stored; services that run a part of it are told, and not
/// waited for.
#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The id of a workflow or of a task.
    #[arg(required_unless_present = "all")]
    id: Option<String>,
    /// Cancel all workflows that have not ended, and that fit the conditions.
    #[arg(long, conflicts_with = "id")]
    all: bool,
    #[command(flatten)]
    conditions: Conditions,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Cancel {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let Some(id) = self.id else {
            let open = [WorkflowStatus::Pending, WorkflowStatus::Running, WorkflowStatus::Paused];
            let filter = self.conditions.filter(&open);
            return self.remote.run(async |client| {
                self.reach.act(filter, &self.output, async |bulk| client.cancel_workflows(bulk).await).await
            });
        };
        self.conditions.refuse_beside_an_id()?;
        self.remote.run(async |client| receipt::print(&self.output, &cancel(&client, &id).await?))
    }
}

/// An id tells what it is the id of by being known as that.
async fn cancel(client: &Client, id: &str) -> Result<Receipt, ClientError> {
    match client.cancel_workflow(id).await {
        Err(unknown) if is_unknown(&unknown) => match client.cancel_task(id).await {
            // Of two names that are both unknown the workflow's is the one that people mean.
            Err(error) if is_unknown(&error) => Err(unknown),
            other => other,
        },
        other => other,
    }
}
