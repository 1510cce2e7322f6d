//! Calls about many things at once.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Client;
use super::calls::{page, query, set_body};
use super::error::ClientError;
use super::types::{BulkDone, DeadLetterFilter, FunctionInfo, Page, TaskInfo, TextFormat};

/// What a verb acts on, and how far it goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Bulk {
    /// Conditions by name, as in the query of the list; lists for several values.
    pub filter: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only says what would be done.
    pub dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl Client {
    /// Tasks that have failed for good, those of the latest workflow first.
    pub async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Page<TaskInfo>, ClientError> {
        let mut request = self.get(&["api", "v1", "dead-letters"]);
        for (key, value) in &filter.conditions {
            query(&mut request.url, &[(key, Some(value))]);
        }
        page(&mut request.url, &filter.page);
        self.fetch(request).await
    }

    /// Runs failed tasks again.
    pub async fn retry_tasks(&self, bulk: &Bulk) -> Result<BulkDone, ClientError> {
        self.bulk(&["api", "v1", "tasks", "retry"], bulk).await
    }

    pub async fn cancel_workflows(&self, bulk: &Bulk) -> Result<BulkDone, ClientError> {
        self.bulk(&["api", "v1", "workflows", "cancel"], bulk).await
    }

    /// Runs what failed in workflows again.
    pub async fn retry_workflows(&self, bulk: &Bulk) -> Result<BulkDone, ClientError> {
        self.bulk(&["api", "v1", "workflows", "retry"], bulk).await
    }

    async fn bulk(&self, path: &[&str], bulk: &Bulk) -> Result<BulkDone, ClientError> {
        let mut request = self.post(path);
        set_body(&mut request.headers, TextFormat::Json);
        request.body = serde_json::to_vec(&json!(bulk))?;
        self.fetch(request).await
    }

    /// The functions that run inside the server; `search` are words that name or summary must hold.
    pub async fn functions(&self, search: Option<&str>) -> Result<Page<FunctionInfo>, ClientError> {
        let mut request = self.get(&["api", "v1", "functions"]);
        query(&mut request.url, &[("q", search)]);
        self.fetch(request).await
    }

    pub async fn function(&self, name: &str) -> Result<FunctionInfo, ClientError> {
        self.fetch(self.get(&["api", "v1", "functions", name])).await
    }
}
