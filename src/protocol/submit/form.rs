//! What a task does: the short forms (`function`, `prompt`, `url`, `file`, `external`) and the explicit one
//! (`task_type` and `parameters`), all brought to a type, a route and a parameters object.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::external::{self, Entries};
use super::object::{ObjectWriter, Opaque, is_array, is_object};
use super::policy::{invalid, unknown};
use super::task::RawTask;
use crate::core::errors::{REQUIRED_FIELD_MISSING, UNKNOWN_FIELD, WORKFLOW_VALIDATION_FAILED};
use crate::core::rejection::Rejection;
use crate::protocol::fields::{Seconds, Text};
use crate::protocol::task_parameters::{self, FILE_OPERATIONS};
use crate::protocol::task_types;

/// A task that runs inside the binary or on an executor node, from acceptance to report.
const RUN_TIMEOUT: Seconds = Seconds { ms: 300_000 };

/// A request that may take longer than a task usually may leaves its task so much more.
const AROUND_REQUEST_MS: u64 = 10_000;

/// A task in its one form, however it was written.
#[derive(Debug)]
pub(super) struct Work<'t> {
    pub(super) task_type: &'static str,
    pub(super) external_type: Option<Arc<str>>,
    pub(super) service: Option<Arc<str>>,
    pub(super) function: Option<Arc<str>>,
    /// A compact JSON object.
    pub(super) parameters: Cow<'t, str>,
    pub(super) run_timeout: RunTimeout,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RunTimeout {
    pub(super) seconds: Seconds,
    /// Whether the submitter said so, or it is a default.
    pub(super) stated: bool,
}

impl RunTimeout {
    pub(super) fn new(stated: Option<Seconds>, default: Seconds) -> Self {
        Self { seconds: stated.unwrap_or(default), stated: stated.is_some() }
    }
}

pub(super) fn work<'t, 'de, J: Opaque<'de>>(task: &'t RawTask<'de, J>) -> Result<Work<'t>, Rejection> {
    match form_of(task)? {
        Form::Explicit(task_type) => {
            allow(task, "task_type", &["parameters"])?;
            let parameters = task.parameters.as_ref().map_or(Cow::Borrowed("{}"), Opaque::json);
            explicit(task_type, parameters, task.run_timeout()?)
        }
        Form::Function(name) => function(task, name),
        Form::Prompt => prompt(task),
        Form::Http => http(task),
        Form::File(path) => file(task, path),
        Form::External(kind) => external::short_form(task, kind),
    }
}

enum Form<'t> {
    Explicit(&'t str),
    Function(&'t str),
    Prompt,
    Http,
    File(&'t str),
    External(&'t str),
}

fn form_of<'t, 'de, J: Opaque<'de>>(task: &'t RawTask<'de, J>) -> Result<Form<'t>, Rejection> {
    let text = |field: &'t Option<Text<'de>>| field.as_ref().map(|text| &**text);
    let prompted = task.prompt.is_some() || task.messages.is_some();
    let forms = [
        text(&task.task_type).map(|name| ("task_type", Form::Explicit(name))),
        text(&task.function).map(|name| ("function", Form::Function(name))),
        prompted.then_some(("prompt", Form::Prompt)),
        task.url.is_some().then_some(("url", Form::Http)),
        text(&task.file).map(|path| ("file", Form::File(path))),
        text(&task.external).map(|kind| ("external", Form::External(kind))),
    ];
    let mut given = forms.into_iter().flatten();
    let Some((key, form)) = given.next() else {
        return Err(Rejection::new(
            REQUIRED_FIELD_MISSING,
            "it does not say what to do; give it one of `function`, `prompt`, `url`, `file`, `external`, or \
             `task_type` with `parameters`",
        ));
    };
    match given.next() {
        Some((other, _)) => Err(Rejection::new(
            WORKFLOW_VALIDATION_FAILED,
            format!("it has both `{key}` and `{other}`; a task does one thing, so make it two tasks"),
        )),
        None => Ok(form),
    }
}

/// Refuses keys that mean nothing beside the one that says what the task does.
pub(super) fn allow<J>(task: &RawTask<'_, J>, form: &str, allowed: &[&str]) -> Result<(), Rejection> {
    let stray =
        task.own_keys().into_iter().find(|(key, given)| *given && *key != form && !allowed.contains(key));
    stray.map_or(Ok(()), |(key, _)| {
        Err(Rejection::new(
            UNKNOWN_FIELD,
            format!("`{key}` means nothing in a task with `{form}`; it can have: {}", allowed.join(", ")),
        ))
    })
}

/// The explicit form, which is also the one that travels in `workflow:submit`.
pub(super) fn explicit<'t>(
    task_type: &str,
    parameters: Cow<'t, str>,
    timeout: Option<Seconds>,
) -> Result<Work<'t>, Rejection> {
    if !is_object(&parameters) {
        return Err(invalid("`parameters` must be an object of names and values"));
    }
    let Some(name) = task_types::canonical(task_type) else {
        return Err(unknown("task type", task_type, &task_types::names().collect::<Vec<_>>()));
    };
    if name.starts_with("external_") {
        return external::explicit(name, parameters, timeout);
    }
    let function = if name == "function" { Some(function_name(&parameters)?) } else { None };
    check_parameters(name, &parameters)?;
    Ok(Work { function, ..internal(name, parameters, timeout) })
}

/// Values may be templates, which are filled later; names are never.
fn check_parameters(task_type: &str, parameters: &str) -> Result<(), Rejection> {
    if !matches!(task_type, "http" | "file") {
        return Ok(());
    }
    let entries: Entries<'_> = serde_json::from_str(parameters).expect("an object of a parsed body is JSON");
    task_parameters::check(task_type, entries.names())?;
    if task_type == "http" && !entries.names().any(|name| name == "url") {
        return Err(Rejection::new(REQUIRED_FIELD_MISSING, "`parameters` of an http task need `url`"));
    }
    Ok(())
}

fn internal<'t>(task_type: &'static str, parameters: Cow<'t, str>, timeout: Option<Seconds>) -> Work<'t> {
    Work {
        task_type,
        external_type: None,
        service: None,
        function: None,
        parameters,
        run_timeout: RunTimeout::new(timeout, RUN_TIMEOUT),
    }
}

fn function_name(parameters: &str) -> Result<Arc<str>, Rejection> {
    #[derive(Deserialize)]
    struct View<'a> {
        #[serde(borrow)]
        function_name: Option<Text<'a>>,
    }
    let view: View<'_> = serde_json::from_str(parameters)
        .map_err(|_| invalid("`parameters.function_name` must be the name of a function, as text"))?;
    view.function_name.as_ref().map(Text::to_arc).ok_or_else(|| {
        Rejection::new(REQUIRED_FIELD_MISSING, "`parameters` of a function task need `function_name`")
    })
}

fn function<'t, 'de, J: Opaque<'de>>(
    task: &'t RawTask<'de, J>,
    name: &'t str,
) -> Result<Work<'t>, Rejection> {
    allow(task, "function", &["args", "kwargs"])?;
    let args = task.args.as_ref().map(Opaque::json);
    let kwargs = task.kwargs.as_ref().map(Opaque::json);
    let mut object = ObjectWriter::new().text("function_name", Some(name));
    let mut named = kwargs;
    if let Some(args) = args {
        match (is_array(&args), is_object(&args), &named) {
            (true, _, _) => object = object.json("args", args),
            (_, true, None) => named = Some(args),
            (_, true, Some(_)) => {
                return Err(invalid("`args` is an object although there is `kwargs`; keep one of them"));
            }
            (false, false, _) => {
                return Err(invalid("`args` must be a list, or an object of named arguments"));
            }
        }
    }
    if let Some(named) = named {
        if !is_object(&named) {
            return Err(invalid("`kwargs` must be an object of named arguments"));
        }
        object = object.json("kwargs", named);
    }
    let parameters = Cow::Owned(object.finish());
    Ok(Work { function: Some(Arc::from(name)), ..internal("function", parameters, task.run_timeout()?) })
}

fn prompt<'t, 'de, J: Opaque<'de>>(task: &'t RawTask<'de, J>) -> Result<Work<'t>, Rejection> {
    const KEYS: [&str; 8] = [
        "prompt",
        "messages",
        "image",
        "model",
        "system_prompt",
        "temperature",
        "max_tokens",
        "endpoint_tags",
    ];
    allow(task, "prompt", &KEYS)?;
    let image = task.image.as_ref().map(|image| {
        let web = image.starts_with("http://") || image.starts_with("https://");
        (if web { "image_url" } else { "image_path" }, &**image)
    });
    let object = ObjectWriter::new()
        .text("prompt", task.prompt.as_deref())
        .opaque("messages", task.messages.as_ref())
        .text("system_prompt", task.system_prompt.as_deref())
        .text("model_name", task.model.as_deref())
        .opaque("temperature", task.temperature.as_ref())
        .opaque("max_tokens", task.max_tokens.as_ref())
        .opaque("endpoint_tags", task.endpoint_tags.as_ref());
    let (task_type, object) = match image {
        Some((key, image)) => ("vision", object.text(key, Some(image))),
        None => ("text", object),
    };
    Ok(internal(task_type, Cow::Owned(object.finish()), task.run_timeout()?))
}

fn http<'t, 'de, J: Opaque<'de>>(task: &'t RawTask<'de, J>) -> Result<Work<'t>, Rejection> {
    const KEYS: [&str; 11] = [
        "method",
        "headers",
        "query",
        "data",
        "form",
        "body",
        "body_base64",
        "allow_status",
        "redirects",
        "max_bytes",
        "response",
    ];
    allow(task, "url", &KEYS)?;
    let object = task.timeout.iter().fold(ObjectWriter::new(), |object, time| object.json("timeout", time));
    let parameters = object
        .text("url", task.url.as_deref())
        .text("method", task.method.as_deref())
        .opaque("headers", task.headers.as_ref())
        .opaque("query", task.query.as_ref())
        .opaque("data", task.data.as_ref())
        .opaque("form", task.form.as_ref())
        .opaque("body", task.body.as_ref())
        .text("body_base64", task.body_base64.as_deref())
        .opaque("allow_status", task.allow_status.as_ref())
        .opaque("redirects", task.redirects.as_ref())
        .opaque("max_bytes", task.max_bytes.as_ref())
        .text("response", task.response.as_deref())
        .finish();
    // The task has time for its request and for what comes before and after it.
    let longer = task.timeout.filter(|time| *time >= RUN_TIMEOUT);
    let run = longer.map(|time| Seconds { ms: time.ms.saturating_add(AROUND_REQUEST_MS) });
    Ok(internal("http", Cow::Owned(parameters), task.timeout_seconds.or(run)))
}

/// The file that is written is the target; any other is the source.
fn file<'t, 'de, J: Opaque<'de>>(task: &'t RawTask<'de, J>, path: &'t str) -> Result<Work<'t>, Rejection> {
    allow(task, "file", &["operation", "target_path", "content", "encoding"])?;
    let operation = task.operation.as_deref().unwrap_or("read");
    if !FILE_OPERATIONS.contains(&operation) {
        return Err(unknown("file operation", operation, &FILE_OPERATIONS));
    }
    let writes = matches!(operation, "write" | "append");
    if writes && task.target_path.is_some() {
        return Err(invalid(format!("`file` names what {operation} writes to; leave out `target_path`")));
    }
    let parameters = ObjectWriter::new()
        .text("operation", Some(operation))
        .text(if writes { "target_path" } else { "source_path" }, Some(path))
        .text("target_path", task.target_path.as_deref())
        .opaque("content", task.content.as_ref())
        .text("encoding", task.encoding.as_deref())
        .finish();
    Ok(internal("file", Cow::Owned(parameters), task.run_timeout()?))
}
