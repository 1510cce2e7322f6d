//! `gleitzeit logs`: the life of a task or of a workflow, told in words.

mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Exit;
use super::feed::{Feed, TaskNames};
use super::output::{Output, text};
use super::remote::{Remote, is_unknown};
use crate::client::{Client, ClientError, FeedEvent, PageRequest, TaskInfo};

/// Progress is not in the log; it is asked for this often while somebody follows.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// Progress is asked for of so many running tasks, so that a wide workflow costs no more than these requests.
const PROGRESS_OF: usize = 8;
const PAGE: u32 = 1_000;

/// Tell the life of a task or of a workflow: attempts, failures with their codes, how it ended.
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The id of a workflow or of a task.
    id: String,
    /// Go on until it has ended, with the progress that running tasks report.
    #[arg(short, long)]
    follow: bool,
    /// The first position of the log that is wanted.
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    since: u64,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Logs {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            let subject = Subject::find(&client, &self.id).await?;
            let mut teller = Teller::new(&client, subject, &self.output);
            let next = teller.stored(self.since).await?;
            if self.follow {
                teller.follow(next).await?;
            }
            Ok(Exit::Ok)
        })
    }
}

/// Whose life is told.
enum Subject {
    Workflow(String),
    Task { workflow: String, task: Box<TaskInfo> },
}

impl Subject {
    /// An id tells what it is the id of by being known as that.
    async fn find(client: &Client, id: &str) -> Result<Self, ClientError> {
        match client.workflow(id).await {
            Ok(_) => Ok(Self::Workflow(id.to_owned())),
            Err(unknown) if is_unknown(&unknown) => match client.task(id).await {
                Ok(task) => {
                    Ok(Self::Task { workflow: text(&task.more, "workflow_id"), task: Box::new(task) })
                }
                Err(error) if is_unknown(&error) => Err(unknown),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn workflow(&self) -> &str {
        match self {
            Self::Workflow(workflow) | Self::Task { workflow, .. } => workflow,
        }
    }

    async fn has_ended(&self, client: &Client) -> Result<bool, ClientError> {
        Ok(match self {
            Self::Workflow(id) => client.workflow(id).await?.status.has_ended(),
            Self::Task { task, .. } => {
                let status = client.task(&task.id).await?.status;
                matches!(status.as_str(), "completed" | "failed" | "cancelled" | "skipped")
            }
        })
    }
}

struct Teller<'c> {
    client: &'c Client,
    subject: Subject,
    output: &'c Output,
    names: TaskNames,
    /// Tasks that run, by id, with the progress that was told of them last.
    running: BTreeMap<String, (String, Value)>,
}

impl<'c> Teller<'c> {
    fn new(client: &'c Client, subject: Subject, output: &'c Output) -> Self {
        Self { client, subject, output, names: TaskNames::default(), running: BTreeMap::new() }
    }

    /// Tells what is stored, and returns the position behind it.
    async fn stored(&mut self, since: u64) -> anyhow::Result<u64> {
        let end = self.client.stats().await?.seq + 1;
        let mut next = since;
        while next < end {
            let request = PageRequest { cursor: Some(next.to_string()), limit: Some(PAGE) };
            let page = self.client.workflow_events(self.subject.workflow(), &request).await?;
            for event in &page.items {
                self.tell(event).await?;
            }
            match page.next_cursor.and_then(|cursor| cursor.parse().ok()) {
                Some(cursor) => next = cursor,
                None => break,
            }
        }
        Ok(next.max(end))
    }

    async fn follow(&mut self, mut next: u64) -> anyhow::Result<()> {
        let workflow = Some(self.subject.workflow().to_owned());
        let mut feed = Feed::open(self.client.clone(), workflow, Some(next)).await?;
        let mut ticks = ticks();
        // Looked at after the feed was opened, so that the end cannot fall between the two.
        let mut ended = self.subject.has_ended(self.client).await?;
        while !ended {
            tokio::select! {
                event = feed.next() => {
                    let event = event?;
                    next = event.seq + 1;
                    self.tell(&event).await?;
                    if words::may_end(&event.kind) {
                        ended = self.subject.has_ended(self.client).await?;
                    }
                }
                _ = ticks.tick() => self.progress().await?,
            }
        }
        // It may have ended further on than the feed has told.
        self.stored(next).await?;
        Ok(())
    }

    async fn tell(&mut self, event: &FeedEvent) -> anyhow::Result<()> {
        let name = self.names.of(self.client, event).await?;
        match &self.subject {
            Subject::Task { task, .. } if task.name != name => return Ok(()),
            Subject::Task { .. } | Subject::Workflow(_) => {}
        }
        if let Some(id) = &event.task_id {
            match event.kind.as_str() {
                "task_accepted" if self.running.len() < PROGRESS_OF => {
                    self.running.insert(id.clone(), (name.clone(), Value::Null));
                }
                "task_accepted" | "late_report_seen" => {}
                _ => drop(self.running.remove(id)),
            }
        }
        self.output.item(event, &event.kind, &words::line(event, &name))
    }

    /// Tells the progress of what runs, where it is not the one that was told last.
    async fn progress(&mut self) -> anyhow::Result<()> {
        for (id, (name, told)) in &mut self.running {
            let task = self.client.task(id).await?;
            let progress = task.more.get("progress").cloned().unwrap_or_default();
            if progress.is_null() || progress == *told {
                continue;
            }
            self.output.item(&progress, "task_progress", &words::progress(&progress, name))?;
            *told = progress;
        }
        Ok(())
    }
}

fn ticks() -> Interval {
    let mut ticks = interval(PROGRESS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
