//! What a language model spent on a task.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::core::usage::Usage;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredUsage {
    pub model: Option<String>,
    pub endpoint: Option<String>,
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
}

impl StoredUsage {
    pub fn of(usage: &Usage) -> Self {
        Self {
            model: usage.model.as_deref().map(str::to_owned),
            endpoint: usage.endpoint.as_deref().map(str::to_owned),
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
        }
    }

    pub fn thaw(self) -> Usage {
        Usage {
            model: self.model.map(Arc::from),
            endpoint: self.endpoint.map(Arc::from),
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens,
        }
    }
}
