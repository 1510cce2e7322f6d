//! `gleitzeit results`: what a workflow has produced.

use clap::Args;
use serde_json::Value;

use super::Exit;
use super::output::{Output, lines, text};
use super::remote::Remote;
use crate::client::{Client, PageRequest, TaskInfo, WorkflowResults};
use crate::core::errors::TASK_NOT_FOUND;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;

/// Show the results of a workflow, and the errors of the tasks that failed.
#[derive(Debug, Args)]
pub(super) struct Results {
    /// The workflow's id.
    workflow: String,
    /// Print the result of this task alone, by its name, its key or its id: text as it is, anything else as JSON.
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Results {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            if let Some(task) = &self.task {
                let task = find_task(&client, &self.workflow, task).await?;
                return one(&self.output, &task);
            }
            let results = client.results(&self.workflow).await?;
            print(&self.output, &results)?;
            Ok(Exit::Ok)
        })
    }
}

/// The task of a workflow that has this name, key or id, in full.
pub(super) async fn find_task(client: &Client, workflow: &str, wanted: &str) -> anyhow::Result<TaskInfo> {
    let mut request = PageRequest { cursor: None, limit: Some(1_000) };
    let mut names = Vec::new();
    loop {
        let page = client.tasks(workflow, &request).await?;
        let is_wanted =
            |task: &&TaskInfo| task.name == wanted || task.id == wanted || text(&task.more, "key") == wanted;
        if let Some(found) = page.items.iter().find(is_wanted) {
            return Ok(client.task(&found.id).await?);
        }
        names.extend(page.items.into_iter().map(|task| task.name));
        if page.next_cursor.is_none() {
            let near = suggestion(wanted, names.iter().map(String::as_str));
            let message = format!("workflow {workflow} has no task `{wanted}`{near}");
            return Err(Rejection::new(TASK_NOT_FOUND, message).into());
        }
        request.cursor = page.next_cursor;
    }
}

/// The value as a program wants it.
fn one(output: &Output, task: &TaskInfo) -> anyhow::Result<Exit> {
    let result = task.more.get("result").cloned().unwrap_or_default();
    if task.status == "completed" {
        output.one(&result, &task.name, || {
            let text = result.as_str().map_or_else(|| result.to_string(), str::to_owned);
            if text.ends_with('\n') { text } else { text + "\n" }
        })?;
        return Ok(Exit::Ok);
    }
    let error = task.error.as_ref().map(|error| format!(": error[{}]: {}", error.code, error.message));
    eprintln!("task {} has no result, it is {}{}", task.name, task.status, error.unwrap_or_default());
    Ok(match task.status.as_str() {
        "failed" => Exit::WorkflowFailed,
        "cancelled" => Exit::WorkflowCancelled,
        _ => Exit::Error,
    })
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
