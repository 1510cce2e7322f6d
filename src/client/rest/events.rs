//! The feed: everything that happens on the server, from a position in its log.

use std::fmt;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use reqwest::header::{ACCEPT, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Client;
use super::calls::query;
use super::error::ClientError;
use super::sse::Parser;
use super::transport;

/// Something that has happened, and is on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedEvent {
    /// Its position in the log; reading on from `seq + 1` misses nothing and repeats nothing.
    pub seq: u64,
    /// When, as RFC 3339.
    #[serde(default)]
    pub at: String,
    /// What happened, such as `task_completed`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub workflow_id: Option<String>,
    #[serde(default)]
    pub task_id: Option<String>,
    /// The members depend on the kind. Results are not among them; they are read from the task.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
}

/// Which part of the feed to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedFilter {
    /// The first position that is wanted; without one, what happens from now on.
    pub since: Option<u64>,
    /// Only what happens to this workflow.
    pub workflow: Option<String>,
}

/// An open feed. It ends with an error when the connection does; open the next one from the last `seq + 1`.
pub struct EventStream {
    chunks: BoxStream<'static, Result<Bytes, ClientError>>,
    parser: Parser,
    url: String,
}

impl Client {
    /// Opens the feed. A position that has been released is a problem (410) that names the first one kept.
    ///
    /// ```no_run
    /// use gleitzeit::client::FeedFilter;
    ///
    /// # async fn example(client: gleitzeit::client::Client) -> Result<(), gleitzeit::client::ClientError> {
    /// let mut events = client.events(&FeedFilter { since: Some(0), workflow: None }).await?;
    /// while let Some(event) = events.next().await? {
    ///     println!("{} {} {:?}", event.seq, event.kind, event.task_id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn events(&self, filter: &FeedFilter) -> Result<EventStream, ClientError> {
        let mut request = self.get(&["api", "v1", "events"]);
        let since = filter.since.map(|since| since.to_string());
        query(&mut request.url, &[("since", since.as_deref()), ("workflow", filter.workflow.as_deref())]);
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
                Ok(Some(data)) => {
                    let read = serde_json::from_str(&data);
                    return read.map(Some).map_err(|error| decode(&self.url, &error));
                }
                Ok(None) => {}
                Err(error) => return Err(decode(&self.url, &error)),
            }
            let Some(chunk) = self.chunks.next().await else { return Ok(None) };
            self.parser.push(&chunk?).map_err(|error| decode(&self.url, &error))?;
        }
    }
}

fn decode(url: &str, error: &dyn fmt::Display) -> ClientError {
    ClientError::Decode { url: url.to_owned(), reason: error.to_string() }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("url", &self.url).finish_non_exhaustive()
    }
}
