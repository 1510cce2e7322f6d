//! `gleitzeit cancel`: stops a workflow or one of its tasks.

use clap::Args;

use super::output::Output;
use super::remote::{Remote, is_unknown};
use super::{Exit, receipt};
use crate::client::{Client, ClientError, Receipt};

/// Cancel a workflow or a task.
///
/// The exit code is 0 once the cancellation is stored; services that run a part of it are told, and not
/// waited for.
#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The id of a workflow or of a task.
    id: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Cancel {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| receipt::print(&self.output, &cancel(&client, &self.id).await?))
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
