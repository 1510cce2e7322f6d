//! Sends a trace of every workflow to a collector, by OTLP over HTTP in its JSON form.
//!
//! It reads the feed like any other follower, so the engine knows nothing of it and never waits. Everything is bounded:
//! whoever cannot keep up loses spans, and counts them. A span is sent once at most.

mod book;
mod export;
mod span;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

use crate::config::TracesConfig;
use crate::core::event::{Event, Record};
use crate::core::ids::WorkflowId;
use crate::core::rejection::Rejection;
use crate::engine::{Announcement, EngineHandle, FeedItem};
use book::{Book, WORKFLOWS_MAX};
use export::Exporter;
use span::Span;

/// Spans that wait to be sent: about a kilobyte each, and a second at some thousand tasks a second.
const QUEUE: usize = 8_192;

/// Follows the engine and makes spans of what it says.
#[derive(Debug)]
pub struct Tracer {
    engine: EngineHandle,
    feed: broadcast::Receiver<FeedItem>,
    book: Book,
    exporter: Exporter,
}

impl Tracer {
    /// Follows from now on, and knows what is under way already: what an earlier process began ends in its trace.
    ///
    /// # Errors
    /// That the engine is stopping.
    pub async fn start(engine: EngineHandle, config: &TracesConfig) -> Result<Self, Rejection> {
        let feed = engine.feed().follow();
        let mut book = Book::default();
        learn_all(&engine, &mut book).await?;
        let exporter = Exporter::new(engine.clone(), config.url.clone());
        Ok(Self { engine, feed, book, exporter })
    }

    /// Traces for as long as the engine runs.
    pub async fn run(self) {
        let Self { engine, mut feed, mut book, exporter } = self;
        let (sender, spans) = mpsc::channel(QUEUE);
        tokio::spawn(exporter.run(spans));
        loop {
            match feed.recv().await {
                Ok(FeedItem::Records(published)) => {
                    for record in &published.records {
                        if let Some(unknown) = unknown(&book, record) {
                            learn(&engine, &mut book, unknown).await;
                        }
                        for span in book.take(record) {
                            hand_on(&engine, &sender, span);
                        }
                    }
                }
                Ok(FeedItem::Announcement(announcement)) => {
                    if let Announcement::Registered { facts, .. } = &*announcement {
                        book.meet(facts);
                    }
                }
                // Spans that ended meanwhile are lost; what is still open is read again.
                Err(RecvError::Lagged(missed)) => {
                    drop_spans(&engine, "lag", missed);
                    book.forget();
                    if learn_all(&engine, &mut book).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Closed) => return,
            }
        }
    }
}

/// Everything that is under way.
async fn learn_all(engine: &EngineHandle, book: &mut Book) -> Result<(), Rejection> {
    for workflow in engine.open_workflows(WORKFLOWS_MAX).await? {
        book.learn(&workflow);
    }
    for worker in engine.workers().await? {
        book.meet(&worker.facts);
    }
    Ok(())
}

/// The workflow of a fact that makes or ends a span, where nothing is known of it: it has ended before, and is open
/// again.
fn unknown(book: &Book, record: &Record) -> Option<WorkflowId> {
    let matters = match &record.event {
        Event::TaskOffered { .. }
        | Event::TaskAccepted { .. }
        | Event::TaskCompleted { .. }
        | Event::TaskFailed { .. }
        | Event::AttemptLost { .. }
        | Event::AttemptRefused { .. }
        | Event::TaskCancelled { .. }
        | Event::TaskSettledByHand { .. }
        | Event::WorkflowCancelled { .. }
        | Event::WorkflowEnded { .. } => true,
        Event::EngineStarted { .. }
        | Event::WorkflowSubmitted { .. }
        | Event::WorkflowPaused { .. }
        | Event::WorkflowResumed { .. }
        | Event::RoundStarted { .. }
        | Event::TasksRetried { .. }
        | Event::WorkerNamed { .. }
        | Event::TaskRequeued { .. }
        | Event::TaskSkipped { .. }
        | Event::GrantReleased { .. }
        | Event::LateReportSeen { .. }
        | Event::WorkflowCarried { .. }
        | Event::ServicesCarried { .. }
        | Event::Released { .. }
        | Event::ParametersEdited { .. }
        | Event::DeliveryTried { .. }
        | Event::BreakerOpened { .. }
        | Event::BreakerClosed { .. }
        | Event::Access { .. }
        | Event::Subscription { .. }
        | Event::TasksCarried { .. }
        | Event::PayloadsCarried { .. } => false,
    };
    record.event.workflow().filter(|id| matters && !book.knows(*id))
}

async fn learn(engine: &EngineHandle, book: &mut Book, id: WorkflowId) {
    if book.is_full() {
        return drop_spans(engine, "too_many_workflows", 1);
    }
    if let Ok(workflow) = engine.workflow(id).await {
        book.learn(&workflow);
    }
}

fn hand_on(engine: &EngineHandle, sender: &mpsc::Sender<Span>, span: Span) {
    if sender.try_send(span).is_err() {
        drop_spans(engine, "queue_full", 1);
    }
}

fn drop_spans(engine: &EngineHandle, reason: &str, count: u64) {
    engine.figures().spans_dropped.of([reason]).add_shared(count);
}
