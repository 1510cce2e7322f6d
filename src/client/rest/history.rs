//! The last hour of a server, in columns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Client;
use super::calls::query;
use super::error::ClientError;

/// A sample every few seconds, the oldest first. A number counts what happened since the sample before; nothing says that
/// there was nothing to measure.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StatsHistory {
    /// The time between two samples.
    pub interval_ms: u64,
    /// Reading on from here misses nothing and repeats nothing.
    pub until_ms: u64,
    /// When each sample was taken, in milliseconds since 1970.
    pub at_ms: Vec<u64>,
    /// Attempts that were offered to workers.
    pub started: Vec<u64>,
    pub completed: Vec<u64>,
    /// Tasks that failed for good.
    pub failed: Vec<u64>,
    /// Ready tasks at that moment, by priority.
    pub queued: BTreeMap<String, Vec<Option<u64>>>,
    /// Attempts that workers held at that moment.
    pub running: Vec<Option<u64>>,
    pub dispatch_p50_ms: Vec<Option<f64>>,
    pub dispatch_p95_ms: Vec<Option<f64>>,
    pub sync_p99_ms: Vec<Option<f64>>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Client {
    /// What happened after `since_ms`, or in the whole hour; it begins with the process of the server.
    pub async fn stats_history(&self, since_ms: Option<u64>) -> Result<StatsHistory, ClientError> {
        let mut request = self.get(&["api", "v1", "stats", "history"]);
        let since = since_ms.map(|since| since.to_string());
        query(&mut request.url, &[("since", since.as_deref())]);
        self.fetch(request).await
    }
}
