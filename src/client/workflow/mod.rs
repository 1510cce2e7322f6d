//! Workflows as data: the body of `POST /api/v1/workflows`, put together by code.

mod add;
mod task;

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

pub use task::{Priority, Requirements, Retry, RetryStrategy, Task};

/// A workflow in the making.
///
/// A reference in a parameter, such as `{{Numbers.result}}`, makes the task wait for the other one by itself;
/// `dependencies` are for order without data. Checks that need the whole workflow are made by the server,
/// see [`Client::validate`](crate::client::Client::validate).
///
/// ```
/// use gleitzeit::client::workflow::{ErrorStrategy, Priority, Workflow};
/// use serde_json::json;
///
/// let mut workflow = Workflow::new("Quarterly figures").error_strategy(ErrorStrategy::Stop);
/// workflow.add_python_task("Numbers", "random_data", json!(["numbers", 100]), json!({}), &[]);
/// workflow
///     .add_python_task("Figures", "analyze_numbers", json!(["{{Numbers.result}}"]), json!({}), &[])
///     .priority(Priority::High)
///     .max_retries(1);
/// workflow.add_external_ml_task(
///     "Train Model", "ML Service", "train", json!({"kind": "tree"}), json!("{{Numbers.result}}"), &["Figures"],
/// );
/// let body = serde_json::to_value(&workflow)?;
/// assert_eq!(body["tasks"][1]["task_type"], "function");
/// assert_eq!(body["tasks"][2]["parameters"]["external_task_type"], "ml_training");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workflow {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_strategy: Option<ErrorStrategy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_parallel_tasks: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<Seconds>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
    tasks: Vec<Task>,
}

/// What happens to the rest of a workflow when a task has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorStrategy {
    /// Everything is cancelled and the workflow fails.
    Stop,
    /// Independent branches go on, dependents are skipped, the workflow fails with partial results.
    Continue,
    /// Dependents run with null in the place of the result, and the workflow completes.
    Skip,
    /// When all else has settled, the failed tasks get one more round; then as `Continue`.
    Retry,
}

impl Workflow {
    /// A workflow without tasks yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            id: None,
            name: name.into(),
            description: None,
            error_strategy: None,
            max_parallel_tasks: None,
            timeout_seconds: None,
            tags: Vec::new(),
            metadata: Map::new(),
            tasks: Vec::new(),
        }
    }

    /// An id of the submitter's own; submitting the same body under it again changes nothing.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// `Continue` unless set.
    #[must_use]
    pub fn error_strategy(mut self, strategy: ErrorStrategy) -> Self {
        self.error_strategy = Some(strategy);
        self
    }

    /// How many tasks of this workflow may run at once; no limit unless set.
    #[must_use]
    pub fn max_parallel_tasks(mut self, tasks: u32) -> Self {
        self.max_parallel_tasks = Some(tasks);
        self
    }

    /// How long the whole workflow may take; no limit unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_seconds = Some(Seconds(timeout));
        self
    }

    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// A note that travels with the workflow and means nothing to the server.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The tasks so far, in the order of their addition.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }
}

/// A span of time that travels as seconds, as a person would write them: without a fraction where there is
/// none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seconds(Duration);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.subsec_nanos() == 0 {
            serializer.serialize_u64(self.0.as_secs())
        } else {
            serializer.serialize_f64(self.0.as_secs_f64())
        }
    }
}

#[cfg(test)]
mod tests;
