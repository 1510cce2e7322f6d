//! The names that parameters of tasks may have. Keys are never templates, so a wrong one of an `http` or `file` task is found
//! when the task is submitted.

use crate::core::errors::UNKNOWN_FIELD;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;

pub const HTTP_PARAMETERS: [&str; 13] = [
    "url",
    "method",
    "headers",
    "query",
    "data",
    "form",
    "body",
    "body_base64",
    "allow_status",
    "redirects",
    "timeout",
    "max_bytes",
    "response",
];

/// What language models are asked with. A node that registers for text tasks may know more, so these are looked at
/// when a task comes to the built-in worker.
pub const TEXT_PARAMETERS: [&str; 8] = [
    "prompt",
    "messages",
    "system_prompt",
    "model_name",
    "temperature",
    "max_tokens",
    "endpoint_tags",
    "pull",
];

/// Those of a text task, and the image.
pub const VISION_PARAMETERS: [&str; 11] = [
    "prompt",
    "messages",
    "system_prompt",
    "model_name",
    "temperature",
    "max_tokens",
    "endpoint_tags",
    "pull",
    "image_path",
    "image_url",
    "base64",
];

pub const FILE_PARAMETERS: [&str; 5] = ["operation", "source_path", "target_path", "content", "encoding"];

pub const FILE_OPERATIONS: [&str; 7] = ["read", "write", "append", "copy", "move", "delete", "list"];

pub const FUNCTION_PARAMETERS: [&str; 3] = ["function_name", "args", "kwargs"];

/// Of tasks for services. Those that connect may be sent more beside them; what a task is about stands in
/// `external_parameters`.
pub const EXTERNAL_PARAMETERS: [&str; 7] = [
    "service_name",
    "external_task_type",
    "external_parameters",
    "external_timeout",
    "service_url",
    "callback_url",
    "webhook_token",
];

/// What short forms call their parameters, and what these are called.
const SHORT_NAMES: [(&str, &str, &str); 5] = [
    ("text", "model", "`model_name`"),
    ("vision", "model", "`model_name`"),
    ("vision", "image", "`image_path` or `image_url`"),
    ("file", "file", "`source_path` or `target_path`"),
    ("function", "function", "`function_name`"),
];

/// The names that parameters of the type have when whoever runs it is not asked.
fn names_of(task_type: &str) -> &'static [&'static str] {
    known(task_type).unwrap_or(match task_type {
        "function" => &FUNCTION_PARAMETERS,
        _ => &EXTERNAL_PARAMETERS,
    })
}

pub fn has(task_type: &str, name: &str) -> bool {
    names_of(task_type).contains(&name)
}

/// That a task of the type has no such parameter, and where what is meant belongs.
pub fn misplaced(task_type: &str, name: &str) -> String {
    let what = format!("parameter of a task of type {task_type}");
    let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
    if let Some((.., known)) = SHORT_NAMES.iter().find(|(of, short, _)| *of == task_type && *short == name) {
        return format!("`{shown}` is no {what}; it is called {known} there");
    }
    let inside = match task_type {
        "function" => "its arguments stand in `args` or `kwargs`: set `kwargs",
        _ if known(task_type).is_none() => {
            "what its service gets stands in `external_parameters`: set `external_parameters"
        }
        _ => return unknown_value(&what, name, names_of(task_type)),
    };
    format!("`{shown}` is no {what}; {inside}.{shown}`")
}

/// The names that parameters of the type may have; `None` where they are not known here.
fn known(task_type: &str) -> Option<&'static [&'static str]> {
    match task_type {
        "text" => Some(&TEXT_PARAMETERS),
        "vision" => Some(&VISION_PARAMETERS),
        "http" => Some(&HTTP_PARAMETERS),
        "file" => Some(&FILE_PARAMETERS),
        _ => None,
    }
}

/// # Errors
/// The first name that means nothing for the type, and the one that was probably meant.
pub fn check<'k>(task_type: &str, names: impl IntoIterator<Item = &'k str>) -> Result<(), Rejection> {
    let Some(known) = known(task_type) else { return Ok(()) };
    match names.into_iter().find(|name| !known.contains(name)) {
        Some(name) => {
            let what = format!("parameter of a task of type {task_type}");
            Err(Rejection::new(UNKNOWN_FIELD, unknown_value(&what, name, known)))
        }
        None => Ok(()),
    }
}

/// That the value is none of the known ones, with the nearest of them.
pub fn unknown_value(what: &str, given: &str, known: &[&str]) -> String {
    let shown: String = given.chars().take(64).flat_map(char::escape_debug).collect();
    let near = suggestion(given, known.iter().copied());
    format!("`{shown}` is no {what}{near} (known: {})", known.join(", "))
}
