//! `gleitzeit run`: submits and watches, and ends as the workflow ends.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use super::Exit;
use super::output::Output;
use super::remote::{Remote, exit_of};
use super::watch::Watcher;
use super::{results, workflow_file};
use crate::client::workflow::Workflow;
use crate::client::{Client, SubmitOptions, Submitted};

/// Run a workflow, or a single function, and print the results.
///
/// What happens meanwhile is shown on stderr. The exit code is 0 when the workflow completed, 3 when it failed,
/// and 4 when it was cancelled.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The workflow in YAML or JSON, `-` for stdin; with --function the function's arguments: JSON or plain
    /// text, or NAME=VALUE for a named one.
    #[arg(value_name = "FILE|ARGS", required_unless_present = "function")]
    words: Vec<String>,
    /// Run this function instead of a workflow; `gleitzeit functions` lists them.
    #[arg(short, long)]
    function: Option<String>,
    /// Idempotency key: running the same under the same key again watches the first workflow.
    #[arg(long)]
    key: Option<String>,
    /// Say nothing while it runs.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Run {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let options = SubmitOptions { idempotency_key: self.key, wait: None };
        let work = Work::of(self.function.as_deref(), &self.words)?;
        self.remote.run(async |client| {
            let submitted = work.submit(&client, &options).await?;
            if !self.quiet {
                eprintln!("{} is workflow {}", submitted.name, submitted.id);
            }
            let mut watcher = Watcher::new(client.clone(), submitted.id.clone(), Some(submitted.seq));
            let status = watcher
                .until_end(|_, said| {
                    if !self.quiet {
                        eprint!("{said}");
                    }
                    Ok(())
                })
                .await?;
            results::print(&self.output, &client.results(&submitted.id).await?)?;
            Ok(exit_of(&status))
        })
    }
}

/// What is to run.
enum Work {
    File(workflow_file::Written),
    Function(Box<Workflow>),
}

impl Work {
    fn of(function: Option<&str>, words: &[String]) -> anyhow::Result<Self> {
        if let Some(function) = function {
            return Ok(Self::Function(Box::new(call(function, words))));
        }
        let [file] = words else {
            anyhow::bail!("one workflow runs at a time; {} files were named", words.len());
        };
        workflow_file::read(&PathBuf::from(file)).map(Self::File)
    }

    async fn submit(self, client: &Client, options: &SubmitOptions) -> anyhow::Result<Submitted> {
        Ok(match self {
            Self::File(written) => client.submit_text(written.text, written.format, options).await?,
            Self::Function(workflow) => client.submit_with(&*workflow, options).await?,
        })
    }
}

/// A workflow of one task.
fn call(function: &str, words: &[String]) -> Workflow {
    let (mut args, mut kwargs) = (Vec::new(), Map::new());
    for word in words {
        match word.split_once('=') {
            Some((name, value)) if is_name(name) => drop(kwargs.insert(name.to_owned(), argument(value))),
            Some(_) | None => args.push(argument(word)),
        }
    }
    let mut workflow = Workflow::new(function);
    workflow.add_python_task(function, function, Value::Array(args), Value::Object(kwargs), &[]);
    workflow
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(plain)
}

/// What reads as JSON is JSON; everything else is text.
fn argument(word: &str) -> Value {
    serde_json::from_str(word).unwrap_or_else(|_| Value::from(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_become_arguments() {
        let words = ["10", "[1,2]", "plain text", r#""x=1""#, "count=3", "kind=a b", "a b=c"];
        let workflow = call("f", &words.map(str::to_owned));
        let task = &serde_json::to_value(&workflow).unwrap()["tasks"][0];
        assert_eq!(task["parameters"]["args"], json!([10, [1, 2], "plain text", "x=1", "a b=c"]));
        assert_eq!(task["parameters"]["kwargs"], json!({"count": 3, "kind": "a b"}));
    }
}
