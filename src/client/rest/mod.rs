//! The REST API as methods.

mod access;
mod bulk;
mod by_hand;
mod calls;
mod error;
mod events;
mod history;
mod services;
mod sse;
mod streamed;
mod transport;
mod types;
mod upkeep;
mod wait;
mod webhooks;

use std::time::Duration;

use reqwest::Url;

use super::Tls;
use super::wire::WireError;

pub use access::{AccessKey, NewKey, User, Whoami};
pub use bulk::Bulk;
pub use error::{ClientError, Problem};
pub use events::{EventStream, FeedEvent, FeedFilter};
pub use history::StatsHistory;
pub use services::{GoneService, ServicePage};
pub use types::{
    BulkDone, BulkItem, BulkRefusal, DeadLetterFilter, FailureByHand, FunctionInfo, Health, Note, Page,
    PageRequest, Receipt, Service, Shutdown, Stats, SubmitOptions, Submitted, TaskFailure, TaskInfo,
    TextFormat, Validation, Why, WhyReason, WorkflowFilter, WorkflowInfo, WorkflowResults, WorkflowStatus,
};
pub use upkeep::BackupStream;
pub use webhooks::{Delivery, FailingWebhook, NewWebhook, ResumeAt, Webhook, WebhookTest};

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Above the longest commit by far; calls that wait for a workflow add their own time.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// A client of one server. Clones are cheap and share the connections.
///
/// Calls that may be repeated without harm are repeated a few times when the server cannot be reached or
/// says that it is overloaded. A submission carries an idempotency key, so it is among them.
///
/// ```no_run
/// use std::time::Duration;
/// use gleitzeit::client::Client;
/// use gleitzeit::client::workflow::Workflow;
/// use serde_json::json;
///
/// # async fn example() -> Result<(), gleitzeit::client::ClientError> {
/// let client = Client::new("http://127.0.0.1:8000")?;
/// let mut workflow = Workflow::new("Hello");
/// workflow.add_python_task("Count", "count_words", json!(["to be or not to be"]), json!({}), &[]);
/// let submitted = client.submit(&workflow).await?;
/// let results = client.wait_for(&submitted.id, Duration::from_secs(60)).await?;
/// println!("{}: {:?}", results.status, results.results.get("Count"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    base: Url,
    http: reqwest::Client,
    /// For answers that take as long as they take.
    patient: reqwest::Client,
    timeout: Duration,
}

/// A client in the making, see [`Client::builder`].
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    url: String,
    token: Option<String>,
    tls: Tls,
    timeout: Duration,
}

impl Client {
    /// A client without a token. `url` is that of the server; a path in it is a prefix of all paths.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::builder(url).build()
    }

    /// For a token, own certificates or another timeout.
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder { url: url.to_owned(), token: None, tls: Tls::default(), timeout: DEFAULT_TIMEOUT }
    }
}

impl ClientBuilder {
    /// The token of the server, sent with every request.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Whom to trust on an encrypted connection.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// How long a single request may take; 60 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub fn build(self) -> Result<Client, ClientError> {
        let refuse = |reason: &str| {
            ClientError::Config(
                WireError::Url { url: self.url.clone(), reason: reason.to_owned() }.to_string(),
            )
        };
        let base = Url::parse(&self.url).map_err(|error| refuse(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(refuse("only http and https are spoken"));
        }
        let http = transport::http(&base, self.token.as_deref(), &self.tls, Some(self.timeout))?;
        let patient = transport::http(&base, self.token.as_deref(), &self.tls, None)?;
        Ok(Client { base, http, patient, timeout: self.timeout })
    }
}

#[cfg(test)]
mod tests;
