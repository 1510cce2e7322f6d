//! What a text or vision task may say.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::core::errors::{INVALID_ARGUMENT, REQUIRED_FIELD_MISSING};
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;
use crate::protocol::task_parameters;

const TEMPERATURE: f64 = 0.7;
/// Above it the known models produce noise, and most servers refuse it.
const TEMPERATURE_MAX: f64 = 2.0;

const ROLES: [&str; 3] = ["system", "user", "assistant"];

/// The parameters of one task, checked.
#[derive(Debug)]
pub struct Parameters {
    pub said: Said,
    pub system_prompt: Option<String>,
    pub model_name: Option<Arc<str>>,
    pub temperature: f64,
    pub max_tokens: Option<u32>,
    pub endpoint_tags: BTreeSet<Arc<str>>,
    pub pull: Option<bool>,
    /// Of a vision task, and of no other.
    pub image: Option<ImageSource>,
}

/// What the model is to answer.
#[derive(Debug, Clone)]
pub enum Said {
    Prompt(String),
    /// At least one; the last one of a user gets the image.
    Messages(Vec<Message>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    pub role: String,
    #[serde(deserialize_with = "text")]
    pub content: String,
}

impl Message {
    pub fn new(role: &str, content: &str) -> Self {
        Self { role: role.to_owned(), content: content.to_owned() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// Inside the folder of the file tasks.
    Path(String),
    Url(String),
    /// As it is, or as a `data:` URL.
    Base64(String),
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "maybe_text")]
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    #[serde(default, deserialize_with = "maybe_text")]
    system_prompt: Option<String>,
    model_name: Option<Arc<str>>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    #[serde(default)]
    endpoint_tags: Option<BTreeSet<Arc<str>>>,
    pull: Option<bool>,
    image_path: Option<String>,
    image_url: Option<String>,
    base64: Option<String>,
}

impl Parameters {
    /// # Errors
    /// Which parameter is unknown, missing or wrong, and what it may be.
    pub fn parse(task_type: &str, parameters: &str) -> Result<Self, Rejection> {
        let map: Map<String, Value> = serde_json::from_str(parameters)
            .map_err(|error| invalid(format!("the parameters are no object: {error}")))?;
        task_parameters::check(task_type, map.keys().map(String::as_str))?;
        let raw: Raw = serde_path_to_error::deserialize(Value::Object(map)).map_err(|error| {
            invalid(format!("the parameter `{}` does not fit: {}", error.path(), error.inner()))
        })?;
        raw.checked(task_type)
    }
}

impl Raw {
    fn checked(self, task_type: &str) -> Result<Parameters, Rejection> {
        let temperature = self.temperature.unwrap_or(TEMPERATURE);
        if !(0.0..=TEMPERATURE_MAX).contains(&temperature) {
            return Err(invalid(format!(
                "`temperature` is {temperature}; it goes from 0 to {TEMPERATURE_MAX}"
            )));
        }
        if self.max_tokens == Some(0) {
            return Err(invalid("`max_tokens` is 0, which leaves no answer; give more, or leave it out"));
        }
        if self.model_name.as_deref().is_some_and(|name| name.trim().is_empty()) {
            return Err(invalid("`model_name` is empty; name a model, or leave it out"));
        }
        let image = image([
            self.image_path.map(ImageSource::Path),
            self.image_url.map(ImageSource::Url),
            self.base64.map(ImageSource::Base64),
        ])?;
        if task_type == "vision" && image.is_none() {
            let message = "a vision task needs an image: `image_path`, `image_url` or `base64`";
            return Err(Rejection::new(REQUIRED_FIELD_MISSING, message));
        }
        Ok(Parameters {
            said: said(self.prompt, self.messages)?,
            system_prompt: self.system_prompt,
            model_name: self.model_name,
            temperature,
            max_tokens: self.max_tokens,
            endpoint_tags: self.endpoint_tags.unwrap_or_default(),
            pull: self.pull,
            image,
        })
    }
}

fn said(prompt: Option<String>, messages: Option<Vec<Message>>) -> Result<Said, Rejection> {
    match (prompt, messages) {
        (Some(prompt), None) => Ok(Said::Prompt(prompt)),
        (None, Some(messages)) => {
            if let Some(message) = messages.iter().find(|message| !ROLES.contains(&message.role.as_str())) {
                let near = suggestion(&message.role, ROLES);
                return Err(invalid(format!(
                    "`{}` is no role of a message{near} (known: {})",
                    message.role,
                    ROLES.join(", ")
                )));
            }
            if !messages.iter().any(|message| message.role == "user") {
                return Err(invalid(
                    "`messages` has no message of the role `user`, so there is nothing to answer",
                ));
            }
            Ok(Said::Messages(messages))
        }
        (Some(_), Some(_)) => Err(invalid(
            "it has both `prompt` and `messages`; put the prompt at the end of the messages, as a user's",
        )),
        (None, None) => Err(Rejection::new(
            REQUIRED_FIELD_MISSING,
            "it has neither `prompt` nor `messages`; give one of them",
        )),
    }
}

fn image<const N: usize>(given: [Option<ImageSource>; N]) -> Result<Option<ImageSource>, Rejection> {
    let mut given = given.into_iter().flatten();
    let first = given.next();
    if given.next().is_some() {
        return Err(invalid("it names more than one image; a vision task looks at one of them"));
    }
    Ok(first)
}

fn invalid(message: impl Into<String>) -> Rejection {
    Rejection::new(INVALID_ARGUMENT, message)
}

/// A template that is the whole string keeps the type of its result: anything but text is said as compact JSON.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Value::deserialize(deserializer).map(said_as_text)
}

fn said_as_text(value: Value) -> String {
    if let Value::String(text) = value { text } else { value.to_string() }
}

fn maybe_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    Ok(value.map(said_as_text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(task_type: &str, parameters: &str) -> Result<Parameters, String> {
        Parameters::parse(task_type, parameters).map_err(|rejection| rejection.to_string())
    }

    #[test]
    fn temperature_is_0_7_unless_it_is_said_and_0_stays_0() {
        assert!((parse("text", r#"{"prompt": "p"}"#).unwrap().temperature - 0.7).abs() < f64::EPSILON);
        for zero in ["0", "0.0", "0e0"] {
            let text = format!(r#"{{"prompt": "p", "temperature": {zero}}}"#);
            assert!(parse("text", &text).unwrap().temperature.abs() < f64::EPSILON);
        }
    }

    #[test]
    fn what_is_no_text_is_said_as_json() {
        let parameters = parse("text", r#"{"prompt": {"a": [1, null]}, "system_prompt": 7}"#).unwrap();
        assert!(matches!(&parameters.said, Said::Prompt(text) if text == r#"{"a":[1,null]}"#));
        assert_eq!(parameters.system_prompt.as_deref(), Some("7"));
    }

    #[test]
    fn mistakes_are_named() {
        for (task_type, parameters, expected) in [
            (
                "text",
                r#"{"promt": "p"}"#,
                "GZ7003: `promt` is no parameter of a task of type text; did you mean `prompt`?",
            ),
            (
                "text",
                r#"{"prompt": "p", "image_path": "a.png"}"#,
                "GZ7003: `image_path` is no parameter of a task of type text",
            ),
            ("text", "{}", "GZ7006: it has neither `prompt` nor `messages`"),
            ("text", r#"{"prompt": "p", "messages": []}"#, "GZ7001: it has both"),
            ("text", r#"{"messages": []}"#, "GZ7001: `messages` has no message of the role `user`"),
            (
                "text",
                r#"{"messages": [{"role": "usr", "content": ""}]}"#,
                "`usr` is no role of a message; did you mean `user`?",
            ),
            ("text", r#"{"prompt": "p", "temperature": "hot"}"#, "the parameter `temperature` does not fit"),
            ("text", r#"{"prompt": "p", "temperature": 2.5}"#, "`temperature` is 2.5; it goes from 0 to 2"),
            ("text", r#"{"prompt": "p", "temperature": -0.1}"#, "`temperature` is -0.1"),
            ("text", r#"{"prompt": "p", "max_tokens": 0}"#, "`max_tokens` is 0"),
            ("text", r#"{"prompt": "p", "model_name": " "}"#, "`model_name` is empty"),
            ("vision", r#"{"prompt": "p"}"#, "GZ7006: a vision task needs an image"),
            ("vision", r#"{"prompt": "p", "base64": "", "image_url": ""}"#, "more than one image"),
            ("text", "[]", "GZ7001: the parameters are no object"),
        ] {
            let error = parse(task_type, parameters).expect_err(parameters);
            assert!(error.contains(expected), "{parameters}: {error}");
        }
    }
}
