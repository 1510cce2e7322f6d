//! The chat completions of `OpenAI`, which many servers speak: server-sent events, the last of which is `[DONE]`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ask::Ask;
use super::stream::Reply;
use super::trouble::{Trouble, cut};

pub const LIST: &[&str] = &["models"];

/// Tokens, as far as the server says them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub prompt: Option<u64>,
    pub completion: Option<u64>,
}

pub fn models(body: &[u8]) -> Result<BTreeSet<Arc<str>>, Trouble> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Model>,
    }
    #[derive(Deserialize)]
    struct Model {
        id: Arc<str>,
    }
    let list: List = serde_json::from_slice(body)
        .map_err(|error| Trouble::Unreadable(format!("its list of models cannot be read: {error}")))?;
    Ok(list.data.into_iter().map(|model| model.id).collect())
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    messages: Vec<Value>,
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    stream: bool,
    stream_options: Value,
}

/// The path and the body of a question.
pub fn request(ask: &Ask, model: &str) -> (&'static [&'static str], Value) {
    let conversation = ask.conversation();
    let looked_at = conversation.iter().rposition(|message| message.role == "user");
    let messages = conversation.iter().enumerate().map(|(at, message)| {
        match ask.image.as_ref().filter(|_| Some(at) == looked_at) {
            Some(image) => {
                let url = format!("data:image/jpeg;base64,{image}");
                json!({"role": message.role, "content": [
                    {"type": "text", "text": message.content},
                    {"type": "image_url", "image_url": {"url": url}},
                ]})
            }
            None => json!({"role": message.role, "content": message.content}),
        }
    });
    let question = Question {
        model,
        messages: messages.collect(),
        temperature: ask.temperature,
        max_tokens: ask.max_tokens,
        stream: true,
        stream_options: json!({"include_usage": true}),
    };
    (&["chat", "completions"], json!(question))
}

#[derive(Deserialize)]
struct Chunk {
    error: Option<Value>,
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    #[serde(default)]
    finish_reason: Finish,
}

/// Why an answer has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Option<String>")]
enum Finish {
    /// The server names no reasons.
    #[default]
    Unnamed,
    NotYet,
    Reached,
}

impl From<Option<String>> for Finish {
    fn from(reason: Option<String>) -> Self {
        if reason.is_some() { Self::Reached } else { Self::NotYet }
    }
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

/// A server that names reasons and gives none has dropped the request, and what it has said may lack its end.
const GIVEN_UP: &str = "it ended its answer without a reason to finish; llama_cpp.server does so when another request arrives, unless it \
                        is started with `--interrupt_requests false`";

/// # Errors
/// Why the answer has no end.
pub async fn read(reply: &mut Reply<'_>) -> Result<Spent, Trouble> {
    let (mut spent, mut finish) = (Spent::default(), Finish::default());
    while let Some(line) = reply.line().await? {
        // Comments, names of events and the lines between events say nothing here.
        let Some(data) = line.strip_prefix(b"data:") else { continue };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            return match finish {
                Finish::Unnamed | Finish::Reached => Ok(spent),
                Finish::NotYet => Err(Trouble::BrokenOff(GIVEN_UP.to_owned())),
            };
        }
        let chunk: Chunk = serde_json::from_slice(data).map_err(|error| {
            let shown = String::from_utf8_lossy(data);
            Trouble::Unreadable(format!("an event of its answer cannot be read ({error}): {}", cut(&shown)))
        })?;
        if let Some(error) = chunk.error {
            let message = error.get("message").unwrap_or(&error);
            return Err(Trouble::Failed(cut(message.as_str().unwrap_or("an error without a message"))));
        }
        if let Some(tokens) = chunk.usage {
            spent = Spent { prompt: tokens.prompt_tokens, completion: tokens.completion_tokens };
        }
        for choice in chunk.choices.into_iter().take(1) {
            reply.push(choice.delta.content.as_deref().unwrap_or_default())?;
            if finish != Finish::Reached {
                finish = choice.finish_reason;
            }
        }
    }
    // Some servers leave out the last event; the reason to finish is an end as well.
    if finish == Finish::Reached {
        Ok(spent)
    } else {
        Err(Trouble::BrokenOff("the answer ended before its end".to_owned()))
    }
}
