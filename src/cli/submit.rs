//! `gleitzeit submit`: hands a workflow to the server.

use std::time::Duration;

use clap::Args;

use super::Exit;
use super::output::{Output, table};
use super::remote::{NO_LIMIT, Remote, exit_of};
use super::results;
use super::workflow_file::WorkflowFile;
use crate::client::{SubmitOptions, Submitted};

/// Submit a workflow; with --wait also wait for its end.
///
/// The exit code is 0 when the workflow is stored. With --wait it is 0 when the workflow completed, 3 when it
/// failed, 4 when it was cancelled, and 5 when it goes on after the timeout.
#[derive(Debug, Args)]
pub(super) struct Submit {
    #[command(flatten)]
    file: WorkflowFile,
    /// Idempotency key: submitting the same file under the same key again gives the first workflow.
    #[arg(long)]
    key: Option<String>,
    /// Wait for the end and print the results.
    #[arg(long)]
    wait: bool,
    /// Wait at most this many seconds.
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    timeout: Option<u64>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Submit {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let written = self.file.read()?;
        let options = SubmitOptions { idempotency_key: self.key, wait: None };
        let limit = self.timeout.map_or(NO_LIMIT, Duration::from_secs);
        self.remote.run(async |client| {
            let submitted = client.submit_text(written.text.clone(), written.format, &options).await;
            let submitted = submitted.map_err(|error| written.refused(error))?;
            written.tell_doubts(&client).await;
            if !self.wait {
                self.output.one(&submitted, &submitted.id, || receipt(&submitted))?;
                return Ok(Exit::Ok);
            }
            eprintln!("{} is workflow {}", submitted.name, submitted.id);
            let outcome = client.wait_for(&submitted.id, limit).await?;
            results::print(&self.output, &outcome)?;
            Ok(exit_of(&outcome.status))
        })
    }
}

pub(super) fn receipt(submitted: &Submitted) -> String {
    let Submitted { id, name, status, total_tasks, .. } = submitted;
    table(
        &["WORKFLOW", "NAME", "STATUS", "TASKS"],
        [vec![id.clone(), name.clone(), status.to_string(), total_tasks.to_string()]],
    )
}
