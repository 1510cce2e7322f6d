//! Reading a workflow that was written by hand: from a file, or from stdin as `-`.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::client::{Client, ClientError, Problem, TextFormat, Validation};
#[cfg(feature = "server")]
use crate::core::rejection::Rejection;
#[cfg(feature = "server")]
use crate::core::spec::WorkflowSpec;

#[derive(Debug, clap::Args)]
pub struct WorkflowFile {
    /// The workflow in YAML or JSON; `-` reads stdin.
    file: PathBuf,
}

/// A workflow as it was written.
#[derive(Debug)]
pub struct Written {
    pub text: String,
    pub format: TextFormat,
    /// What messages call it.
    name: String,
}

/// What a server doubts about a workflow, on stderr.
pub fn tell_doubts(checked: &Validation) {
    let warnings = checked.more.get("warnings").and_then(serde_json::Value::as_array);
    for warning in warnings.into_iter().flatten().filter_map(serde_json::Value::as_str) {
        eprintln!("note: {warning}");
    }
}

impl WorkflowFile {
    /// Reads it; what it means is checked by whoever takes it.
    pub fn read(&self) -> anyhow::Result<Written> {
        read(&self.file)
    }
}

impl Written {
    /// Says on stderr what the server doubts about it, such as a function or a model that nobody has now. It was taken all
    /// the same, so a server that does not say is no reason to stop.
    pub async fn tell_doubts(&self, client: &Client) {
        if let Ok(checked) = client.validate_text(self.text.clone(), self.format).await {
            tell_doubts(&checked);
        }
    }

    /// A refusal of the server that says in which file the place is that it names.
    pub fn refused(&self, error: ClientError) -> ClientError {
        let Some(problem) = error.problem().filter(|problem| is_about_the_body(problem)) else {
            return error;
        };
        let detail = format!("{}: {}", self.name, problem.detail);
        ClientError::Problem(Box::new(Problem { detail, ..problem.clone() }))
    }

    /// The check that every server makes, with the usual limits. The folder of a batch is the server's, which is not
    /// looked into: one file stands for all of it.
    #[cfg(feature = "server")]
    pub fn checked(&self) -> Result<Checked, Rejection> {
        use std::cell::RefCell;

        use crate::core::limits::SubmissionLimits;
        use crate::protocol::submit::{ContentType, Found, Wanted, parse_with_files};

        let content_type = match self.format {
            TextFormat::Json => ContentType::Json,
            TextFormat::Yaml => ContentType::Yaml,
        };
        let folder = RefCell::new(None);
        let find = |wanted: &Wanted<'_>| {
            *folder.borrow_mut() = Some(wanted.folder.to_owned());
            let folder = wanted.folder.to_owned();
            Ok(Found { absolute: folder.clone(), folder, files: vec!["file".to_owned()] })
        };
        let limits = SubmissionLimits::default();
        let parsed = parse_with_files(self.text.as_bytes(), content_type, &limits, &find);
        let spec = parsed.map(|submission| submission.spec).map_err(|rejection| Rejection {
            message: format!("{}: {}", self.name, rejection.message),
            ..rejection
        })?;
        Ok(Checked { spec, batch_of: folder.into_inner() })
    }
}

/// A workflow that a server takes.
#[cfg(feature = "server")]
#[derive(Debug)]
pub struct Checked {
    pub spec: WorkflowSpec,
    /// The folder, where the workflow is a batch.
    pub batch_of: Option<String>,
}

/// What is wrong with what was sent; all other refusals are about the server or the caller.
fn is_about_the_body(problem: &Problem) -> bool {
    matches!(problem.status, 400 | 413 | 422)
}

pub fn read(file: &Path) -> anyhow::Result<Written> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("stdin cannot be read as text")?;
        return Ok(Written { format: guessed(&text), text, name: "stdin".to_owned() });
    }
    let name = file.display().to_string();
    let text =
        std::fs::read_to_string(file).with_context(|| format!("the workflow {name} cannot be read"))?;
    let format = match extension(file).as_str() {
        "json" => TextFormat::Json,
        "yaml" | "yml" => TextFormat::Yaml,
        _ => guessed(&text),
    };
    Ok(Written { text, format, name })
}

/// Whether a word that names no file was meant to.
pub fn looks_like_one(file: &Path) -> bool {
    matches!(extension(file).as_str(), "json" | "yaml" | "yml")
}

fn extension(file: &Path) -> String {
    file.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase()
}

/// Nearly all JSON is YAML as well, but errors in it are told better by a reader of JSON.
fn guessed(text: &str) -> TextFormat {
    if text.trim_start().starts_with('{') { TextFormat::Json } else { TextFormat::Yaml }
}
