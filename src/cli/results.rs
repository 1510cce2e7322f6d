//! `gleitzeit results`: what a workflow has produced.

use clap::Args;
use serde_json::Value;

use super::Exit;
use super::output::{Output, lines};
use super::remote::Remote;
use crate::client::WorkflowResults;

/// Show the results of a workflow, and the errors of the tasks that failed.
#[derive(Debug, Args)]
pub(super) struct Results {
    /// The workflow's id.
    workflow: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Results {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            let results = client.results(&self.workflow).await?;
            print(&self.output, &results)?;
            Ok(Exit::Ok)
        })
    }
}

/// Prints results; as names those of the completed tasks.
pub(super) fn print(output: &Output, results: &WorkflowResults) -> anyhow::Result<()> {
    output.print(results, None::<&[Value]>, results.results.keys().cloned(), || shown(results))
}

fn shown(results: &WorkflowResults) -> String {
    let head = format!(
        "workflow {} is {}: {} of {} tasks completed, {} failed, {:.1} s",
        results.workflow_id,
        results.status,
        results.completed_tasks,
        results.total_tasks,
        results.failed_tasks,
        results.execution_time_seconds,
    );
    let values = results.results.iter().map(|(name, value)| format!("\n{name}:\n{}", indented(value)));
    let errors = results
        .errors
        .iter()
        .map(|(name, failure)| format!("\n{name}: error[{}]: {}", failure.code, failure.message));
    lines(std::iter::once(head).chain(values).chain(errors))
}

/// Text as it is, everything else as JSON that a person can read.
fn indented(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| serde_json::to_string_pretty(value).expect("a value is JSON"), str::to_owned);
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
