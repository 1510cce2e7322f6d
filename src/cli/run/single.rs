//! Workflows of one task, from the words of a command line.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::usage;

/// What a server takes in one request holds an image of this size, written as base64, and more.
const IMAGE_BYTES_MAX: u64 = 20 << 20;

/// A call of a function.
pub(super) fn function(name: &str, words: &[String]) -> Value {
    let (args, kwargs) = arguments(words);
    task(name, "function", &json!({"function_name": name, "args": args, "kwargs": kwargs}))
}

/// A prompt for a language model.
pub(super) fn text(prompt: &str, model: Option<&str>) -> anyhow::Result<Value> {
    let mut read = String::new();
    let prompt = if prompt == "-" {
        std::io::stdin().read_to_string(&mut read).context("stdin cannot be read as text")?;
        read.as_str()
    } else {
        prompt
    };
    Ok(task("text", "text", &with_model(json!({"prompt": prompt}), model)))
}

/// A question about an image. One of this machine goes along; the server may be another machine.
pub(super) fn vision(image: &str, prompt: Option<&str>, model: Option<&str>) -> anyhow::Result<Value> {
    let prompt = prompt.ok_or_else(|| usage("--vision needs a --prompt: what to ask about the image"))?;
    let parameters = if image.starts_with("http://") || image.starts_with("https://") {
        json!({"prompt": prompt, "image_url": image})
    } else {
        json!({"prompt": prompt, "base64": encoded(Path::new(image))?})
    };
    Ok(task("vision", "vision", &with_model(parameters, model)))
}

/// The bytes of an image as base64.
pub(super) fn encoded(image: &Path) -> anyhow::Result<String> {
    let shown = image.display();
    let bytes = std::fs::metadata(image).map(|found| found.len());
    let bytes = bytes.with_context(|| format!("the image {shown} cannot be read"))?;
    if bytes > IMAGE_BYTES_MAX {
        bail!(
            "the image {shown} has {bytes} bytes; at most {IMAGE_BYTES_MAX} go into a request: make it smaller"
        );
    }
    let bytes = std::fs::read(image).with_context(|| format!("the image {shown} cannot be read"))?;
    Ok(BASE64_STANDARD.encode(bytes))
}

fn with_model(mut parameters: Value, model: Option<&str>) -> Value {
    if let (Some(model), Some(parameters)) = (model, parameters.as_object_mut()) {
        parameters.insert("model_name".to_owned(), json!(model));
    }
    parameters
}

fn task(name: &str, task_type: &str, parameters: &Value) -> Value {
    json!({"name": name, "tasks": [{"name": name, "task_type": task_type, "parameters": parameters}]})
}

/// Positional and named arguments.
pub(super) fn arguments(words: &[String]) -> (Vec<Value>, Map<String, Value>) {
    let (mut args, mut kwargs) = (Vec::new(), Map::new());
    for word in words {
        match word.split_once('=') {
            Some((name, value)) if is_name(name) => drop(kwargs.insert(name.to_owned(), argument(value))),
            Some(_) | None => args.push(argument(word)),
        }
    }
    (args, kwargs)
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(plain)
}

/// What reads as JSON is JSON; everything else is text.
fn argument(word: &str) -> Value {
    serde_json::from_str(word).unwrap_or_else(|_| Value::from(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_arguments() {
        let words = ["10", "[1,2]", "plain text", r#""x=1""#, "count=3", "kind=a b", "a b=c"];
        let workflow = function("f", &words.map(str::to_owned));
        let task = &workflow["tasks"][0];
        assert_eq!(task["parameters"]["args"], json!([10, [1, 2], "plain text", "x=1", "a b=c"]));
        assert_eq!(task["parameters"]["kwargs"], json!({"count": 3, "kind": "a b"}));
    }

    #[test]
    fn prompts_and_images_become_tasks() {
        let asked = text("Hello", Some("m")).expect("it is a task");
        assert_eq!(asked["tasks"][0]["parameters"], json!({"prompt": "Hello", "model_name": "m"}));
        let there = vision("https://example.org/a.png", Some("?"), None).expect("it is a task");
        assert_eq!(
            there["tasks"][0]["parameters"],
            json!({"prompt": "?", "image_url": "https://example.org/a.png"})
        );
        assert!(vision("a.png", None, None).is_err());
    }
}
