//! Services: those that are here, and those that are gone.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Client;
use super::calls::page;
use super::error::ClientError;
use super::types::{PageRequest, Service};

/// One page of services, and with the first one those that are gone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServicePage {
    pub items: Vec<Service>,
    /// Pass it in the next request to read on; nothing at the end.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// The latest, the one that was seen last first.
    #[serde(default)]
    pub gone: Vec<GoneService>,
}

/// A service that was here and is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoneService {
    pub name: String,
    /// `clean`, `drained`, `lost`, `refused` or `unreadable`; nothing of one that only the log knows, as one that went before
    /// the server was started.
    #[serde(default)]
    pub left: Option<String>,
    #[serde(default)]
    pub task_types: Vec<String>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Client {
    /// Whoever runs tasks, and on the first page who did.
    pub async fn services(&self, request: &PageRequest) -> Result<ServicePage, ClientError> {
        let mut call = self.get(&["api", "v1", "services"]);
        page(&mut call.url, request);
        self.fetch(call).await
    }
}
