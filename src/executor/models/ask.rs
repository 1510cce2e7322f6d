//! One question to a language model, whoever it goes to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::parameters::{Message, Parameters, Said};
use crate::core::usage::Usage;

/// A question, complete but for the endpoint it goes to.
#[derive(Debug, Clone)]
pub struct Ask {
    pub said: Said,
    pub system: Option<String>,
    /// Absent where the task and the configuration name none.
    pub model: Option<Arc<str>>,
    pub temperature: f64,
    pub max_tokens: Option<u32>,
    /// A JPEG in base64.
    pub image: Option<String>,
    /// Only endpoints with all of these tags.
    pub tags: BTreeSet<Arc<str>>,
    /// Ollama may fetch the model where nobody has it.
    pub pull: bool,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    pub usage: Usage,
}

impl Ask {
    pub fn new(
        parameters: Parameters,
        image: Option<String>,
        default_model: Option<Arc<str>>,
        pull: bool,
    ) -> Self {
        Self {
            said: parameters.said,
            system: parameters.system_prompt,
            model: parameters.model_name.or(default_model),
            temperature: parameters.temperature,
            max_tokens: parameters.max_tokens,
            image,
            tags: parameters.endpoint_tags,
            pull: parameters.pull.unwrap_or(pull),
        }
    }

    /// The whole conversation, for an interface that knows nothing else.
    pub fn conversation(&self) -> Vec<Message> {
        let system = self.system.iter().map(|text| Message::new("system", text));
        match &self.said {
            Said::Prompt(text) => system.chain([Message::new("user", text)]).collect(),
            Said::Messages(messages) => system.chain(messages.iter().cloned()).collect(),
        }
    }
}
