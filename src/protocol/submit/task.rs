//! One task as it is written in a body.

use serde::Deserialize;

use super::policy::{RawRequirements, RawRetry, invalid};
use crate::core::rejection::Rejection;
use crate::protocol::fields::{Count, Seconds, Text};

/// All keys a task may have. Which of them go together is a matter of [`super::form`].
///
/// `J` is opaque JSON: a slice of the body, or a value read from YAML.
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a task: an object",
    bound(deserialize = "J: Deserialize<'de>, 'de: 'a")
)]
pub(super) struct RawTask<'a, J> {
    pub(super) id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) dependencies: Option<Vec<Text<'a>>>,
    pub(super) depends_on_success: Option<bool>,
    pub(super) priority: Option<Text<'a>>,
    pub(super) timeout_seconds: Option<Seconds>,
    /// The same, except beside `url`, where it is that of the request.
    pub(super) timeout: Option<Seconds>,
    pub(super) queue_timeout_seconds: Option<Seconds>,
    pub(super) max_retries: Option<Count>,
    pub(super) retry: Option<RawRetry<'a>>,
    pub(super) requirements: Option<RawRequirements<'a>>,
    pub(super) tags: Option<Vec<Text<'a>>>,
    pub(super) metadata: Option<J>,

    pub(super) task_type: Option<Text<'a>>,
    pub(super) parameters: Option<J>,

    pub(super) function: Option<Text<'a>>,
    pub(super) args: Option<J>,
    pub(super) kwargs: Option<J>,

    pub(super) prompt: Option<Text<'a>>,
    pub(super) messages: Option<J>,
    pub(super) image: Option<Text<'a>>,
    #[serde(alias = "model_name")]
    pub(super) model: Option<Text<'a>>,
    pub(super) system_prompt: Option<Text<'a>>,
    pub(super) temperature: Option<J>,
    pub(super) max_tokens: Option<J>,
    pub(super) endpoint_tags: Option<J>,

    pub(super) url: Option<Text<'a>>,
    pub(super) method: Option<Text<'a>>,
    pub(super) headers: Option<J>,
    pub(super) query: Option<J>,
    pub(super) data: Option<J>,
    pub(super) form: Option<J>,
    pub(super) body: Option<J>,
    pub(super) body_base64: Option<Text<'a>>,
    pub(super) allow_status: Option<J>,
    pub(super) redirects: Option<J>,
    pub(super) max_bytes: Option<J>,
    pub(super) response: Option<Text<'a>>,

    pub(super) file: Option<Text<'a>>,
    pub(super) operation: Option<Text<'a>>,
    pub(super) target_path: Option<Text<'a>>,
    pub(super) content: Option<J>,
    pub(super) encoding: Option<Text<'a>>,

    pub(super) external: Option<Text<'a>>,
    #[serde(alias = "service_name")]
    pub(super) service: Option<Text<'a>>,
    pub(super) external_task_type: Option<Text<'a>>,
    pub(super) external_parameters: Option<J>,
    pub(super) external_timeout: Option<Seconds>,
    pub(super) service_url: Option<Text<'a>>,
    pub(super) callback_url: Option<Text<'a>>,
    pub(super) webhook_token: Option<Text<'a>>,
    pub(super) model_params: Option<J>,
    pub(super) data_params: Option<J>,
    pub(super) endpoint: Option<Text<'a>>,
    pub(super) payload: Option<J>,
    pub(super) query_params: Option<J>,
}

impl<J> RawTask<'_, J> {
    /// The time that the task has, by whichever name.
    pub(super) fn run_timeout(&self) -> Result<Option<Seconds>, Rejection> {
        match (self.timeout_seconds, self.timeout) {
            (Some(_), Some(_)) => Err(invalid(
                "it has both `timeout` and `timeout_seconds`, which mean the same; keep one of them",
            )),
            (given, None) | (None, given) => Ok(given),
        }
    }

    /// The keys beside those that every task may have, and whether they are given.
    pub(super) fn own_keys(&self) -> [(&'static str, bool); 43] {
        [
            ("task_type", self.task_type.is_some()),
            ("parameters", self.parameters.is_some()),
            ("function", self.function.is_some()),
            ("args", self.args.is_some()),
            ("kwargs", self.kwargs.is_some()),
            ("prompt", self.prompt.is_some()),
            ("messages", self.messages.is_some()),
            ("image", self.image.is_some()),
            ("model", self.model.is_some()),
            ("system_prompt", self.system_prompt.is_some()),
            ("temperature", self.temperature.is_some()),
            ("max_tokens", self.max_tokens.is_some()),
            ("endpoint_tags", self.endpoint_tags.is_some()),
            ("url", self.url.is_some()),
            ("method", self.method.is_some()),
            ("headers", self.headers.is_some()),
            ("query", self.query.is_some()),
            ("data", self.data.is_some()),
            ("form", self.form.is_some()),
            ("body", self.body.is_some()),
            ("body_base64", self.body_base64.is_some()),
            ("allow_status", self.allow_status.is_some()),
            ("redirects", self.redirects.is_some()),
            ("max_bytes", self.max_bytes.is_some()),
            ("response", self.response.is_some()),
            ("file", self.file.is_some()),
            ("operation", self.operation.is_some()),
            ("target_path", self.target_path.is_some()),
            ("content", self.content.is_some()),
            ("encoding", self.encoding.is_some()),
            ("external", self.external.is_some()),
            ("service", self.service.is_some()),
            ("external_task_type", self.external_task_type.is_some()),
            ("external_parameters", self.external_parameters.is_some()),
            ("external_timeout", self.external_timeout.is_some()),
            ("service_url", self.service_url.is_some()),
            ("callback_url", self.callback_url.is_some()),
            ("webhook_token", self.webhook_token.is_some()),
            ("model_params", self.model_params.is_some()),
            ("data_params", self.data_params.is_some()),
            ("endpoint", self.endpoint.is_some()),
            ("payload", self.payload.is_some()),
            ("query_params", self.query_params.is_some()),
        ]
    }
}
