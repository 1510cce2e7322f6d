//! A workflow as it can be submitted again: every task in its explicit form.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::words;
use super::workflow::{raw, seconds};
use crate::core::payload::Payload;
use crate::core::secret_parameters::without_secrets;
use crate::core::spec::{Requirements, RetryPolicy, RetryStrategy, Trigger, WorkflowSpec};
use crate::core::state::Workflow;

/// All but the tasks, which follow as the last member.
#[derive(Debug, Serialize, ToSchema)]
pub struct DefinitionHead {
    pub name: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Arc<str>>,
    #[schema(schema_with = words::error_strategy)]
    pub error_strategy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel_tasks: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TaskDefinition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    pub task_type: Arc<str>,
    /// Secrets such as `webhook_token` are hidden: write them again before the workflow is submitted again.
    #[schema(value_type = Object)]
    pub parameters: Box<RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Arc<str>>,
    /// Only where it is not the default, like what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depends_on_success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<&'static str>,
    pub timeout_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_timeout_seconds: Option<f64>,
    pub retry: RetryDefinition,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirements: Option<RequirementsDefinition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RetryDefinition {
    pub max_attempts: u32,
    #[schema(schema_with = words::retry_strategy)]
    pub strategy: &'static str,
    pub base_delay: f64,
    pub max_delay: f64,
    pub jitter: f64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RequirementsDefinition {
    pub cpu_cores: u32,
    pub memory_mb: u64,
    pub gpu_memory_mb: u64,
    pub requires_gpu: bool,
    pub required_models: Vec<Arc<str>>,
    pub node_tags: Vec<Arc<str>>,
}

impl From<&WorkflowSpec> for DefinitionHead {
    fn from(spec: &WorkflowSpec) -> Self {
        Self {
            name: Arc::clone(&spec.name),
            description: spec.description.clone(),
            error_strategy: spec.error_strategy.name(),
            max_parallel_tasks: spec.max_parallel_tasks,
            timeout_seconds: spec.timeout_ms.map(seconds),
            tags: spec.tags.clone(),
            metadata: spec.metadata.as_ref().map(|text| raw(text.as_str())),
        }
    }
}

impl TaskDefinition {
    pub fn of(workflow: &Workflow, index: u32, parameters: &Payload) -> Self {
        let task = workflow.spec.task(index);
        let (route, policy) = (workflow.spec.route_of(index), workflow.spec.policy_of(index));
        Self {
            id: task.key.clone().or_else(|| task.own_id.clone()),
            name: task.name.clone(),
            task_type: Arc::clone(&route.task_type),
            parameters: raw(&without_secrets(parameters.as_str())),
            dependencies: task.dependencies.iter().map(|at| workflow.name_of(*at)).collect(),
            depends_on_success: match policy.trigger {
                Trigger::OnSuccess => None,
                Trigger::OnEnd => Some(false),
            },
            priority: Some(policy.priority.name()).filter(|name| *name != "normal"),
            timeout_seconds: seconds(policy.run_timeout_ms),
            queue_timeout_seconds: policy.queue_timeout_ms.map(seconds),
            retry: RetryDefinition::from(&policy.retry),
            requirements: route.requirements.as_ref().map(RequirementsDefinition::from),
            tags: task.tags.clone(),
            metadata: task.metadata.as_ref().map(|text| raw(text.as_str())),
        }
    }
}

impl From<&RetryPolicy> for RetryDefinition {
    fn from(retry: &RetryPolicy) -> Self {
        Self {
            max_attempts: retry.max_attempts,
            strategy: match retry.strategy {
                RetryStrategy::Fixed => "fixed",
                RetryStrategy::Linear => "linear",
                RetryStrategy::Exponential => "exponential",
            },
            base_delay: seconds(retry.base_delay_ms),
            max_delay: seconds(retry.max_delay_ms),
            jitter: f64::from(retry.jitter_permille) / 1_000.0,
        }
    }
}

impl From<&Requirements> for RequirementsDefinition {
    fn from(wanted: &Requirements) -> Self {
        Self {
            cpu_cores: wanted.cpu_cores,
            memory_mb: wanted.memory_mb,
            gpu_memory_mb: wanted.gpu_memory_mb,
            requires_gpu: wanted.requires_gpu,
            required_models: wanted.required_models.clone(),
            node_tags: wanted.node_tags.clone(),
        }
    }
}
