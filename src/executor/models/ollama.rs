//! Ollama's own interface: lines of JSON, the last of which says that it is the last.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ask::Ask;
use super::openai::Spent;
use super::parameters::Said;
use super::stream::Reply;
use super::trouble::{Trouble, cut};

pub const LIST: &[&str] = &["api", "tags"];
pub const PULL: &[&str] = &["api", "pull"];

/// A name without a tag means its `latest`.
pub fn full_name(model: &str) -> Cow<'_, str> {
    // A colon before the last slash belongs to the port of a registry.
    let name = model.rsplit('/').next().unwrap_or(model);
    if name.contains(':') { Cow::Borrowed(model) } else { Cow::Owned(format!("{model}:latest")) }
}

/// The other spelling of a full name, where it has one.
pub fn short_name(model: &str) -> Option<&str> {
    model.strip_suffix(":latest")
}

pub fn models(body: &[u8]) -> Result<BTreeSet<Arc<str>>, Trouble> {
    #[derive(Deserialize)]
    struct List {
        models: Vec<Model>,
    }
    #[derive(Deserialize)]
    struct Model {
        name: Arc<str>,
    }
    let list: List = serde_json::from_slice(body)
        .map_err(|error| Trouble::Unreadable(format!("its list of models cannot be read: {error}")))?;
    Ok(list.models.into_iter().map(|model| model.name).collect())
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    stream: bool,
    options: Options,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<[&'a str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<Turn<'a>>>,
}

#[derive(Serialize)]
struct Options {
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_predict: Option<u32>,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'a str,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<[&'a str; 1]>,
}

/// The path and the body of a question: `/api/generate` for a prompt, `/api/chat` for messages.
pub fn request(ask: &Ask, model: &str) -> (&'static [&'static str], Value) {
    let images = ask.image.as_deref().map(|image| [image]);
    let options = Options { temperature: ask.temperature, num_predict: ask.max_tokens };
    let question =
        Question { model, stream: true, options, prompt: None, system: None, images: None, messages: None };
    match &ask.said {
        Said::Prompt(prompt) => {
            let system = ask.system.as_deref();
            (&["api", "generate"], json!(Question { prompt: Some(prompt), system, images, ..question }))
        }
        Said::Messages(_) => {
            let conversation = ask.conversation();
            let looked_at = conversation.iter().rposition(|message| message.role == "user");
            let turns = conversation.iter().enumerate().map(|(at, message)| Turn {
                role: &message.role,
                content: &message.content,
                images: images.filter(|_| Some(at) == looked_at),
            });
            (&["api", "chat"], json!(Question { messages: Some(turns.collect()), ..question }))
        }
    }
}

#[derive(Deserialize)]
struct Line {
    error: Option<String>,
    response: Option<String>,
    message: Option<Spoken>,
    #[serde(default)]
    done: bool,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
}

#[derive(Deserialize)]
struct Spoken {
    #[serde(default)]
    content: String,
}

/// # Errors
/// Why the answer has no end.
pub async fn read(reply: &mut Reply<'_>) -> Result<Spent, Trouble> {
    while let Some(line) = reply.line().await? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let line: Line = parse(&line)?;
        if let Some(error) = line.error {
            return Err(said(&error));
        }
        let piece = line.response.or(line.message.map(|spoken| spoken.content));
        reply.push(piece.as_deref().unwrap_or_default())?;
        if line.done {
            return Ok(Spent { prompt: line.prompt_eval_count, completion: line.eval_count });
        }
    }
    Err(Trouble::BrokenOff("the answer ended without its last line".to_owned()))
}

pub fn pull_request(model: &str) -> Value {
    json!({"model": model, "stream": true})
}

/// # Errors
/// Why the model was not fetched.
pub async fn read_pull(reply: &mut Reply<'_>, told: impl Fn(&str)) -> Result<(), Trouble> {
    #[derive(Deserialize)]
    struct Step {
        error: Option<String>,
        status: Option<String>,
    }
    let mut last = String::new();
    while let Some(line) = reply.line().await? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let step: Step = parse(&line)?;
        if let Some(error) = step.error {
            return Err(Trouble::NoModel(format!("it cannot be fetched: {}", cut(&error))));
        }
        // The same words come again with every few bytes.
        let status = step.status.unwrap_or_default();
        if status == "success" {
            return Ok(());
        }
        if status != last {
            told(&status);
            last = status;
        }
    }
    Err(Trouble::BrokenOff("fetching the model ended without a word".to_owned()))
}

fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Trouble> {
    serde_json::from_slice(line).map_err(|error| {
        let shown = String::from_utf8_lossy(line);
        Trouble::Unreadable(format!("a line of its answer cannot be read ({error}): {}", cut(&shown)))
    })
}

fn said(error: &str) -> Trouble {
    let text = cut(error);
    if error.contains("not found") { Trouble::NoModel(text) } else { Trouble::Failed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_tags() {
        assert_eq!(full_name("llama3"), "llama3:latest");
        assert_eq!(full_name("llama3:8b"), "llama3:8b");
        assert_eq!(full_name("registry:5000/me/llama3"), "registry:5000/me/llama3:latest");
        assert_eq!((short_name("a:latest"), short_name("a:8b")), (Some("a"), None));
    }

    #[test]
    fn a_list_of_models_is_read() {
        let listed = models(br#"{"models":[{"name":"b:latest","size":1},{"name":"a:8b"}]}"#).unwrap();
        assert_eq!(listed.iter().map(|name| &**name).collect::<Vec<_>>(), ["a:8b", "b:latest"]);
        assert!(matches!(models(b"<html>"), Err(Trouble::Unreadable(_))));
    }
}
