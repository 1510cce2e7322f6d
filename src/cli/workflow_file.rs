//! Reading a workflow that was written by hand: from a file, or from stdin as `-`.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::client::TextFormat;

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
}

impl WorkflowFile {
    /// Reads it; what it means is checked by whoever takes it.
    pub fn read(&self) -> anyhow::Result<Written> {
        read(&self.file)
    }
}

pub fn read(file: &Path) -> anyhow::Result<Written> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("stdin cannot be read as text")?;
        return Ok(Written { format: guessed(&text), text });
    }
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the workflow {} cannot be read", file.display()))?;
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let format = match extension.to_ascii_lowercase().as_str() {
        "json" => TextFormat::Json,
        "yaml" | "yml" => TextFormat::Yaml,
        _ => guessed(&text),
    };
    Ok(Written { text, format })
}

/// Nearly all JSON is YAML as well, but errors in it are told better by a reader of JSON.
fn guessed(text: &str) -> TextFormat {
    if text.trim_start().starts_with('{') { TextFormat::Json } else { TextFormat::Yaml }
}
