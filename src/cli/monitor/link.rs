//! The connection: looks at the server, follows its events and does what is asked, in tasks of their own that tell what
//! they learn through one bounded channel.

mod follow;
mod look;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use super::app::Answer;
use super::ask::{Action, Ask, Kind, Target, Verb};
use super::model::Told;
use crate::cli::{inspect, remote, services, why};
use crate::client::{Client, ClientError, Receipt, WorkflowStatus};

pub use look::once;

/// News that wait for the screen; what is beyond waits on the other side of the network.
const NEWS_MAX: usize = 256;
/// Requests of a person that wait for their answers.
const ASKS_MAX: usize = 16;
/// Waiting tasks, or tasks, of a workflow that are explained on one page.
const EXPLAINED_MAX: u16 = 50;

/// What comes in.
#[derive(Debug)]
pub enum News {
    Told(Told),
    Answered(Answer),
}

/// Which lists are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wanted {
    only: Option<WorkflowStatus>,
    tasks_of: Option<String>,
}

/// The running tasks; dropping it ends them.
#[derive(Debug)]
pub struct Link {
    news: mpsc::Receiver<News>,
    asks: mpsc::Sender<Ask>,
    running: JoinSet<()>,
}

impl Link {
    /// Begins to look every `interval`, and to follow.
    pub fn open(client: &Client, interval: Duration) -> Self {
        let (teller, news) = mpsc::channel(NEWS_MAX);
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let (want, wanted) = watch::channel(Wanted::default());
        let (seen, end) = watch::channel(None);
        let soon = Arc::new(Notify::new());
        let mut running = JoinSet::new();
        let looker = look::Looker::new(client.clone(), teller.clone(), wanted, seen);
        running.spawn(looker.run(interval, Arc::clone(&soon)));
        running.spawn(follow::run(client.clone(), teller.clone(), end));
        running.spawn(answer(client.clone(), teller, asked, want, soon));
        Self { news, asks, running }
    }

    /// The next news; nothing when one of the tasks has come to an end, without which the picture would be half a
    /// truth. Safe to drop and call again.
    pub async fn next(&mut self) -> Option<News> {
        tokio::select! {
            news = self.news.recv() => news,
            _ = self.running.join_next() => None,
        }
    }

    /// The next news that have arrived already.
    pub fn waiting(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }

    /// Passes a request on.
    ///
    /// # Errors
    /// When too many are waiting for their answers.
    pub fn ask(&self, ask: Ask) -> Result<(), Answer> {
        let busy = || Answer::Refused("the last requests have not been answered yet".to_owned());
        self.asks.try_send(ask).map_err(|_| busy())
    }
}

/// Does what is asked, one after the other.
async fn answer(
    client: Client,
    teller: mpsc::Sender<News>,
    mut asked: mpsc::Receiver<Ask>,
    want: watch::Sender<Wanted>,
    soon: Arc<Notify>,
) {
    while let Some(ask) = asked.recv().await {
        let answer = match ask {
            Ask::TasksOf(workflow) => match client.workflow(&workflow).await {
                Ok(_) => {
                    want.send_modify(|wanted| wanted.tasks_of = Some(workflow));
                    None
                }
                Err(error) => Some(Answer::Refused(in_one_line(&error))),
            },
            Ask::Only(status) => {
                want.send_modify(|wanted| wanted.only = status);
                None
            }
            Ask::Quit => None,
            Ask::Act(action) => Some(done(&action, act(&client, &action).await)),
            Ask::Why(target) => Some(page("Why", &target, why_of(&client, &target).await)),
            Ask::Detail(target) => Some(page("Details", &target, detail(&client, &target).await)),
        };
        // Whatever was changed shall be seen at once.
        soon.notify_one();
        if let Some(answer) = answer
            && teller.send(News::Answered(answer)).await.is_err()
        {
            return;
        }
    }
}

async fn act(client: &Client, action: &Action) -> Result<Receipt, ClientError> {
    let Action { verb, target: Target { kind, id, .. } } = action;
    match (verb, kind) {
        (Verb::Retry, Kind::Task) => client.retry_task(id).await,
        (Verb::Retry, Kind::Workflow | Kind::Service) => client.retry_workflow(id).await,
        (Verb::Cancel, Kind::Task) => client.cancel_task(id).await,
        (Verb::Cancel, Kind::Workflow | Kind::Service) => client.cancel_workflow(id).await,
        (Verb::Pause, _) => client.pause_workflow(id).await,
        (Verb::Resume, _) => client.resume_workflow(id).await,
        (Verb::Drain, _) => client.drain_service(id).await,
        (Verb::TakeWork, _) => client.resume_service(id).await,
    }
}

fn done(action: &Action, answer: Result<Receipt, ClientError>) -> Answer {
    let Target { name, id, .. } = &action.target;
    let named = if name.is_empty() { id } else { name };
    match answer {
        Ok(receipt) => {
            let status = receipt.status.replace('_', " ");
            let verb = action.verb.word();
            Answer::Done(format!("✓ {verb} {named}: it is {status} now (seq {})", receipt.seq))
        }
        Err(error) => Answer::Refused(in_one_line(&error)),
    }
}

/// What went wrong, with its cause and what to do.
pub fn in_one_line(error: &ClientError) -> String {
    remote::told(error).lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

async fn why_of(client: &Client, target: &Target) -> Result<String, ClientError> {
    why::told(client, &target.id, EXPLAINED_MAX.into()).await
}

async fn detail(client: &Client, target: &Target) -> Result<String, ClientError> {
    match target.kind {
        Kind::Workflow => inspect::told_of_workflow(client, &target.id, EXPLAINED_MAX.into()).await,
        Kind::Task => inspect::told_of_task(client, &target.id).await,
        Kind::Service => client.service(&target.id).await.map(|service| services::described(&service)),
    }
}

fn page(what: &str, target: &Target, text: Result<String, ClientError>) -> Answer {
    let Target { name, id, .. } = target;
    let title = if name.is_empty() { format!("{what}: {id}") } else { format!("{what}: {name} ({id})") };
    match text {
        Ok(text) => Answer::Page { title, text },
        Err(error) => Answer::Refused(in_one_line(&error)),
    }
}
