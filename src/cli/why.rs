//! `gleitzeit why`: what a task waits for, or every task of a workflow that has not ended.

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::output::{Output, lines};
use super::remote::{Remote, is_unknown};
use crate::client::{Client, ClientError, PageRequest, TaskInfo, Why as Explanation};

/// Show why a task has not ended, or why the tasks of a workflow have not.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// The id of a task or of a workflow.
    id: String,
    /// How many tasks of a workflow at most.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

/// The tasks of a workflow that have not ended.
#[derive(Serialize)]
struct Waiting {
    items: Vec<Explanation>,
    /// Whether there are more than were asked for.
    more: bool,
}

impl Why {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            match client.why(&self.id).await {
                Ok(why) => {
                    self.output.one(&why, &why.task_id, || described(&why))?;
                }
                Err(unknown) if is_unknown(&unknown) => {
                    let waiting = match waiting(&client, &self.id, self.limit).await {
                        Err(error) if is_unknown(&error) => return Err(unknown.into()),
                        other => other?,
                    };
                    let names = waiting.items.iter().map(|why| why.task_id.clone());
                    self.output.print(&waiting, Some(&waiting.items), names, || list(&waiting))?;
                }
                Err(error) => return Err(error.into()),
            }
            Ok(Exit::Ok)
        })
    }
}

/// What a task, or the first tasks of a workflow that have not ended, wait for, in words.
pub(super) async fn told(client: &Client, id: &str, limit: usize) -> Result<String, ClientError> {
    match client.why(id).await {
        Ok(why) => Ok(described(&why)),
        Err(unknown) if is_unknown(&unknown) => match waiting(client, id, limit).await {
            Err(error) if is_unknown(&error) => Err(unknown),
            other => other.map(|waiting| list(&waiting)),
        },
        Err(error) => Err(error),
    }
}

/// Tasks that are looked through for one that waits; beyond them it hardly is the one that blocks.
const LOOKED_THROUGH: u32 = 1_000;

/// What the first task waits for that nobody has taken up, unless one runs: then the workflow goes on.
pub(super) async fn first_wait(client: &Client, workflow: &str) -> Result<Option<Explanation>, ClientError> {
    let page = client.tasks(workflow, &PageRequest { cursor: None, limit: Some(LOOKED_THROUGH) }).await?;
    if page.items.iter().any(|task| task.status == "processing") {
        return Ok(None);
    }
    let waits = |task: &&TaskInfo| matches!(task.status.as_str(), "queued" | "retrying" | "assigned");
    match page.items.iter().find(waits) {
        Some(task) => client.why(&task.id).await.map(Some),
        None => Ok(None),
    }
}

/// Explains the first tasks that have not ended, in the order of the workflow.
async fn waiting(client: &Client, workflow: &str, limit: usize) -> Result<Waiting, ClientError> {
    let mut found = Waiting { items: Vec::new(), more: false };
    let mut request = PageRequest { cursor: None, limit: Some(1_000) };
    loop {
        let page = client.tasks(workflow, &request).await?;
        for task in page.items {
            if matches!(task.status.as_str(), "completed" | "failed" | "cancelled" | "skipped") {
                continue;
            }
            if found.items.len() == limit {
                found.more = true;
                return Ok(found);
            }
            found.items.push(client.why(&task.id).await?);
        }
        if page.next_cursor.is_none() {
            return Ok(found);
        }
        request.cursor = page.next_cursor;
    }
}

fn described(why: &Explanation) -> String {
    let head = format!("{} ({}): {}\n", why.task_name, why.status, why.summary);
    head + &lines(why.reasons.iter().map(|reason| format!("  {}: {}", reason.kind, reason.message)))
}

fn list(waiting: &Waiting) -> String {
    let mut text: String = waiting.items.iter().map(described).collect();
    if waiting.items.is_empty() {
        text.push_str("every task has ended\n");
    }
    if waiting.more {
        text.push_str("there are more: raise --limit\n");
    }
    text
}
