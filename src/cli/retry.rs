//! `gleitzeit retry`: runs what failed again, as it was or with other parameters.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value};

use super::bulk::Reach;
use super::conditions::Conditions;
use super::output::Output;
use super::remote::{NO_LIMIT, Remote, exit_of, is_unknown};
use super::results::{self, find_task};
use super::{Exit, receipt, usage};
use crate::client::{Client, Note, Receipt, WorkflowStatus};

/// Run what failed in a workflow again, or a task, or many workflows.
///
/// A task may get other parameters: --set changes single ones, --parameters is a JSON merge patch, in which null
/// takes a member out. The exit code is 0 once the request is stored; with --wait it is that of the workflow.
#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The id of a workflow or of a task.
    #[arg(required_unless_present = "failed")]
    id: Option<String>,
    /// Of the workflow only this task, by its name, its key or its id.
    #[arg(long, requires = "id")]
    task: Option<String>,
    /// Change a parameter of the task: `kwargs.count=5`; the value is JSON or plain text.
    #[arg(long, value_name = "KEY=VALUE", requires = "id")]
    set: Vec<String>,
    /// Change parameters of the task as this JSON file says; `-` reads stdin.
    #[arg(long, value_name = "FILE", requires = "id", conflicts_with = "set")]
    parameters: Option<PathBuf>,
    /// Retry all workflows that have failed, or have another --status, and that fit the conditions.
    #[arg(long, conflicts_with_all = ["id", "wait"])]
    failed: bool,
    #[command(flatten)]
    conditions: Conditions,
    #[command(flatten)]
    reach: Reach,
    /// Why; it is kept with the event.
    #[arg(long, conflicts_with = "failed")]
    reason: Option<String>,
    /// Wait for the end of the workflow and print the results.
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

impl Retry {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let patch = patch(&self.set, self.parameters.as_deref())?;
        let limit = self.timeout.map_or(NO_LIMIT, Duration::from_secs);
        let note = Note { by: None, reason: self.reason };
        let Some(id) = self.id else {
            let filter = self.conditions.filter(&[WorkflowStatus::Failed]);
            return self.remote.run(async |client| {
                self.reach.act(filter, &self.output, async |bulk| client.retry_workflows(bulk).await).await
            });
        };
        self.conditions.refuse_beside_an_id()?;
        self.remote.run(async |client| {
            let (workflow, receipt) = one(&client, &id, self.task.as_deref(), patch.as_ref(), &note).await?;
            if !self.wait {
                return receipt::print(&self.output, &receipt);
            }
            eprintln!("{} is {}", receipt.id, receipt.status);
            let outcome = client.wait_for(&workflow, limit).await?;
            results::print(&self.output, &outcome)?;
            Ok(exit_of(&outcome.status))
        })
    }
}

/// Retries a workflow or a task; an id tells what it is the id of by being known as that. The workflow comes along.
async fn one(
    client: &Client,
    id: &str,
    task: Option<&str>,
    patch: Option<&Value>,
    note: &Note,
) -> anyhow::Result<(String, Receipt)> {
    let task = match task {
        Some(task) => Some(find_task(client, id, task).await?),
        None => match client.workflow(id).await {
            Ok(_) => None,
            Err(unknown) if is_unknown(&unknown) => match client.task(id).await {
                // Of two names that are both unknown the workflow's is the one that people mean.
                Err(error) if is_unknown(&error) => return Err(unknown.into()),
                other => Some(other?),
            },
            Err(error) => return Err(error.into()),
        },
    };
    let Some(task) = task else {
        if patch.is_some() {
            return Err(usage("parameters belong to one task: name it with --task"));
        }
        let receipt = client.retry_workflow_with(id, &Map::new(), note).await?;
        return Ok((id.to_owned(), receipt));
    };
    let workflow = super::output::text(&task.more, "workflow_id");
    let empty = Value::Object(Map::new());
    let receipt = client.retry_task_with(&task.id, patch.unwrap_or(&empty), note).await?;
    Ok((workflow, receipt))
}

/// The merge patch that the flags ask for.
fn patch(set: &[String], file: Option<&Path>) -> anyhow::Result<Option<Value>> {
    if let Some(file) = file {
        let shown = file.display();
        let text = if file.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("stdin cannot be read as text")?;
            text
        } else {
            std::fs::read_to_string(file).with_context(|| format!("the parameters {shown} cannot be read"))?
        };
        let patch: Map<String, Value> =
            serde_json::from_str(&text).with_context(|| format!("{shown} is no JSON object"))?;
        return Ok(Some(Value::Object(patch)));
    }
    let mut patch = Map::new();
    for word in set {
        let Some((key, value)) = word.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(usage(format!("`{word}` is no KEY=VALUE")));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        put(&mut patch, key, value)?;
    }
    Ok((!set.is_empty()).then_some(Value::Object(patch)))
}

/// Puts a value where the dotted path leads, and makes the objects on the way.
fn put(into: &mut Map<String, Value>, path: &str, value: Value) -> anyhow::Result<()> {
    let Some((first, rest)) = path.split_once('.') else {
        into.insert(path.to_owned(), value);
        return Ok(());
    };
    let inner = into.entry(first).or_insert_with(|| Value::Object(Map::new()));
    match inner.as_object_mut() {
        Some(inner) => put(inner, rest, value),
        None => Err(usage(format!("`{first}` is set twice, once as a value and once as an object"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flags_become_a_patch() {
        let of = |set: &[&str]| patch(&set.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), None);
        let made =
            of(&["kwargs.count=5", "kwargs.name=a b", "args=[1]", "x=null"]).expect("they go together");
        assert_eq!(made, Some(json!({"kwargs": {"count": 5, "name": "a b"}, "args": [1], "x": null})));
        assert_eq!(of(&[]).expect("nothing"), None);
        assert!(of(&["novalue"]).is_err() && of(&["a=1", "a.b=2"]).is_err());
    }
}
