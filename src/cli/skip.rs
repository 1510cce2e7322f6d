//! `gleitzeit skip`: leaves a task out.

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::output::Output;
use super::remote::Remote;
use super::results::find_task;
use super::{Exit, receipt};
use crate::client::Note;

/// Leave a task out, and what cannot run without it; with --with, let the rest run with a result of yours.
#[derive(Debug, Args)]
pub(super) struct Skip {
    /// The id of a task, or with --task that of its workflow.
    id: String,
    /// The task of the workflow, by its name, its key or its id.
    #[arg(long)]
    task: Option<String>,
    /// The result that the tasks after it get, as JSON.
    #[arg(long, value_name = "JSON")]
    with: Option<String>,
    /// Why; it is kept with the event.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Skip {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let with: Option<Value> = self
            .with
            .map(|text| serde_json::from_str(&text).with_context(|| format!("--with {text} is no JSON")))
            .transpose()?;
        let note = Note { by: None, reason: self.reason };
        self.remote.run(async |client| {
            let id = match &self.task {
                Some(task) => find_task(&client, &self.id, task).await?.id,
                None => self.id,
            };
            let receipt = match &with {
                Some(value) => client.skip_task_with(&id, value, &note).await?,
                None => client.skip_task(&id, &note).await?,
            };
            receipt::print(&self.output, &receipt)
        })
    }
}
