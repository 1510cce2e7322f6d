//! `file` tasks: read, write, append, copy, move, delete and list, inside one configured folder.
//!
//! A task may run more than once, so each operation can be repeated: writing, copying, listing and reading give the
//! same again, and moving and deleting see that an earlier attempt did their work. Only append adds again.

mod error;
mod folder;
mod list;
mod operation;
mod path;
mod root;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub use error::FileError;
pub use root::Root;

use crate::core::ids::{AttemptNo, TaskId};
use crate::core::json_text::compact;
use crate::core::payload::Payload;
use crate::protocol::task_parameters::{FILE_OPERATIONS, unknown_value};
use operation::{Attempt, Done};
use path::RelativePath;

/// Parameters whose names have been checked.
#[derive(Debug, Deserialize)]
pub(super) struct FileTask<'a> {
    operation: Option<Cow<'a, str>>,
    source_path: Option<Cow<'a, str>>,
    target_path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    encoding: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Text,
    Base64,
}

/// Runs a task on the blocking threads. Dropping the future stops it before its next step.
pub(super) async fn perform(
    root: &Arc<Root>,
    parameters: &Payload,
    task: TaskId,
    attempt: AttemptNo,
) -> Result<Payload, FileError> {
    let stopped = Arc::new(AtomicBool::new(false));
    let attempt = Attempt {
        task: format!("{:032x}-{}", task.workflow.0, task.index),
        number: attempt.0,
        stopped: Arc::clone(&stopped),
    };
    let (root, parameters) = (Arc::clone(root), parameters.clone());
    let _stops = StopOnDrop(stopped);
    let ran = tokio::task::spawn_blocking(move || {
        let task: FileTask<'_> = serde_json::from_str(parameters.as_str())
            .map_err(|reason| FileError::Invalid(format!("the parameters do not fit: {reason}")))?;
        run(&root, &attempt, &task)
    });
    ran.await.unwrap_or_else(|broken| Err(FileError::Broken(broken.to_string())))
}

struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Read,
    Write,
    Append,
    Copy,
    Move,
    Delete,
    List,
}

impl Operation {
    fn parse(name: Option<&str>) -> Result<Self, FileError> {
        Ok(match name {
            None | Some("read") => Self::Read,
            Some("write") => Self::Write,
            Some("append") => Self::Append,
            Some("copy") => Self::Copy,
            Some("move") => Self::Move,
            Some("delete") => Self::Delete,
            Some("list") => Self::List,
            Some(other) => {
                return Err(FileError::Invalid(unknown_value("operation", other, &FILE_OPERATIONS)));
            }
        })
    }

    /// A parameter that the operation would ignore is a mistake.
    const fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["source_path", "encoding"],
            Self::Write | Self::Append => &["target_path", "content", "encoding"],
            Self::Copy | Self::Move => &["source_path", "target_path"],
            Self::Delete | Self::List => &["source_path"],
        }
    }
}

fn run(root: &Root, attempt: &Attempt, task: &FileTask<'_>) -> Result<Payload, FileError> {
    let operation = Operation::parse(task.operation.as_deref())?;
    task.refuse_strays(operation.takes())?;
    let result = match operation {
        Operation::Read => read(root, task)?,
        Operation::Write => {
            let content = task.content()?;
            operation::write(root, attempt, task.target()?, &content)?;
            json!({ "written": content.len() })
        }
        Operation::Append => {
            let content = task.content()?;
            let size = operation::append(root, attempt, task.target()?, &content)?;
            json!({ "written": content.len(), "size": size })
        }
        Operation::Copy => {
            json!({ "copied": operation::copy(root, attempt, &task.source()?, task.target()?)? })
        }
        Operation::Move => told("moved", operation::rename(root, attempt, &task.source()?, task.target()?)?),
        Operation::Delete => told("deleted", operation::delete(root, attempt, &task.source()?)?),
        Operation::List => {
            let folder =
                task.source_path.as_deref().map_or(Ok(RelativePath::default()), RelativePath::parse)?;
            json!(list::list(root, &folder)?)
        }
    };
    Ok(Payload::new(result.to_string()))
}

fn told(what: &str, done: Done) -> Value {
    match done {
        Done::Now => json!({ what: true }),
        Done::Before => json!({ what: true, "by_earlier_attempt": true }),
    }
}

fn read(root: &Root, task: &FileTask<'_>) -> Result<Value, FileError> {
    let path = task.source()?;
    let encoding = task.encoding()?;
    let bytes = root.read_at(&path, root.read_bytes_max)?;
    match encoding {
        Encoding::Base64 => Ok(json!(STANDARD.encode(bytes))),
        Encoding::Text => String::from_utf8(bytes).map(Value::String).map_err(|_| {
            FileError::Invalid(format!(
                "`{path}` holds bytes that are no UTF-8 text; read it with `encoding: base64`"
            ))
        }),
    }
}

impl FileTask<'_> {
    fn source(&self) -> Result<RelativePath, FileError> {
        needed("source_path", self.source_path.as_deref()).and_then(RelativePath::parse)
    }

    fn target(&self) -> Result<RelativePath, FileError> {
        needed("target_path", self.target_path.as_deref()).and_then(RelativePath::parse)
    }

    fn encoding(&self) -> Result<Encoding, FileError> {
        match self.encoding.as_deref() {
            None | Some("text") => Ok(Encoding::Text),
            Some("base64") => Ok(Encoding::Base64),
            Some(other) => Err(FileError::Invalid(unknown_value("encoding", other, &["text", "base64"]))),
        }
    }

    /// The bytes to write. What is no text is written as JSON, so that a result can be written as it is. Text may
    /// hold escapes that are JSON and no characters, such as half of a surrogate pair: there are no bytes for it.
    fn content(&self) -> Result<Cow<'_, [u8]>, FileError> {
        let json = needed("content", self.content.map(RawValue::get))?;
        let encoding = self.encoding()?;
        let text: Option<String> = match json.strip_prefix('"') {
            Some(_) => Some(serde_json::from_str(json).map_err(|reason| unwritable(&reason))?),
            None => None,
        };
        match (encoding, text) {
            (Encoding::Text, Some(text)) => Ok(Cow::Owned(text.into_bytes())),
            (Encoding::Text, None) => Ok(match compact(json) {
                Cow::Borrowed(json) => Cow::Borrowed(json.as_bytes()),
                Cow::Owned(json) => Cow::Owned(json.into_bytes()),
            }),
            (Encoding::Base64, Some(text)) => STANDARD
                .decode(text.trim())
                .map(Cow::Owned)
                .map_err(|reason| FileError::Invalid(format!("`content` is no base64: {reason}"))),
            (Encoding::Base64, None) => {
                Err(FileError::Invalid("`content` must be base64 text with `encoding: base64`".to_owned()))
            }
        }
    }

    fn refuse_strays(&self, takes: &[&str]) -> Result<(), FileError> {
        let given = [
            ("source_path", self.source_path.is_some()),
            ("target_path", self.target_path.is_some()),
            ("content", self.content.is_some()),
            ("encoding", self.encoding.is_some()),
        ];
        match given.into_iter().find(|(name, given)| *given && !takes.contains(name)) {
            Some((name, _)) => Err(FileError::Invalid(format!(
                "`{name}` means nothing for this operation; it takes: {}",
                takes.join(", ")
            ))),
            None => Ok(()),
        }
    }
}

/// JSON is read already, so nothing else can be wrong with its text. The opening quote is the first column.
fn unwritable(reason: &serde_json::Error) -> FileError {
    FileError::Invalid(format!(
        "`content` holds half of a surrogate pair, which is no character and has no bytes: line {} column {} of it",
        reason.line(),
        reason.column()
    ))
}

fn needed<'t>(name: &str, value: Option<&'t str>) -> Result<&'t str, FileError> {
    value.ok_or_else(|| FileError::Invalid(format!("the operation needs `{name}`")))
}
