//! `gleitzeit watch`: what happens to a workflow, as it happens.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use tokio::time::{sleep, timeout};

use super::Exit;
use super::output::{Format, Output, line, print};
use super::remote::{NO_LIMIT, Remote, exit_of};
use super::status::text;
use crate::client::{Client, ClientError, FeedEvent, FeedFilter, PageRequest, WorkflowStatus};

/// Between two attempts to follow a server that has gone away.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// A server that is away for longer is not merely starting again.
const RECONNECTS: u32 = 60;
/// Events that are stored already arrive at once.
const ENDED_PATIENCE: Duration = Duration::from_millis(300);

/// Follow a workflow until it ends.
///
/// The exit code is 0 when it completed, 3 when it failed, 4 when it was cancelled.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// The workflow's id.
    workflow: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Watch {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            let mut watcher = Watcher::new(client, self.workflow, None);
            let status = watcher.until_end(|event, said| show(&self.output, event, &said)).await?;
            eprintln!("workflow {} is {status}", watcher.workflow);
            Ok(exit_of(&status))
        })
    }
}

fn show(output: &Output, event: &FeedEvent, said: &str) -> anyhow::Result<()> {
    match output.format {
        Format::Table => print(said),
        Format::Json | Format::Jsonl => print(&line(event)?),
        Format::Name => print(&format!("{}\n", event.kind)),
    }
    Ok(())
}

/// Follows one workflow over restarts of the server.
#[derive(Debug)]
pub(super) struct Watcher {
    client: Client,
    workflow: String,
    /// The position of the first event that is wanted; without one, what happens from now on.
    next: Option<u64>,
    /// Names of tasks by their place in the workflow.
    names: BTreeMap<u64, String>,
}

impl Watcher {
    pub(super) fn new(client: Client, workflow: String, since: Option<u64>) -> Self {
        Self { client, workflow, next: since, names: BTreeMap::new() }
    }

    /// Shows every event with a line for it, and returns how the workflow ended.
    pub(super) async fn until_end(
        &mut self,
        mut show: impl FnMut(&FeedEvent, String) -> anyhow::Result<()>,
    ) -> anyhow::Result<WorkflowStatus> {
        let mut failures = 0;
        loop {
            match self.follow(&mut show, &mut failures).await {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                Err(error) => match error.downcast_ref::<ClientError>() {
                    Some(ClientError::Unreachable { .. }) if self.next.is_some() && failures < RECONNECTS => {
                    }
                    Some(_) | None => return Err(error),
                },
            }
            failures += 1;
            sleep(RECONNECT_PAUSE).await;
        }
    }

    /// Reads one connection to its end; the workflow's status once that is final.
    async fn follow(
        &mut self,
        show: &mut impl FnMut(&FeedEvent, String) -> anyhow::Result<()>,
        failures: &mut u32,
    ) -> anyhow::Result<Option<WorkflowStatus>> {
        // Opened before the workflow is looked at, so that its end cannot fall between the two.
        let filter = FeedFilter { since: self.next, workflow: Some(self.workflow.clone()) };
        let mut events = self.client.events(&filter).await?;
        let workflow = self.client.workflow(&self.workflow).await?;
        *failures = 0;
        loop {
            // Of a workflow that has ended the end may lie before the first event that is wanted.
            let next = events.next();
            let patience = if workflow.status.has_ended() { ENDED_PATIENCE } else { NO_LIMIT };
            let Ok(event) = timeout(patience, next).await else { return Ok(Some(workflow.status)) };
            let Some(event) = event? else { return Ok(None) };
            let said = self.sentence(&event).await?;
            show(&event, said)?;
            self.next = Some(event.seq + 1);
            if matches!(event.kind.as_str(), "workflow_ended" | "workflow_cancelled") {
                return Ok(Some(self.client.workflow(&self.workflow).await?.status));
            }
        }
    }

    /// `12:00:00.123  task completed    Train Model  attempt=1 result_bytes=12`
    async fn sentence(&mut self, event: &FeedEvent) -> anyhow::Result<String> {
        let time = event.at.get(11..23).unwrap_or(&event.at);
        let task = match place(event) {
            Some(place) => self.name(place).await?,
            None => String::new(),
        };
        let given = event.facts.iter().filter(|(_, value)| !value.is_null());
        let facts: Vec<String> = given.map(|(key, _)| format!("{key}={}", text(&event.facts, key))).collect();
        let line = format!("{time}  {:<18}  {task:<24}  {}", event.kind.replace('_', " "), facts.join(" "));
        Ok(format!("{}\n", line.trim_end()))
    }

    /// Names are fetched a page at a time, and only where something happens.
    async fn name(&mut self, place: u64) -> anyhow::Result<String> {
        if !self.names.contains_key(&place) {
            let request = PageRequest { cursor: Some(place.to_string()), limit: Some(1_000) };
            let page = self.client.tasks(&self.workflow, &request).await?;
            let names = page.items.into_iter().map(|task| task.name);
            self.names.extend((place..).zip(names));
        }
        Ok(self.names.get(&place).cloned().unwrap_or_default())
    }
}

/// The place of the event's task in its workflow: a generated id ends with it.
fn place(event: &FeedEvent) -> Option<u64> {
    event.task_id.as_deref()?.rsplit_once('.')?.1.parse().ok()
}
