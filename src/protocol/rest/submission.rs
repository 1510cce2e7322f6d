//! The body of a submission, described. [`submit`](crate::protocol::submit) reads it key by key, so that no value of
//! these types ever exists; a test holds the two together.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::words;

/// A workflow to submit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowBody {
    /// At most 256 bytes.
    #[schema(required)]
    pub name: Option<String>,
    /// The submitter's own id; the same id with the same body is the same workflow.
    pub id: Option<String>,
    pub description: Option<String>,
    /// Anything; kept in the metadata.
    pub version: Option<Value>,
    /// What a final failure does to the rest; `continue` unless given.
    #[schema(schema_with = words::error_strategy)]
    pub error_strategy: Option<String>,
    /// Tasks that run at once; no limit unless given.
    #[schema(minimum = 1)]
    pub max_parallel_tasks: Option<u32>,
    /// From submission to end; no limit unless given.
    #[schema(minimum = 0)]
    pub timeout_seconds: Option<f64>,
    /// The same as `timeout_seconds`.
    #[schema(minimum = 0)]
    pub timeout: Option<f64>,
    /// 1 to 200,000.
    pub tasks: Option<Vec<TaskBody>>,
    pub tags: Option<Vec<String>>,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    /// W3C trace context, passed on to workers.
    pub traceparent: Option<String>,

    /// `batch` makes one task for each file of `folder`; the members below belong to it.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Below the files root of the server.
    pub folder: Option<String>,
    pub recursive: Option<bool>,
    pub extensions: Option<Vec<String>>,
    /// `text`, `vision` or `function`.
    pub task_type: Option<String>,
    pub prompt: Option<String>,
    pub function: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub kwargs: Option<Value>,
    pub model: Option<String>,
    /// The same as `model`.
    pub model_name: Option<String>,
    pub system_prompt: Option<String>,
    pub temperature: Option<Value>,
    pub max_tokens: Option<Value>,
    pub endpoint_tags: Option<Value>,
}

/// A task. It says what to do in one way: `function`, `prompt` or `messages`, `url`, `file`, `external`, or `task_type`
/// with `parameters`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskBody {
    /// A short key for references inside the workflow; a UUID becomes the id of the task itself.
    pub id: Option<String>,
    /// At most 256 bytes, unique in the workflow.
    pub name: Option<String>,
    /// Names or ids of other tasks. A task that a template refers to is one by itself.
    pub dependencies: Option<Vec<String>>,
    /// `false` runs the task however its dependencies ended.
    pub depends_on_success: Option<bool>,
    /// `normal` unless given.
    #[schema(schema_with = words::priority)]
    pub priority: Option<String>,
    /// From acceptance to report; 300 unless given, 1800 for external tasks.
    #[schema(minimum = 0)]
    pub timeout_seconds: Option<f64>,
    /// The same; beside `url`, the time of the request.
    #[schema(minimum = 0)]
    pub timeout: Option<f64>,
    /// From being ready to being assigned; no limit unless given.
    #[schema(minimum = 0)]
    pub queue_timeout_seconds: Option<f64>,
    /// 3 unless given.
    pub max_retries: Option<u32>,
    pub retry: Option<RetryBody>,
    pub requirements: Option<RequirementsBody>,
    pub tags: Option<Vec<String>>,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,

    #[schema(schema_with = words::task_type)]
    pub task_type: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,

    /// The name of a function; with `args` and `kwargs`.
    pub function: Option<String>,
    /// A list, or an object of named arguments.
    pub args: Option<Value>,
    #[schema(value_type = Option<Object>)]
    pub kwargs: Option<Value>,

    /// For a language model.
    pub prompt: Option<String>,
    pub messages: Option<Value>,
    /// A path or an address; makes it a task of type `vision`.
    pub image: Option<String>,
    pub model: Option<String>,
    /// The same as `model`.
    pub model_name: Option<String>,
    pub system_prompt: Option<String>,
    pub temperature: Option<Value>,
    pub max_tokens: Option<Value>,
    pub endpoint_tags: Option<Value>,

    /// An HTTP request.
    pub url: Option<String>,
    /// `GET` unless given.
    pub method: Option<String>,
    pub headers: Option<Value>,
    pub query: Option<Value>,
    /// Sent as JSON.
    pub data: Option<Value>,
    pub form: Option<Value>,
    pub body: Option<Value>,
    pub body_base64: Option<String>,
    pub allow_status: Option<Value>,
    pub redirects: Option<Value>,
    pub max_bytes: Option<Value>,
    pub response: Option<String>,

    /// A path below the files root.
    pub file: Option<String>,
    /// `read` unless given; `write`, `append`, `copy`, `move`, `delete`, `list`.
    pub operation: Option<String>,
    pub target_path: Option<String>,
    pub content: Option<Value>,
    pub encoding: Option<String>,

    /// `ml`, `api`, `database`, `processing`, `webhook` or `custom`.
    pub external: Option<String>,
    /// The name of the service that is to run it.
    pub service: Option<String>,
    /// The same as `service`.
    pub service_name: Option<String>,
    pub external_task_type: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub external_parameters: Option<Value>,
    #[schema(minimum = 0)]
    pub external_timeout: Option<f64>,
    /// Where a webhook task is posted.
    pub service_url: Option<String>,
    pub callback_url: Option<String>,
    /// The secret that a webhook task is signed with; never shown again.
    #[schema(write_only)]
    pub webhook_token: Option<String>,
    pub model_params: Option<Value>,
    pub data_params: Option<Value>,
    pub endpoint: Option<String>,
    pub payload: Option<Value>,
    pub query_params: Option<Value>,
}

/// What happens after a failure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// The first one included; `max_retries` + 1 unless given.
    #[schema(minimum = 1)]
    pub max_attempts: Option<u32>,
    /// `exponential` unless given.
    #[schema(schema_with = words::retry_strategy)]
    pub strategy: Option<String>,
    /// Seconds before the second attempt; 1 unless given.
    #[schema(minimum = 0)]
    pub base_delay: Option<f64>,
    /// Seconds at most; 60 unless given.
    #[schema(minimum = 0)]
    pub max_delay: Option<f64>,
    /// `true` (a fifth), `false`, or a share from 0 to 1.
    pub jitter: Option<Value>,
}

/// What a worker must have declared to be given the task.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequirementsBody {
    pub cpu_cores: Option<u32>,
    pub memory_mb: Option<u32>,
    pub gpu_memory_mb: Option<u32>,
    pub requires_gpu: Option<bool>,
    pub required_models: Option<Vec<String>>,
    pub node_tags: Option<Vec<String>>,
}
