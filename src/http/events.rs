//! Events: one workflow's as a list, everything as a stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

use super::App;
use super::body::{Params, Path};
use super::encoding;
use super::imports;
use super::problem::{Failed, invalid};
use super::workflows;
use crate::core::access::{Principal, Role};
use crate::core::event::{Event, Record};
use crate::core::ids::{Seq, WorkflowId};
use crate::core::rejection::Rejection;
use crate::engine::{EngineHandle, FeedItem};
use crate::protocol::rest::{EventView, Page};

/// Events of one page.
const PAGE: usize = 1_000;
/// Events that one slow reader may keep waiting before it is read for no further.
const STREAM_BUFFER: usize = 256;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// The first position that is wanted.
    since: Option<u64>,
    /// The same, as given by the page before.
    cursor: Option<u64>,
    limit: Option<usize>,
}

pub async fn of_workflow(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Params(query): Params<EventsQuery>,
) -> Result<Response, Failed> {
    let workflow = workflows::find(&app, &id).await?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let from = query.cursor.or(query.since).unwrap_or(0);
    if let Some(imported) = &workflow.spec.imported {
        return imports::events(&app.engine.payload(&imported.events).await?, from, limit);
    }
    let from = Seq(from).max(app.engine.beginning_of(&workflow).await?);
    let id = workflow.id;
    let (found, next) =
        app.engine.read_events(from, limit, move |record| record.event.workflow() == Some(id)).await?;
    // An ended workflow has no events beyond a few reports that came late.
    let more = found.len() == limit || next < app.engine.feed().durable_end();
    let items: Vec<EventView> = found.iter().map(|(seq, record)| EventView::of(*seq, record)).collect();
    Ok(Json(Page { items, next_cursor: more.then(|| next.0.to_string()) }).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamQuery {
    /// The first position that is wanted; without it, what happens from now on.
    since: Option<u64>,
    workflow: Option<String>,
    /// What kind of events are wanted; without it, all.
    about: Option<String>,
    /// Of a page.
    limit: Option<usize>,
}

/// Which events are wanted.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    workflow: Option<WorkflowId>,
    about: About,
    acts: Acts,
}

/// Whether it is told what was done to users and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Acts {
    Shown,
    /// Whoever may not list users and keys does not learn of them here either.
    Hidden,
}

#[derive(Debug, Clone, Copy)]
enum About {
    Everything,
    /// What was done to users and keys, and with the rights of an operator.
    Access,
}

impl About {
    const ACCESS: &str = "access";

    fn parse(text: &str) -> Result<Self, Failed> {
        if text == Self::ACCESS {
            return Ok(Self::Access);
        }
        Err(invalid(format!("`about` may be `{}`, and not `{text}`", Self::ACCESS)))
    }

    fn covers(self, event: &Event) -> bool {
        match self {
            Self::Everything => true,
            Self::Access => matches!(event, Event::Access { fact, .. } if fact.is_act()),
        }
    }
}

impl Wanted {
    fn by(query: &StreamQuery, who: &Principal) -> Result<Self, Failed> {
        let acts = if who.role.covers(Role::Operator) { Acts::Shown } else { Acts::Hidden };
        Ok(Self {
            acts,
            workflow: query.workflow.as_deref().map(WorkflowId::from_text),
            about: query.about.as_deref().map_or(Ok(About::Everything), About::parse)?,
        })
    }

    fn fits(self, record: &Record) -> bool {
        let hidden = self.acts == Acts::Hidden && matches!(record.event, Event::Access { .. });
        !hidden
            && self.workflow.is_none_or(|id| record.event.workflow() == Some(id))
            && self.about.covers(&record.event)
    }
}

/// A stream, or one page of it for those who ask for JSON.
pub async fn all(
    State(app): State<Arc<App>>,
    Extension(who): Extension<Principal>,
    headers: HeaderMap,
    Params(query): Params<StreamQuery>,
) -> Result<Response, Failed> {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("application/json")) {
        let page = page(&app, &who, &query).await?;
        return Ok(encoding::json(&headers, &page));
    }
    Ok(stream(&app, who, &headers, &query).await?.into_response())
}

async fn page(app: &App, who: &Principal, query: &StreamQuery) -> Result<Page<EventView>, Failed> {
    let wanted = Wanted::by(query, who)?;
    let from = query.since.map_or_else(|| app.engine.feed().durable_end(), Seq);
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let (found, next) = app.engine.read_events(from, limit, move |record| wanted.fits(record)).await?;
    // Whoever begins at what happens from now on learns where that is.
    let more = query.since.is_none() || next < app.engine.feed().durable_end();
    Ok(Page {
        items: found.iter().map(|(seq, record)| EventView::of(*seq, record)).collect(),
        next_cursor: more.then(|| next.0.to_string()),
    })
}

async fn stream(
    app: &App,
    who: Principal,
    headers: &HeaderMap,
    query: &StreamQuery,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>> + use<>>, Failed> {
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    let since = seen.map(|seen| seen.saturating_add(1)).or(query.since);
    let wanted = Wanted::by(query, &who)?;
    // Followed before it is read, so that nothing falls between the two.
    let live = app.engine.feed().follow();
    let from = since.map_or_else(|| app.engine.feed().durable_end(), Seq);
    let (sender, receiver) = mpsc::channel(STREAM_BUFFER);
    let mut reader = Reader { engine: app.engine.clone(), next: from, wanted, sender };
    reader.catch_up().await?;
    let doorkeeper = app.doorkeeper.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = reader.run(live) => {}
            () = doorkeeper.until_expelled(&who) => {}
        }
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(keep_alive))
}

/// Sends events in order, from the log as far as it is behind and from the feed as far as it is not.
struct Reader {
    engine: EngineHandle,
    next: Seq,
    wanted: Wanted,
    sender: mpsc::Sender<Result<SseEvent, Infallible>>,
}

/// The reader of the stream is gone.
struct Gone;

impl Reader {
    /// Checks that the position can be read at all, before the stream begins.
    async fn catch_up(&mut self) -> Result<(), Rejection> {
        self.engine.read_events(self.next, 1, |_| true).await.map(drop)
    }

    async fn run(mut self, mut live: broadcast::Receiver<FeedItem>) {
        if self.read_log().await.is_err() {
            return;
        }
        loop {
            let item = tokio::select! {
                item = live.recv() => item,
                () = self.sender.closed() => return,
            };
            let sent = match item {
                Ok(FeedItem::Records(published)) => self.send_all(published.first, &published.records).await,
                Ok(FeedItem::Announcement(_)) => Ok(()),
                Err(RecvError::Lagged(_)) => self.read_log().await,
                Err(RecvError::Closed) => return,
            };
            if sent.is_err() {
                return;
            }
        }
    }

    async fn read_log(&mut self) -> Result<(), Gone> {
        while self.next < self.engine.feed().durable_end() {
            let wanted = self.wanted;
            let read = self.engine.read_events(self.next, PAGE, move |record| wanted.fits(record)).await;
            let Ok((found, next)) = read else { return Err(Gone) };
            for (seq, record) in &found {
                self.send(*seq, record).await?;
            }
            self.next = next;
        }
        Ok(())
    }

    async fn send_all(&mut self, first: Seq, records: &[Record]) -> Result<(), Gone> {
        if first > self.next {
            self.read_log().await?;
        }
        for (at, record) in (first.0..).map(Seq).zip(records) {
            if at < self.next {
                continue;
            }
            if self.wanted.fits(record) {
                self.send(at, record).await?;
            }
            self.next = at.next();
        }
        Ok(())
    }

    async fn send(&self, seq: Seq, record: &Record) -> Result<(), Gone> {
        let view = EventView::of(seq, record);
        let event = SseEvent::default().id(seq.0.to_string()).event(view.kind);
        let event = event.json_data(&view).expect("an event is plain JSON");
        self.sender.send(Ok(event)).await.map_err(|_| Gone)
    }
}
