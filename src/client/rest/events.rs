//! The feed: everything that happens on the server, from a position in its log.

use std::fmt;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use reqwest::header::{ACCEPT, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Client;
use super::error::ClientError;
use super::sse::{Parser, RawEvent};
use super::transport;

/// Something that has happened, and is on disk.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FeedEvent {
    /// Its position in the log; reading on from it misses nothing and repeats nothing.
    #[serde(default)]
    pub seq: u64,
    /// What happened, such as `task_completed`.
    #[serde(rename = "type", alias = "event", alias = "kind", default)]
    pub kind: String,
    /// To what, and how.
    #[serde(flatten)]
    pub data: Map<String, Value>,
}

/// An open feed. It ends with an error when the connection does; open the next one from the last `seq`.
pub struct EventStream {
    chunks: BoxStream<'static, Result<Bytes, ClientError>>,
    parser: Parser,
    url: String,
}

impl Client {
    /// Opens the feed behind position `since`; 0 is the beginning of what is kept. A position that has been
    /// released is a problem (410) that names the first one kept.
    ///
    /// ```no_run
    /// # async fn example(client: gleitzeit::client::Client) -> Result<(), gleitzeit::client::ClientError> {
    /// let mut events = client.events(0).await?;
    /// while let Some(event) = events.next().await? {
    ///     println!("{} {} {:?}", event.seq, event.kind, event.data.get("task_id"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn events(&self, since: u64) -> Result<EventStream, ClientError> {
        let mut request = self.get(&["api", "v1", "events"]);
        request.url.query_pairs_mut().append_pair("since", &since.to_string());
        request.headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let response = self.send(&self.patient, &request).await?;
        let url = request.url.clone();
        let chunks = response.bytes_stream().map_err(move |error| transport::unreachable(&url, &error));
        Ok(EventStream { chunks: chunks.boxed(), parser: Parser::default(), url: request.url.to_string() })
    }
}

impl EventStream {
    /// The next event; nothing when the server ended the feed in order. Safe to drop and call again.
    pub async fn next(&mut self) -> Result<Option<FeedEvent>, ClientError> {
        loop {
            match self.parser.next_event() {
                Ok(Some(event)) => return read(event, &self.url).map(Some),
                Ok(None) => {}
                Err(error) => return Err(decode(&self.url, &error)),
            }
            let Some(chunk) = self.chunks.next().await else { return Ok(None) };
            self.parser.push(&chunk?).map_err(|error| decode(&self.url, &error))?;
        }
    }
}

/// The position and the name stand beside the data, or in it.
fn read(raw: RawEvent, url: &str) -> Result<FeedEvent, ClientError> {
    let mut event: FeedEvent = serde_json::from_str(&raw.data).map_err(|error| decode(url, &error))?;
    if let Some(seq) = raw.id.and_then(|id| id.parse().ok()) {
        event.seq = seq;
    }
    if event.kind.is_empty() {
        event.kind = raw.event.unwrap_or_default();
    }
    Ok(event)
}

fn decode(url: &str, error: &dyn fmt::Display) -> ClientError {
    ClientError::Decode { url: url.to_owned(), reason: error.to_string() }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("url", &self.url).finish_non_exhaustive()
    }
}
