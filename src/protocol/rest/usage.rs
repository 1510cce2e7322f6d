//! Tokens as REST shows them.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::core::usage::Usage;

/// What a language model spent on a task. What its server does not say is null.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UsageView {
    pub model: Option<Arc<str>>,
    /// The name of the endpoint that answered; null where a connected service did the work.
    pub endpoint: Option<Arc<str>>,
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
}

impl From<&Usage> for UsageView {
    fn from(usage: &Usage) -> Self {
        Self {
            model: usage.model.clone(),
            endpoint: usage.endpoint.clone(),
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
        }
    }
}
