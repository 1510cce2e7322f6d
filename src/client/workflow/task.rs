//! One task of a workflow in the making.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::Seconds;

/// A task; made by the `add_…_task` methods of [`Workflow`](super::Workflow), which return it for the finer
/// settings.
///
/// ```
/// use std::time::Duration;
/// use gleitzeit::client::workflow::{Requirements, Retry, RetryStrategy, Workflow};
///
/// let mut workflow = Workflow::new("Describe");
/// workflow
///     .add_text_task("Summary", "Summarise: {{Text.result}}", "llama3.2", &["Text"])
///     .timeout(Duration::from_secs(60))
///     .retry(Retry { max_attempts: 5, strategy: RetryStrategy::Fixed, ..Retry::default() })
///     .requirements(Requirements { required_models: vec!["llama3.2".into()], ..Requirements::default() })
///     .parameter("temperature", 0.2);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Task {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    #[serde(rename = "task_type")]
    kind: &'static str,
    parameters: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requirements: Option<Requirements>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<Seconds>,
    dependencies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    depends_on_success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<Retry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
}

/// Which of the waiting tasks goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Urgent,
    High,
    Normal,
    Low,
}

/// How the delays between the attempts grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryStrategy {
    Fixed,
    Linear,
    Exponential,
}

/// How often and when a failed task is tried again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retry {
    /// All tries, the first one included.
    pub max_attempts: u32,
    pub strategy: RetryStrategy,
    #[serde(serialize_with = "in_seconds")]
    pub base_delay: Duration,
    #[serde(serialize_with = "in_seconds")]
    pub max_delay: Duration,
    /// The share of each delay that is left to chance.
    pub jitter: f64,
}

impl Default for Retry {
    /// What the server does with a task that says nothing.
    fn default() -> Self {
        Self {
            max_attempts: 4,
            strategy: RetryStrategy::Exponential,
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_mins(1),
            jitter: 0.2,
        }
    }
}

fn in_seconds<S: Serializer>(delay: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    Seconds(*delay).serialize(serializer)
}

/// What the machine that runs the task must have. Zero and empty ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Requirements {
    pub cpu_cores: u32,
    pub memory_mb: u32,
    pub gpu_memory_mb: u32,
    pub requires_gpu: bool,
    pub required_models: Vec<String>,
    pub node_tags: Vec<String>,
}

impl Task {
    pub(super) fn new(
        name: &str,
        kind: &'static str,
        parameters: Map<String, Value>,
        dependencies: &[&str],
    ) -> Self {
        Self {
            id: None,
            name: name.to_owned(),
            kind,
            parameters,
            requirements: None,
            priority: None,
            max_retries: None,
            timeout_seconds: None,
            dependencies: dependencies.iter().map(|&dependency| dependency.to_owned()).collect(),
            depends_on_success: None,
            retry: None,
            tags: Vec::new(),
            metadata: Map::new(),
        }
    }

    /// A short key that other tasks may use instead of the name.
    pub fn id(&mut self, id: impl Into<String>) -> &mut Self {
        self.id = Some(id.into());
        self
    }

    /// Sets one parameter beyond those of the builder, or replaces one of them.
    pub fn parameter(&mut self, key: impl Into<String>, value: impl Into<Value>) -> &mut Self {
        self.parameters.insert(key.into(), value.into());
        self
    }

    pub fn requirements(&mut self, requirements: Requirements) -> &mut Self {
        self.requirements = Some(requirements);
        self
    }

    /// `Normal` unless set.
    pub fn priority(&mut self, priority: Priority) -> &mut Self {
        self.priority = Some(priority);
        self
    }

    /// How often the task is tried again after a failure; 3 unless set.
    pub fn max_retries(&mut self, retries: u32) -> &mut Self {
        self.max_retries = Some(retries);
        self
    }

    /// The whole retry policy; it wins over `max_retries`.
    pub fn retry(&mut self, retry: Retry) -> &mut Self {
        self.retry = Some(retry);
        self
    }

    /// How long one attempt may run.
    pub fn timeout(&mut self, timeout: Duration) -> &mut Self {
        self.timeout_seconds = Some(Seconds(timeout));
        self
    }

    /// Runs the task when its dependencies have ended in any way, also after failures.
    pub fn run_after_failures(&mut self) -> &mut Self {
        self.depends_on_success = Some(false);
        self
    }

    pub fn tag(&mut self, tag: impl Into<String>) -> &mut Self {
        self.tags.push(tag.into());
        self
    }

    pub fn metadata(&mut self, key: impl Into<String>, value: impl Into<Value>) -> &mut Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}
