//! Tells receivers outside of the ends that they have subscribed to.
//!
//! Each enabled subscription has a route of its own, so that no receiver waits for another. One reader picks the ends out
//! of the feed for all of them; it runs only while there is a subscription to serve. The writer knows nothing of it.

mod notice;
mod recent;
mod route;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use super::outbound::{Outbound, OutboundError, Request, Response};
use super::webhooks::{ANSWER_BYTES_MAX, Gate, origin_of, retry_after_ms, sign};
use crate::core::command::Command;
use crate::core::effect::Receipt;
use crate::core::errors;
use crate::core::event::DeliveryOutcome;
use crate::core::ids::{Seq, SubscriptionId};
use crate::core::rejection::Rejection;
use crate::core::subscription::{Again, Occasion, Subscription, SubscriptionOrder, Tried};
use crate::engine::{Announcement, EngineHandle};
use crate::signing::SealKey;
use notice::{Notice, Wanted, told};
use recent::Recent;
use route::Route;

/// An engine that has no time now is asked again after this.
const PAUSE: Duration = Duration::from_secs(1);
/// As much of a reason as a delivery remembers.
const REASON_CHARS_MAX: usize = 300;
const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// Serves the subscriptions, and sends single messages for those who ask. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    tools: Arc<Tools>,
}

#[derive(Debug)]
struct Tools {
    engine: EngineHandle,
    outbound: Outbound,
    seal: SealKey,
    timeout_ms: u64,
    /// What links begin with.
    public_url: String,
    gate: Gate,
    recent: Recent,
}

/// A route that was started.
#[derive(Debug)]
struct Started {
    known: watch::Sender<Arc<Subscription>>,
    task: JoinHandle<()>,
}

impl Subscriptions {
    pub fn new(
        engine: EngineHandle,
        outbound: Outbound,
        seal: SealKey,
        timeout_ms: u64,
        public_url: String,
    ) -> Self {
        let (gate, recent) = (Gate::default(), Recent::new());
        Self { tools: Arc::new(Tools { engine, outbound, seal, timeout_ms, public_url, gate, recent }) }
    }

    /// Whether a receiver may be reached by this URL, as far as its text tells.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, url: &str) -> Result<(), Rejection> {
        let request = Request::new("POST", url, ANSWER_BYTES_MAX);
        let checked = request.and_then(|request| self.tools.outbound.check(&request));
        checked.map_err(|error| Rejection::new(error.code(), format!("`url`: {error}")))
    }

    /// Sends one message that tells of nothing. It leaves no trace.
    pub async fn test(&self, id: SubscriptionId, known: &Subscription) -> DeliveryOutcome {
        self.tools.send(id, known, &Notice::test(&self.tools, id)).await.outcome
    }

    /// Sends an end again, once, whatever became of it before, and writes down how that went.
    ///
    /// # Errors
    /// When the log does not have it, or the subscription does not ask for it.
    pub async fn again(&self, id: SubscriptionId, known: &Subscription, seq: Seq) -> Result<(), Rejection> {
        let tools = &self.tools;
        let missing = || {
            let message = format!("webhook {id} has no delivery {}", seq.0);
            Rejection::new(errors::WEBHOOK_DELIVERY_NOT_FOUND, message)
        };
        let (found, _) = tools.engine.read_events(seq, 1, |_| true).await?;
        let (_, record) = found.into_iter().next().filter(|(at, _)| *at == seq).ok_or_else(missing)?;
        let told = told(seq, &record).ok_or_else(missing)?;
        let workflow = tools.engine.workflow(told.workflow).await?;
        let wanted = known.terms.events.contains(&told.kind) && known.terms.filter.accepts(&workflow);
        if !wanted && known.delivery(seq).is_none() {
            return Err(missing());
        }
        let wanted = Wanted { subscription: id, told, record: &record, workflow: &workflow };
        let notice = Notice::write(tools, wanted).await;
        let tried = tools.send(id, known, &notice).await;
        let order = SubscriptionOrder::RecordTry { told, occasion: Occasion::ByHand, tried };
        tools.order(id, order).await.map(drop)
    }

    /// Serves all subscriptions for as long as the engine runs.
    pub async fn run(self) {
        let mut news = self.tools.engine.feed().follow_news();
        let mut routes: BTreeMap<SubscriptionId, Started> = BTreeMap::new();
        let mut leaving: BTreeMap<SubscriptionId, JoinHandle<()>> = BTreeMap::new();
        let mut reader: Option<JoinHandle<()>> = None;
        loop {
            match self.tools.engine.subscriptions().await {
                Ok(all) => {
                    let enabled: BTreeMap<_, _> =
                        all.into_iter().filter(|(_, known)| known.is_enabled()).collect();
                    self.read_feed(&mut reader, enabled.is_empty());
                    leaving.retain(|_, task| !task.is_finished());
                    let gone: Vec<SubscriptionId> =
                        routes.keys().filter(|id| !enabled.contains_key(id)).copied().collect();
                    // Dropping the sender ends a route at its next step.
                    leaving.extend(gone.into_iter().filter_map(|id| Some((id, routes.remove(&id)?.task))));
                    for (id, known) in enabled {
                        self.serve(id, known, &mut routes, &mut leaving);
                    }
                }
                Err(rejection) if rejection.code == errors::SHUTTING_DOWN => return,
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            loop {
                match news.recv().await {
                    Ok(announcement) if matches!(*announcement, Announcement::Subscriptions) => break,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }

    /// The reader runs while there is somebody to read for.
    fn read_feed(&self, reader: &mut Option<JoinHandle<()>>, idle: bool) {
        if idle {
            if let Some(reader) = reader.take() {
                reader.abort();
                self.tools.recent.forget();
            }
        } else if reader.as_ref().is_none_or(JoinHandle::is_finished) {
            let (tools, feed) = (Arc::clone(&self.tools), self.tools.engine.feed().follow());
            *reader = Some(tokio::spawn(async move { tools.recent.follow(feed).await }));
        }
    }

    fn serve(
        &self,
        id: SubscriptionId,
        known: Arc<Subscription>,
        routes: &mut BTreeMap<SubscriptionId, Started>,
        leaving: &mut BTreeMap<SubscriptionId, JoinHandle<()>>,
    ) {
        let before = match routes.remove(&id) {
            Some(started) if !started.task.is_finished() => {
                started.known.send_replace(known);
                routes.insert(id, started);
                return;
            }
            Some(ended) => Some(ended.task),
            None => leaving.remove(&id),
        };
        let (sender, receiver) = watch::channel(known);
        let route = Route { tools: Arc::clone(&self.tools), id, known: receiver, before };
        routes.insert(id, Started { known: sender, task: tokio::spawn(route.run()) });
    }
}

impl Tools {
    async fn order(&self, id: SubscriptionId, order: SubscriptionOrder) -> Result<Receipt, Rejection> {
        let command = Command::OrderSubscription { subscription: id, order };
        self.engine.submit(command).await.map(|accepted| accepted.receipt)
    }

    /// One try.
    async fn send(&self, id: SubscriptionId, known: &Subscription, notice: &Notice) -> Tried {
        let unanswered = |reason: String, again| {
            let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
            let outcome = DeliveryOutcome::Unanswered { reason: Arc::from(reason) };
            Tried { outcome, asked_ms: 0, again }
        };
        let Some(secret) = self.seal.open(&known.terms.secret, id) else {
            warn!(webhook = %id, "the secret of a webhook cannot be read");
            let reason = "its secret was sealed with another SECRET file: give the webhook a new secret";
            return unanswered(reason.to_owned(), Again::MayHelp);
        };
        let url = &known.terms.url;
        let fill = || {
            let mut request = Request::to_receiver(url, ANSWER_BYTES_MAX)?;
            request.timeout_ms = self.timeout_ms;
            request.header("content-type", CONTENT_TYPE)?;
            sign(&mut request, &notice.id, &notice.body, Some(&secret))?;
            request.body = notice.body.clone().into();
            Ok::<Request, OutboundError>(request)
        };
        let request = match fill() {
            Ok(request) => request,
            Err(error) => return unanswered(error.to_string(), Again::Useless),
        };
        let _turn = self.gate.turn(&origin_of(url)).await;
        match self.outbound.send(request).await {
            Ok(response) => answered(&response),
            Err(error) => {
                let again = if error.is_transient() { Again::MayHelp } else { Again::Useless };
                unanswered(error.to_string(), again)
            }
        }
    }
}

fn answered(response: &Response) -> Tried {
    let status = response.status;
    let outcome = match status {
        200..=299 => DeliveryOutcome::Taken { status },
        _ => DeliveryOutcome::Refused { status },
    };
    Tried { outcome, asked_ms: retry_after_ms(&response.headers), again: Again::MayHelp }
}
