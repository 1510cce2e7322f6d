//! `gleitzeit export`: one workflow as one file.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Exit;
use super::remote::Remote;
use crate::client::{Client, ClientError, FeedEvent, PageRequest, TaskInfo, WorkflowInfo};
use crate::protocol::EXPORT_FORMAT;

/// Tasks that had not ended of which the file says what they waited for. The reasons of more repeat themselves.
const WHY_MAX: usize = 1_000;
/// Tasks and events that are asked for at once.
const PAGE: u32 = 1_000;

/// Write everything that is known of one workflow into one file.
///
/// The workflow, every task with its parameters, attempts and result, and every event that the log still has: for whoever
/// helps you, or to keep. `gleitzeit inspect FILE` shows it, without a server; `gleitzeit import FILE` takes it into another
/// one. Read it before you pass it on: parameters and results are in it as they are.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The id of a workflow.
    id: String,
    /// The file to write, which must not be there yet; - for stdout.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    remote: Remote,
}

/// What every version of such a file says.
#[derive(Deserialize)]
struct Head {
    export: u32,
}

/// What is in such a file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Exported {
    /// The format of the file.
    pub(super) export: u32,
    /// The version of the server.
    pub(super) version: String,
    pub(super) workflow: WorkflowInfo,
    /// As it can be submitted again; its parameters are those of the tasks.
    #[serde(default)]
    definition: Map<String, Value>,
    pub(super) tasks: Vec<TaskInfo>,
    /// By task id, what a task that had not ended waited for.
    #[serde(default)]
    why: BTreeMap<String, String>,
    pub(super) events: Vec<FeedEvent>,
    /// Why there are no events, or not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) events_missing: Option<String>,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            let exported = gather(&client, &self.id).await?;
            let mut text = serde_json::to_vec_pretty(&exported)?;
            text.push(b'\n');
            if self.output.as_os_str() == "-" {
                io::stdout().lock().write_all(&text)?;
            } else {
                write(&self.output, &text)?;
                let (tasks, events) = (exported.tasks.len(), exported.events.len());
                eprintln!("{} has {tasks} tasks and {events} events", self.output.display());
            }
            Ok(Exit::Ok)
        })
    }
}

impl Exported {
    /// Reads what `export` wrote.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
        let head: Head = serde_json::from_str(&text)
            .with_context(|| format!("{shown} is no workflow that `gleitzeit export` wrote"))?;
        anyhow::ensure!(
            head.export <= EXPORT_FORMAT,
            "{shown} has export format {}, but this program knows formats up to {EXPORT_FORMAT}; use a later version",
            head.export
        );
        serde_json::from_str(&text).with_context(|| format!("{shown} is not whole"))
    }
}

async fn gather(client: &Client, id: &str) -> Result<Exported, ClientError> {
    let workflow = client.workflow(id).await?;
    let definition = without_parameters(client.definition(id).await?);
    let (mut tasks, mut why) = (Vec::new(), BTreeMap::new());
    let mut request = PageRequest { cursor: None, limit: Some(PAGE) };
    loop {
        let page = client.tasks(id, &request).await?;
        for task in page.items {
            let task = client.task(&task.id).await?;
            let ended = matches!(task.status.as_str(), "completed" | "failed" | "cancelled" | "skipped");
            if !ended && why.len() < WHY_MAX {
                why.insert(task.id.clone(), client.why(&task.id).await?.summary);
            }
            tasks.push(task);
        }
        request.cursor = page.next_cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    let (events, events_missing) = match events(client, id).await {
        Ok(events) => (events, None),
        // What retention has released is gone; all else is worth keeping.
        Err(ClientError::Problem(problem)) if problem.status == 410 => (Vec::new(), Some(problem.detail)),
        Err(error) => return Err(error),
    };
    let version = client.health().await?.version;
    Ok(Exported { export: EXPORT_FORMAT, version, workflow, definition, tasks, why, events, events_missing })
}

/// The tasks have them, without the secret that signs tasks which are handed on.
fn without_parameters(mut definition: Map<String, Value>) -> Map<String, Value> {
    let tasks = definition.get_mut("tasks").and_then(Value::as_array_mut);
    for task in tasks.into_iter().flatten().filter_map(Value::as_object_mut) {
        task.remove("parameters");
    }
    definition
}

async fn events(client: &Client, id: &str) -> Result<Vec<FeedEvent>, ClientError> {
    let (mut events, mut request) = (Vec::new(), PageRequest { cursor: None, limit: Some(PAGE) });
    loop {
        let page = client.workflow_events(id, &request).await?;
        events.extend(page.items);
        request.cursor = page.next_cursor;
        if request.cursor.is_none() {
            return Ok(events);
        }
    }
}

/// The file appears whole or not at all.
fn write(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).with_context(failed)?;
    file.write_all(text).and_then(|()| file.sync_all()).with_context(|| {
        drop(fs::remove_file(path));
        failed()
    })
}
