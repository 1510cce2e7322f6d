//! Webhooks: who is told when workflows and tasks end.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Client;
use super::calls::{page, set_body};
use super::error::ClientError;
use super::types::{Page, PageRequest, Receipt, TextFormat};

/// What a new webhook is to be told, and where.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NewWebhook {
    pub url: String,
    /// `workflow.completed`, `task.*`, ...
    pub events: Vec<String>,
    /// Conditions on the workflow: `name`, `tag`, `metadata`.
    pub filter: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `whsec_` and base64, or any text. Without one the server makes one, and tells it once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    pub id: String,
    pub url: String,
    #[serde(default)]
    pub events: Vec<String>,
    /// `enabled`, `paused` or `disabled`.
    #[serde(default)]
    pub status: String,
    /// Nothing while the latest try went well, or there was none.
    #[serde(default)]
    pub failing: Option<FailingWebhook>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How a webhook fails: its latest try did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailingWebhook {
    /// When the first try failed after the latest one that did not.
    pub since: String,
    #[serde(default)]
    pub error: Option<String>,
    /// When it is tried again.
    #[serde(default)]
    pub next_at: Option<String>,
    /// Ends that wait to be sent, and whether there may be more. Lists do not say so.
    #[serde(default)]
    pub waiting: Option<u64>,
    #[serde(default)]
    pub more_waiting: Option<bool>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// One end, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// `delivered`, `retrying` or `given_up`.
    pub status: String,
    #[serde(default)]
    pub tries: u32,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How a test went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookTest {
    pub delivered: bool,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

const WEBHOOKS: [&str; 3] = ["api", "v1", "webhooks"];

impl Client {
    pub async fn webhooks(&self) -> Result<Page<Webhook>, ClientError> {
        self.fetch(self.get(&WEBHOOKS)).await
    }

    pub async fn webhook(&self, id: &str) -> Result<Webhook, ClientError> {
        self.fetch(self.get(&["api", "v1", "webhooks", id])).await
    }

    /// Makes a webhook. A secret that the server made is in `more` of this answer, and in no other.
    pub async fn add_webhook(&self, webhook: &NewWebhook) -> Result<Webhook, ClientError> {
        let mut request = self.post(&WEBHOOKS);
        set_body(&mut request.headers, TextFormat::Json);
        request.body = serde_json::to_vec(webhook)?;
        self.fetch(request).await
    }

    pub async fn remove_webhook(&self, id: &str) -> Result<Receipt, ClientError> {
        let mut request = self.post(&["api", "v1", "webhooks", id]);
        request.method = Method::DELETE;
        self.fetch(request).await
    }

    /// Nothing is sent until it is resumed; what happens meanwhile is kept.
    pub async fn pause_webhook(&self, id: &str) -> Result<Receipt, ClientError> {
        self.act("webhooks", id, "pause").await
    }

    /// Goes on where it stopped; with `ResumeAt::Now` what happened meanwhile is left out.
    pub async fn resume_webhook(&self, id: &str, at: ResumeAt) -> Result<Receipt, ClientError> {
        let mut request = self.post(&["api", "v1", "webhooks", id, "resume"]);
        set_body(&mut request.headers, TextFormat::Json);
        let from = if at == ResumeAt::Now { "now" } else { "cursor" };
        request.body = serde_json::to_vec(&json!({"from": from}))?;
        self.fetch(request).await
    }

    /// Has one message sent that tells of nothing.
    pub async fn test_webhook(&self, id: &str) -> Result<WebhookTest, ClientError> {
        self.fetch(self.post(&["api", "v1", "webhooks", id, "test"])).await
    }

    /// What became of the latest ends, the latest first.
    pub async fn deliveries(&self, id: &str, request: &PageRequest) -> Result<Page<Delivery>, ClientError> {
        let mut call = self.get(&["api", "v1", "webhooks", id, "deliveries"]);
        page(&mut call.url, request);
        self.fetch(call).await
    }

    /// Has an end sent once more, under the id that it had before.
    pub async fn redeliver(&self, id: &str, delivery: &str) -> Result<Delivery, ClientError> {
        let path = ["api", "v1", "webhooks", id, "deliveries", delivery, "redeliver"];
        self.fetch(self.post(&path)).await
    }
}

/// Where a webhook goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumeAt {
    Cursor,
    Now,
}
