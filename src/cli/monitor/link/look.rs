//! Looks at the server again and again: figures each time, lists less often.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep, timeout};

use super::{News, Wanted, in_one_line};
use crate::cli::monitor::model::{Model, TaskList, Told};
use crate::cli::output::text;
use crate::client::{
    Client, ClientError, DeadLetterFilter, PageRequest, StatsHistory, WorkflowFilter, WorkflowInfo,
    WorkflowStatus,
};
use crate::clock;

/// Lists are asked for in every second look, and dead letters, for which the server searches, in every fifth.
const LISTS_EVERY: u64 = 2;
const LETTERS_EVERY: u64 = 5;
/// Workflows under way, and of all of them the latest.
const WORKFLOWS: u32 = 200;
const LETTERS: u32 = 100;
/// As many as the server gives at once.
const TASKS: u32 = 1_000;
/// A server that takes longer for a figure does not answer, as far as a person is concerned.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found in one look.
type Found = Result<Vec<Told>, ClientError>;

pub struct Looker {
    client: Client,
    teller: mpsc::Sender<News>,
    wanted: watch::Receiver<Wanted>,
    /// Tells where the log ends.
    seen: watch::Sender<Option<u64>>,
    /// The workflow whose tasks were told last, as it was then.
    told: Option<WorkflowInfo>,
    /// The latest workflow, which is looked into until somebody chooses one.
    latest: Option<String>,
    /// The process whose samples were told, and up to when.
    sampled: Option<(u32, u64)>,
}

impl Looker {
    pub fn new(
        client: Client,
        teller: mpsc::Sender<News>,
        wanted: watch::Receiver<Wanted>,
        seen: watch::Sender<Option<u64>>,
    ) -> Self {
        Self { client, teller, wanted, seen, told: None, latest: None, sampled: None }
    }

    /// Ends when nobody listens any more.
    pub async fn run(mut self, interval: Duration, soon: Arc<Notify>) {
        let mut round = 0;
        loop {
            let told = match timeout(PATIENCE, self.look(round)).await {
                Ok(Ok(told)) => {
                    round += 1;
                    told
                }
                Ok(Err(error)) => vec![Told::Lost(in_one_line(&error))],
                Err(_) => vec![Told::Lost(format!("no answer within {} s", PATIENCE.as_secs()))],
            };
            if told.iter().any(|told| matches!(told, Told::Lost(_))) {
                // When it is back everything is looked at anew.
                (round, self.told) = (0, None);
            }
            for told in told {
                if self.teller.send(News::Told(told)).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                () = sleep(interval) => {}
                () = soon.notified() => round = 0,
            }
        }
    }

    async fn look(&mut self, round: u64) -> Found {
        let client = self.client.clone();
        let (stats, health) = tokio::try_join!(client.stats(), client.health())?;
        self.seen.send_replace(Some(stats.seq));
        let history = self.history(stats.pid).await?;
        let mut told =
            vec![Told::Figures { stats: Box::new(stats), health }, Told::History(Box::new(history))];
        if round.is_multiple_of(LISTS_EVERY) {
            let wanted = self.wanted.borrow().clone();
            let workflows = workflows(&client, wanted.only.as_ref()).await?;
            self.latest = workflows.first().map(|workflow| workflow.id.clone());
            told.push(Told::Services(client.services(&PageRequest::default()).await?));
            told.push(Told::Workflows(workflows));
            told.extend(self.tasks(wanted.tasks_of).await?);
        }
        if round.is_multiple_of(LETTERS_EVERY) {
            told.push(Told::Letters(letters(&client).await?));
        }
        Ok(told)
    }

    /// What this process has sampled since it was asked last.
    async fn history(&mut self, pid: u32) -> Result<StatsHistory, ClientError> {
        let since = self.sampled.filter(|(of, _)| *of == pid).map(|(_, until)| until);
        let history = self.client.stats_history(since).await?;
        self.sampled = Some((pid, history.until_ms));
        Ok(history)
    }

    /// The tasks of the chosen workflow, unless nothing has moved since they were told.
    async fn tasks(&mut self, chosen: Option<String>) -> Result<Option<Told>, ClientError> {
        let Some(id) = chosen.or_else(|| self.latest.clone()) else { return Ok(None) };
        let workflow = match self.client.workflow(&id).await {
            Ok(workflow) => workflow,
            // Retention has taken it, or it was mistyped.
            Err(error) if crate::cli::remote::is_unknown(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if workflow.status.has_ended() && self.told.as_ref() == Some(&workflow) {
            return Ok(None);
        }
        let request = PageRequest { cursor: None, limit: Some(TASKS) };
        let items = self.client.tasks(&id, &request).await?.items;
        self.told = Some(workflow.clone());
        Ok(Some(Told::Tasks(Box::new(TaskList { workflow, items }))))
    }
}

/// Those under way and the latest of all, or those of one status; the newest first.
async fn workflows(client: &Client, only: Option<&WorkflowStatus>) -> Result<Vec<WorkflowInfo>, ClientError> {
    let list = async |statuses: &[WorkflowStatus]| {
        let page = PageRequest { cursor: None, limit: Some(WORKFLOWS) };
        client
            .workflows(&WorkflowFilter { statuses: statuses.to_vec(), page, ..WorkflowFilter::default() })
            .await
    };
    if let Some(only) = only {
        return Ok(list(std::slice::from_ref(only)).await?.items);
    }
    let mut found =
        list(&[WorkflowStatus::Pending, WorkflowStatus::Running, WorkflowStatus::Paused]).await?.items;
    let latest = list(&[]).await?.items;
    let known: std::collections::BTreeSet<String> =
        latest.iter().map(|workflow| workflow.id.clone()).collect();
    // What ended between the two questions is told as it was in the second one.
    found.retain(|workflow| !known.contains(&workflow.id));
    found.extend(latest);
    found.sort_by_cached_key(|workflow| std::cmp::Reverse(text(&workflow.more, "created_at")));
    Ok(found)
}

async fn letters(client: &Client) -> Result<Vec<crate::client::TaskInfo>, ClientError> {
    let page = PageRequest { cursor: None, limit: Some(LETTERS) };
    Ok(client.dead_letters(&DeadLetterFilter { conditions: Vec::new(), page }).await?.items)
}

/// Everything that one look finds.
pub async fn once(client: &Client) -> Result<Model, ClientError> {
    let (teller, _news) = mpsc::channel(1);
    let (_want, wanted) = watch::channel(Wanted::default());
    let (seen, _end) = watch::channel(None);
    let mut looker = Looker::new(client.clone(), teller, wanted, seen);
    let mut model = Model::default();
    for told in looker.look(0).await? {
        model.fold(told, clock::wall());
    }
    Ok(model)
}
