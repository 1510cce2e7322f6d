//! `gleitzeit validate`: checks a workflow without storing anything.

use clap::Args;

use super::Exit;
use super::output::{Output, pairs};
use super::remote::Remote;
use super::workflow_file::WorkflowFile;
use crate::client::Validation;

/// Check a workflow, here or with --url by a server, which has limits of its own.
#[derive(Debug, Args)]
pub(super) struct Validate {
    #[command(flatten)]
    file: WorkflowFile,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Validate {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let written = self.file.read()?;
        #[cfg(feature = "server")]
        if self.remote.url.is_none() {
            show(&self.output, &check_here(&written)?)?;
            return Ok(Exit::Ok);
        }
        self.remote.run(async |client| {
            let validation = client.validate_text(written.text, written.format).await?;
            show(&self.output, &validation)?;
            Ok(Exit::Ok)
        })
    }
}

fn show(output: &Output, validation: &Validation) -> anyhow::Result<()> {
    let Validation { name, total_tasks, .. } = validation;
    output.one(validation, name, || {
        pairs(&[("valid", "true".to_owned()), ("name", name.clone()), ("tasks", total_tasks.to_string())])
    })
}

/// The check that every server makes, with the usual limits.
#[cfg(feature = "server")]
fn check_here(written: &super::workflow_file::Written) -> anyhow::Result<Validation> {
    use crate::client::TextFormat;
    use crate::core::limits::SubmissionLimits;
    use crate::protocol::submit::{ContentType, parse_submission};

    let content_type = match written.format {
        TextFormat::Json => ContentType::Json,
        TextFormat::Yaml => ContentType::Yaml,
    };
    let parsed = parse_submission(written.text.as_bytes(), content_type, &SubmissionLimits::default());
    let spec = parsed?.spec;
    let more = serde_json::Map::from_iter([("valid".to_owned(), true.into())]);
    Ok(Validation { name: spec.name.to_string(), total_tasks: spec.total().into(), more })
}
