//! `gleitzeit events`: what is written in the log, of one workflow or of all.

use std::ops::Range;

use clap::Args;

use super::Exit;
use super::feed::{Feed, TaskNames, sentence};
use super::output::Output;
use super::remote::Remote;
use crate::client::{Client, FeedEvent, PageRequest};

/// The most events that are asked for at once.
const PAGE: u32 = 1_000;

/// Show what has happened, to one workflow or to all, and with --follow what happens from now on.
#[derive(Debug, Args)]
pub(super) struct Events {
    /// The workflow's id; without one, everything that happens on the server.
    workflow: Option<String>,
    /// Go on until interrupted.
    #[arg(short, long)]
    follow: bool,
    /// The first position of the log that is wanted. Without it a workflow is told from its beginning, and of
    /// everything the latest events are shown.
    #[arg(long, value_name = "SEQ")]
    since: Option<u64>,
    /// How many at most; with --follow how many of those that lie behind.
    #[arg(long, default_value_t = 100)]
    limit: u64,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Events {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            let mut telling = Telling { client: &client, names: TaskNames::default(), output: &self.output };
            let end = client.stats().await?.seq + 1;
            let next = if let Some(workflow) = &self.workflow {
                telling.of_workflow(workflow, self.since.unwrap_or(0)..end, self.limit).await?
            } else {
                let since = self.since.unwrap_or_else(|| end.saturating_sub(self.limit));
                telling.of_all(since, end.min(since.saturating_add(self.limit))).await?
            };
            if self.follow {
                let next = next.unwrap_or(end);
                let mut feed = Feed::open(client.clone(), self.workflow.clone(), Some(next)).await?;
                loop {
                    telling.tell(&feed.next().await?).await?;
                }
            }
            if let Some(next) = next.filter(|next| *next < end) {
                eprintln!("there may be more: --since {next}");
            }
            Ok(Exit::Ok)
        })
    }
}

struct Telling<'c> {
    client: &'c Client,
    names: TaskNames,
    output: &'c Output,
}

impl Telling<'_> {
    /// Shows what is stored of a workflow; where to go on, unless that is the end of the log.
    async fn of_workflow(
        &mut self,
        workflow: &str,
        positions: Range<u64>,
        limit: u64,
    ) -> anyhow::Result<Option<u64>> {
        let mut next = positions.start;
        let mut left = limit;
        while left > 0 {
            let wanted = u32::try_from(left).unwrap_or(PAGE).min(PAGE);
            let request = PageRequest { cursor: Some(next.to_string()), limit: Some(wanted) };
            let page = self.client.workflow_events(workflow, &request).await?;
            for event in &page.items {
                self.tell(event).await?;
                left = left.saturating_sub(1);
            }
            let Some(cursor) = page.next_cursor.and_then(|cursor| cursor.parse().ok()) else {
                return Ok(None);
            };
            next = cursor;
            if next >= positions.end {
                break;
            }
        }
        Ok(Some(next))
    }

    /// Shows what is stored from `since` up to `end`; where to go on.
    async fn of_all(&mut self, since: u64, end: u64) -> anyhow::Result<Option<u64>> {
        if since >= end {
            return Ok(Some(since));
        }
        let mut feed = Feed::open(self.client.clone(), None, Some(since)).await?;
        loop {
            let event = feed.next().await?;
            self.tell(&event).await?;
            if event.seq + 1 >= end {
                return Ok(Some(event.seq + 1));
            }
        }
    }

    async fn tell(&mut self, event: &FeedEvent) -> anyhow::Result<()> {
        let task = self.names.of(self.client, event).await?;
        self.output.item(event, &event.kind, &format!("{:>8}  {}", event.seq, sentence(event, &task)))
    }
}
