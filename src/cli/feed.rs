//! Events of a server, from a position in its log on, also when the server goes away and comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;

use super::output::text;
use crate::client::{Client, ClientError, EventStream, FeedEvent, FeedFilter, PageRequest};

/// Between two attempts to follow a server that has gone away.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// A server that is away for longer is not merely starting again.
const RECONNECTS: u32 = 60;

/// Everything that happens, or everything that happens to one workflow, in order and each once.
pub(super) struct Feed {
    client: Client,
    filter: FeedFilter,
    stream: Option<EventStream>,
    /// Connections in a row that brought nothing.
    failures: u32,
}

impl Feed {
    /// Opens the feed at `since`, or where the log ends now.
    pub(super) async fn open(
        client: Client,
        workflow: Option<String>,
        since: Option<u64>,
    ) -> Result<Self, ClientError> {
        let since = match since {
            Some(since) => since,
            None => client.stats().await?.seq + 1,
        };
        let filter = FeedFilter { since: Some(since), workflow };
        let stream = Some(client.events(&filter).await?);
        Ok(Self { client, filter, stream, failures: 0 })
    }

    /// The next event. Safe to drop and call again.
    pub(super) async fn next(&mut self) -> Result<FeedEvent, ClientError> {
        loop {
            let error = match self.read().await {
                Ok(Some(event)) => {
                    self.filter.since = Some(event.seq + 1);
                    self.failures = 0;
                    return Ok(event);
                }
                Ok(None) => None,
                Err(error @ ClientError::Unreachable { .. }) => Some(error),
                Err(error) => return Err(error),
            };
            self.stream = None;
            self.failures += 1;
            match error {
                Some(error) if self.failures > RECONNECTS => return Err(error),
                Some(_) | None => sleep(RECONNECT_PAUSE).await,
            }
        }
    }

    async fn read(&mut self) -> Result<Option<FeedEvent>, ClientError> {
        if self.stream.is_none() {
            self.stream = Some(self.client.events(&self.filter).await?);
        }
        let stream = self.stream.as_mut().expect("it was opened in the lines above");
        stream.next().await
    }
}

/// Names of tasks by their place in the workflow, fetched a page at a time and only where something happens.
#[derive(Default)]
pub(super) struct TaskNames {
    names: BTreeMap<(String, u64), String>,
}

/// Names that are remembered; following everything for days must not fill the memory.
const NAMES_MAX: usize = 100_000;

impl TaskNames {
    /// The name of the event's task; nothing where it is about no task.
    pub(super) async fn of(&mut self, client: &Client, event: &FeedEvent) -> Result<String, ClientError> {
        let (Some(workflow), Some(place)) = (event.workflow_id.as_deref(), place(event)) else {
            return Ok(String::new());
        };
        let key = (workflow.to_owned(), place);
        if !self.names.contains_key(&key) {
            if self.names.len() > NAMES_MAX {
                self.names.clear();
            }
            let request = PageRequest { cursor: Some(place.to_string()), limit: Some(1_000) };
            let page = client.tasks(workflow, &request).await?;
            let names = page.items.into_iter().map(|task| task.name);
            self.names.extend((place..).map(|place| (workflow.to_owned(), place)).zip(names));
        }
        Ok(self.names.get(&key).cloned().unwrap_or_default())
    }
}

/// The place of the event's task in its workflow: a generated id ends with it.
fn place(event: &FeedEvent) -> Option<u64> {
    event.task_id.as_deref()?.rsplit_once('.')?.1.parse().ok()
}

/// `12:00:00.123`, of the moment at which it happened.
pub(super) fn time_of(event: &FeedEvent) -> &str {
    event.at.get(11..23).unwrap_or(&event.at)
}

/// `12:00:00.123  task completed    Train Model  attempt=1 result_bytes=12`
pub(super) fn sentence(event: &FeedEvent, task: &str) -> String {
    let given = event.facts.iter().filter(|(_, value)| !value.is_null());
    let facts: Vec<String> = given.map(|(key, _)| format!("{key}={}", text(&event.facts, key))).collect();
    let what = event.kind.replace('_', " ");
    let line = format!("{}  {what:<18}  {task:<24}  {}", time_of(event), facts.join(" "));
    format!("{}\n", line.trim_end())
}
