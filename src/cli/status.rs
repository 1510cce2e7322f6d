//! `gleitzeit status`: one workflow and its tasks.

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::Exit;
use super::output::{Output, pairs, table, text};
use super::remote::Remote;
use crate::client::{Page, PageRequest, TaskInfo, WorkflowInfo};

/// Show a workflow and its tasks.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// The workflow's id.
    workflow: String,
    /// How many tasks at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

/// What is printed: the workflow, and beside its members the first page of its tasks.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    workflow: WorkflowInfo,
    tasks: Page<TaskInfo>,
}

impl Status {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            let workflow = client.workflow(&self.workflow).await?;
            let first = PageRequest { cursor: None, limit: Some(self.limit) };
            let tasks = client.tasks(&self.workflow, &first).await?;
            let shown = Shown { workflow, tasks };
            self.output.one(&shown, &shown.workflow.id, || described(&shown))?;
            Ok(Exit::Ok)
        })
    }
}

fn described(shown: &Shown) -> String {
    let Shown { workflow, tasks } = shown;
    let summary = pairs(&[
        ("workflow", workflow.id.clone()),
        ("name", workflow.name.clone()),
        ("status", workflow.status.to_string()),
        ("tasks", counts(workflow)),
        ("created", text(&workflow.more, "created_at")),
        ("started", text(&workflow.more, "started_at")),
        ("ended", text(&workflow.more, "ended_at")),
    ]);
    let tasks_table =
        table(&["TASK", "NAME", "STATUS", "ATTEMPT", "WORKER", "ERROR"], tasks.items.iter().map(row));
    let more = match workflow.total_tasks.saturating_sub(tasks.items.len() as u64) {
        0 => String::new(),
        left => format!("and {left} more\n"),
    };
    format!("{summary}\n{tasks_table}{more}")
}

/// `7: 3 completed, 4 pending`.
pub(super) fn counts(workflow: &WorkflowInfo) -> String {
    let counts = workflow.more.get("task_counts").and_then(Value::as_object);
    let counts = counts.into_iter().flatten().filter(|(_, count)| count.as_u64() != Some(0));
    let parts: Vec<String> = counts.map(|(status, count)| format!("{count} {status}")).collect();
    format!("{}: {}", workflow.total_tasks, parts.join(", "))
}

fn row(task: &TaskInfo) -> Vec<String> {
    let error = task.error.as_ref().map(|error| format!("{} {}", error.code, error.message));
    vec![
        task.id.clone(),
        task.name.clone(),
        task.status.clone(),
        task.attempt.to_string(),
        task.worker.clone().unwrap_or_default(),
        error.unwrap_or_default().replace('\n', " "),
    ]
}
