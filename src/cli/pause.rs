//! `gleitzeit pause`: holds a workflow.

use clap::Args;

use super::output::Output;
use super::remote::Remote;
use super::{Exit, receipt};

/// Pause a workflow: no further task of it starts; what runs goes on.
#[derive(Debug, Args)]
pub(super) struct Pause {
    /// The workflow's id.
    workflow: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Pause {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote
            .run(async |client| receipt::print(&self.output, &client.pause_workflow(&self.workflow).await?))
    }
}
