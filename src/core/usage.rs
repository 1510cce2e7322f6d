//! What a language model spent on a task.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Tokens of one completed attempt. What its worker does not say is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub model: Option<Arc<str>>,
    /// The endpoint that answered, or nothing where a service of its own did the work.
    pub endpoint: Option<Arc<str>>,
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
}
