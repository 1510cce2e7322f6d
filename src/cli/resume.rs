//! `gleitzeit resume`: lets a paused workflow go on.

use clap::Args;

use super::output::Output;
use super::remote::Remote;
use super::{Exit, receipt};

/// Let a paused workflow go on.
#[derive(Debug, Args)]
pub(super) struct Resume {
    /// The workflow's id.
    workflow: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Resume {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote
            .run(async |client| receipt::print(&self.output, &client.resume_workflow(&self.workflow).await?))
    }
}
