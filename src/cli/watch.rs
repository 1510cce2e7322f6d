//! `gleitzeit watch`: what happens to a workflow, as it happens.

use std::time::Duration;

use clap::Args;
use tokio::time::timeout;

use super::feed::{Feed, TaskNames, sentence};
use super::output::Output;
use super::remote::{Remote, exit_of};
use super::{Exit, why};
use crate::client::{Client, FeedEvent, WorkflowStatus};

/// Events that are stored already arrive at once.
const ENDED_PATIENCE: Duration = Duration::from_millis(300);

/// Nothing has happened for so long that whoever watches wants to know why.
const QUIET: Duration = Duration::from_secs(5);

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
            let show = |event: &FeedEvent, said: String| self.output.item(event, &event.kind, &said);
            let status = until_end(&client, &self.workflow, None, Waits::Told, show).await?;
            eprintln!("workflow {} is {status}", self.workflow);
            Ok(exit_of(&status))
        })
    }
}

/// Whether it is said what a workflow waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    Told,
    Kept,
}

/// Says on stderr what the first waiting task waits for, unless that was said last. A server that does not answer now is
/// asked again.
async fn tell_wait(client: &Client, workflow: &str, told: &mut Option<(String, Vec<String>)>) {
    let Ok(Some(why)) = why::first_wait(client, workflow).await else { return };
    let kinds = why.reasons.iter().map(|reason| reason.kind.clone()).collect();
    let now = Some((why.task_id, kinds));
    if *told != now {
        eprintln!("{}", why.summary);
        *told = now;
    }
}

/// Shows every event from `since` on, or from now on, with a line for it, and returns how the workflow ended.
pub(super) async fn until_end(
    client: &Client,
    workflow: &str,
    since: Option<u64>,
    waits: Waits,
    mut show: impl FnMut(&FeedEvent, String) -> anyhow::Result<()>,
) -> anyhow::Result<WorkflowStatus> {
    // Opened before the workflow is looked at, so that its end cannot fall between the two.
    let mut feed = Feed::open(client.clone(), Some(workflow.to_owned()), since).await?;
    let mut names = TaskNames::default();
    let status = client.workflow(workflow).await?.status;
    // Of a workflow that has ended the end may lie before the first event that is wanted.
    let patience = if status.has_ended() { ENDED_PATIENCE } else { QUIET };
    let mut told = None;
    loop {
        let Ok(event) = timeout(patience, feed.next()).await else {
            if status.has_ended() {
                return Ok(status);
            }
            if waits == Waits::Told {
                tell_wait(client, workflow, &mut told).await;
            }
            continue;
        };
        let event = event?;
        let task = names.of(client, &event).await?;
        show(&event, sentence(&event, &task))?;
        if matches!(event.kind.as_str(), "workflow_ended" | "workflow_cancelled") {
            return Ok(client.workflow(workflow).await?.status);
        }
    }
}
