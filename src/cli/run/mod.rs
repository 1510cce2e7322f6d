//! `gleitzeit run`: submits and watches, and ends as the workflow ends.

mod folder;
mod single;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;
use tokio::time::timeout;

use super::output::Output;
use super::remote::{NO_LIMIT, Remote, exit_of};
use super::{Exit, results, usage, watch, workflow_file};
use crate::client::{Client, ClientError, SubmitOptions, Submitted};
use crate::protocol::batch::Kind;
use folder::Folder;

/// Run a workflow, a function, a prompt or the files of a folder to the end.
///
/// The results are printed. What happens meanwhile is shown on stderr. The exit code is 0 when the workflow completed, 3 when it failed,
/// 4 when it was cancelled, and 5 when it goes on after the timeout.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The workflow in YAML or JSON, `-` for stdin; with --function the function's arguments: JSON or plain
    /// text, or NAME=VALUE for a named one.
    #[arg(value_name = "FILE|ARGS")]
    words: Vec<String>,
    /// Run this function; `gleitzeit functions` lists them. With --batch-folder it gets each file as `file_path`.
    #[arg(short, long)]
    function: Option<String>,
    /// The function's arguments, in the place of those behind all flags.
    #[arg(long, num_args = 1.., requires = "function", conflicts_with = "words")]
    args: Vec<String>,
    /// Send this prompt to a language model; `-` reads it from stdin.
    #[arg(short, long, value_name = "PROMPT")]
    text: Option<String>,
    /// Ask a vision model about this image, a file here or an http(s) address; takes --prompt.
    #[arg(short, long, value_name = "IMAGE")]
    vision: Option<String>,
    /// What to ask about an image, or about each file of a folder: `{{file.name}}` and `{{file.content}}` stand
    /// for what the file has.
    #[arg(short, long)]
    prompt: Option<String>,
    /// Run this workflow, in YAML or JSON.
    #[arg(short, long, value_name = "FILE")]
    workflow: Option<PathBuf>,
    /// The model for --text, --vision and --batch-folder.
    #[arg(short, long)]
    model: Option<String>,
    #[command(flatten)]
    batch: BatchFlags,
    /// Idempotency key: running the same under the same key again watches the first workflow.
    #[arg(long)]
    key: Option<String>,
    /// Watch at most this many seconds; the workflow goes on.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Say nothing while it runs.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct BatchFlags {
    /// Run one task for each file of this folder, and one that gathers the results.
    #[arg(long, value_name = "DIR", help_heading = "Batches")]
    batch_folder: Option<PathBuf>,
    /// What runs for each file.
    #[arg(
        long = "type",
        value_enum,
        value_name = "TYPE",
        requires = "batch_folder",
        help_heading = "Batches"
    )]
    kind: Option<KindFlag>,
    /// Take only files with these extensions [default: those of the type; all for functions].
    #[arg(long, value_delimiter = ',', requires = "batch_folder", help_heading = "Batches")]
    extensions: Vec<String>,
    /// Take the files of all folders below as well.
    #[arg(long, requires = "batch_folder", help_heading = "Batches")]
    recursive: bool,
    /// The folder lies on the server, inside its files root: the server finds the files, and no content is sent.
    #[arg(long, requires = "batch_folder", help_heading = "Batches")]
    on_server: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindFlag {
    Text,
    Vision,
    Function,
}

impl From<KindFlag> for Kind {
    fn from(flag: KindFlag) -> Self {
        match flag {
            KindFlag::Text => Self::Text,
            KindFlag::Vision => Self::Vision,
            KindFlag::Function => Self::Function,
        }
    }
}

impl Run {
    pub(super) fn run(mut self) -> anyhow::Result<Exit> {
        let work = self.work()?;
        let options = SubmitOptions { idempotency_key: self.key, wait: None };
        let limit = self.timeout.map_or(NO_LIMIT, Duration::from_secs);
        let quiet = self.quiet;
        self.remote.run(async |client| {
            let submitted = work.submit(&client, &options).await?;
            if !quiet {
                work.tell_doubts(&client).await;
                eprintln!("{} is workflow {}", submitted.name, submitted.id);
            }
            let waits = if quiet { watch::Waits::Kept } else { watch::Waits::Told };
            let show = |_: &_, said: String| {
                if !quiet {
                    eprint!("{said}");
                }
                Ok(())
            };
            let ended = watch::until_end(&client, &submitted.id, Some(submitted.seq), waits, show);
            let Ok(status) = timeout(limit, ended).await else {
                let what = format!("workflow {}", submitted.id);
                return Err(ClientError::WaitTimeout { what, limit }.into());
            };
            results::print(&self.output, &client.results(&submitted.id).await?)?;
            Ok(exit_of(&status?))
        })
    }

    /// The one thing that the words ask for.
    fn work(&mut self) -> anyhow::Result<Work> {
        let folder = self.batch.batch_folder.take();
        let asked = [
            ("--batch-folder", folder.is_some()),
            ("--function", self.function.is_some() && folder.is_none()),
            ("--text", self.text.is_some()),
            ("--vision", self.vision.is_some()),
            ("--workflow", self.workflow.is_some()),
        ];
        let mut asked = asked.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
        let first = asked.next();
        if let (Some(first), Some(other)) = (first, asked.next()) {
            return Err(usage(format!("{first} and {other} are two things; run one at a time")));
        }
        if let (Some(name), Some(word)) = (first.filter(|name| !takes_words(name)), self.words.first()) {
            return Err(usage(format!("`{word}` means nothing beside {name}")));
        }
        if self.prompt.is_some() && folder.is_none() && self.vision.is_none() {
            return Err(usage(
                "--prompt belongs to --vision or --batch-folder; --text takes the prompt itself",
            ));
        }
        if let Some(path) = folder {
            return Folder::of(&path, self).map(|folder| Work::Folder(Box::new(folder)));
        }
        if let Some(function) = &self.function {
            let words = if self.args.is_empty() { &self.words } else { &self.args };
            return Ok(Work::Single(single::function(function, words)));
        }
        if let Some(prompt) = self.text.take() {
            return single::text(&prompt, self.model.as_deref()).map(Work::Single);
        }
        if let Some(image) = self.vision.take() {
            return single::vision(&image, self.prompt.as_deref(), self.model.as_deref()).map(Work::Single);
        }
        match (self.workflow.take(), self.words.as_slice()) {
            (Some(file), []) => workflow_file::read(&file).map(Work::File),
            (None, [file]) => workflow_file::read(&PathBuf::from(file)).map(Work::File),
            (None, []) => Err(usage(
                "there is nothing to run: name a workflow, or see --function, --text, --vision and --batch-folder",
            )),
            (_, words) => {
                Err(usage(format!("one workflow runs at a time; {} files were named", words.len())))
            }
        }
    }
}

/// A function takes arguments, also for each file of a folder.
fn takes_words(flag: &str) -> bool {
    matches!(flag, "--function" | "--batch-folder")
}

/// What is to run.
enum Work {
    File(workflow_file::Written),
    /// A workflow of one task.
    Single(Value),
    Folder(Box<Folder>),
}

impl Work {
    async fn submit(&self, client: &Client, options: &SubmitOptions) -> anyhow::Result<Submitted> {
        Ok(match self {
            Self::File(written) => {
                let submitted = client.submit_text(written.text.clone(), written.format, options).await;
                submitted.map_err(|error| written.refused(error))?
            }
            Self::Single(workflow) => client.submit_with(workflow, options).await?,
            Self::Folder(folder) => folder.submit(client, options).await?,
        })
    }

    /// What the server doubts about it. The files of a folder are not sent a second time for that.
    async fn tell_doubts(&self, client: &Client) {
        match self {
            Self::File(written) => written.tell_doubts(client).await,
            Self::Single(workflow) => {
                if let Ok(checked) = client.validate(workflow).await {
                    workflow_file::tell_doubts(&checked);
                }
            }
            Self::Folder(_) => {}
        }
    }
}
