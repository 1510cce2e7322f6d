//! `gleitzeit inspect`: one workflow or one task, with everything that is known of it.

use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::export::Exported;
use super::output::{Output, lines, pairs, text};
use super::remote::{Remote, is_unknown};
use super::{Exit, status};
use crate::client::{Client, ClientError, FeedEvent, PageRequest, TaskInfo, Why, WorkflowInfo};

/// Show a workflow or a task with everything that is known of it.
///
/// Of a workflow its tasks, what they wait for and their attempts; of a task its parameters and result. A file that
/// `gleitzeit export` wrote is shown without a server.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The id of a workflow or of a task, or a file with an exported workflow.
    #[arg(value_name = "ID|FILE")]
    id: String,
    /// How many tasks of a workflow at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

/// A workflow, and beside its members its first tasks.
#[derive(Serialize)]
struct Inspected {
    #[serde(flatten)]
    workflow: WorkflowInfo,
    tasks: Vec<Looked>,
}

/// A task in full, and what it waits for.
#[derive(Serialize)]
struct Looked {
    #[serde(flatten)]
    task: TaskInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
}

impl Inspect {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let path = Path::new(&self.id);
        if path.is_file() {
            return exported(Exported::read(path)?, self.limit, &self.output);
        }
        self.remote.run(async |client| {
            match client.workflow(&self.id).await {
                Ok(workflow) => {
                    let tasks = first_tasks(&client, &self.id, self.limit).await?;
                    let inspected = Inspected { workflow, tasks };
                    self.output.one(&inspected, &inspected.workflow.id, || described(&inspected))?;
                }
                Err(unknown) if is_unknown(&unknown) => {
                    let task = match look(&client, &self.id).await {
                        // Of two names that are both unknown the workflow's is the one that people mean.
                        Err(error) if is_unknown(&error) => return Err(unknown.into()),
                        other => other?,
                    };
                    self.output.one(&task, &task.task.id, || in_full(&task))?;
                }
                Err(error) => return Err(error.into()),
            }
            Ok(Exit::Ok)
        })
    }
}

fn exported(file: Exported, limit: u32, output: &Output) -> anyhow::Result<Exit> {
    let tasks = file.tasks.into_iter().take(limit as usize).map(|task| Looked { task, why: None });
    let inspected = Inspected { workflow: file.workflow, tasks: tasks.collect() };
    let told = |file: &[FeedEvent]| {
        let line = |event: &FeedEvent| format!("{} {} {}", event.seq, event.at, event.kind);
        format!("\nevents: {}\n", file.len()) + &lines(file.iter().take(limit as usize).map(line))
    };
    let gone = file.events_missing.map(|why| format!("{why}\n")).unwrap_or_default();
    output.one(&inspected, &inspected.workflow.id, || described(&inspected) + &told(&file.events) + &gone)?;
    Ok(Exit::Ok)
}

/// Everything that is known of a task, in words.
pub(super) async fn told_of_task(client: &Client, id: &str) -> Result<String, ClientError> {
    look(client, id).await.map(|looked| in_full(&looked))
}

/// Everything that is known of a workflow and of its first tasks, in words.
pub(super) async fn told_of_workflow(client: &Client, id: &str, limit: u32) -> Result<String, ClientError> {
    let workflow = client.workflow(id).await?;
    let tasks = first_tasks(client, id, limit).await?;
    Ok(described(&Inspected { workflow, tasks }))
}

async fn first_tasks(client: &Client, workflow: &str, limit: u32) -> Result<Vec<Looked>, ClientError> {
    let page = client.tasks(workflow, &PageRequest { cursor: None, limit: Some(limit) }).await?;
    let mut looked = Vec::with_capacity(page.items.len());
    for task in page.items {
        looked.push(look(client, &task.id).await?);
    }
    Ok(looked)
}

async fn look(client: &Client, id: &str) -> Result<Looked, ClientError> {
    let task = client.task(id).await?;
    let waits = matches!(task.status.as_str(), "pending" | "queued" | "retrying");
    let why = if waits { Some(client.why(id).await?) } else { None };
    Ok(Looked { task, why })
}

fn described(inspected: &Inspected) -> String {
    let Inspected { workflow, tasks } = inspected;
    let more = &workflow.more;
    let mut said = pairs(&[
        ("workflow", workflow.id.clone()),
        ("name", workflow.name.clone()),
        ("description", text(more, "description")),
        ("status", workflow.status.to_string()),
        ("tasks", status::counts(workflow)),
        ("strategy", text(more, "error_strategy")),
        ("at once", text(more, "max_parallel_tasks")),
        (
            "timeout",
            Some(text(more, "timeout_seconds"))
                .filter(|s| !s.is_empty())
                .map_or_else(String::new, |s| s + " s"),
        ),
        ("created", text(more, "created_at")),
        ("started", text(more, "started_at")),
        ("ended", text(more, "ended_at")),
    ]);
    for looked in tasks {
        said.push('\n');
        said += &in_short(looked);
    }
    match workflow.total_tasks.saturating_sub(tasks.len() as u64) {
        0 => said,
        left => said + &format!("\nand {left} more tasks; raise --limit, or inspect one by its id\n"),
    }
}

/// `Train Model: processing` and below it what there is to say.
fn in_short(looked: &Looked) -> String {
    let task = &looked.task;
    let head = format!("{}: {} ({}, {})", task.name, task.status, kind(task), task.id);
    let after = Some(list(&task.more, "dependencies")).filter(|after| !after.is_empty());
    let after = after.map(|after| format!("  after: {after}"));
    let runs = task.worker.as_ref().map(|worker| format!("  attempt {} on {worker}", task.attempt));
    lines([Some(head), after, runs].into_iter().flatten()) + &attempts(task) + &waits(looked.why.as_ref())
}

fn in_full(looked: &Looked) -> String {
    let task = &looked.task;
    let more = &task.more;
    let error = task.error.as_ref().map(|error| format!("{} {}", error.code, error.message));
    let progress = more.get("progress").and_then(Value::as_object);
    let progress = progress.map(|said| format!("{} % {}", text(said, "percent"), text(said, "message")));
    let head = pairs(&[
        ("task", task.id.clone()),
        ("name", task.name.clone()),
        ("workflow", text(more, "workflow_id")),
        ("type", kind(task)),
        ("status", task.status.clone()),
        ("priority", text(more, "priority")),
        ("after", list(more, "dependencies")),
        ("attempt", task.attempt.to_string()),
        ("failures", format!("{} of {}", text(more, "failures"), text(more, "max_attempts"))),
        ("worker", task.worker.clone().unwrap_or_default()),
        ("timeout", format!("{} s", text(more, "timeout_seconds"))),
        ("started", text(more, "started_at")),
        ("ended", text(more, "ended_at")),
        ("progress", progress.unwrap_or_default().trim_end().to_owned()),
        ("error", error.unwrap_or_default().replace('\n', " ")),
        ("tags", list(more, "tags")),
        ("parameters", text(more, "parameters")),
        ("result", text(more, "result")),
    ]);
    head + &attempts(task) + &waits(looked.why.as_ref())
}

/// The type, and for whom it is.
fn kind(task: &TaskInfo) -> String {
    let route = ["external_task_type", "service_name"].map(|name| text(&task.more, name));
    let given = std::iter::once(task.task_type.clone()).chain(route).filter(|part| !part.is_empty());
    given.collect::<Vec<_>>().join(" ")
}

/// One line for each attempt that did not succeed.
fn attempts(task: &TaskInfo) -> String {
    let attempts = task.more.get("attempts").and_then(Value::as_array).into_iter().flatten();
    lines(attempts.filter_map(Value::as_object).map(|attempt| {
        let fact = |name: &str| text(attempt, name);
        let worker = Some(fact("worker")).filter(|worker| !worker.is_empty());
        let on = worker.map(|worker| format!(" on {worker}")).unwrap_or_default();
        let (number, at, code) = (fact("attempt"), fact("ended_at"), fact("code"));
        format!("  attempt {number}{on} ended {at}: {code} {}", fact("message").replace('\n', " "))
    }))
}

fn waits(why: Option<&Why>) -> String {
    let reasons = why.iter().flat_map(|why| &why.reasons);
    lines(reasons.map(|reason| format!("  {}: {}", reason.kind.replace('_', " "), reason.message)))
}

fn list(members: &serde_json::Map<String, Value>, name: &str) -> String {
    let words = members.get(name).and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
