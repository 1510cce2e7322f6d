//! `gleitzeit import`: a run of another server, to be looked at.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::Exit;
use super::output::Output;
use super::remote::Remote;
use super::submit::receipt;

/// Take a run that `gleitzeit export` wrote into this server, to look at it.
///
/// It keeps its id, and appears with its tasks, results, attempts and events like a run of this server; nothing of it ever
/// runs here, and no webhook is told. A task that had not ended appears as cancelled and says what it waited for.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file; - for stdin.
    file: PathBuf,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let shown = self.file.display();
        let file = if self.file.as_os_str() == "-" {
            let mut text = Vec::new();
            std::io::stdin().lock().read_to_end(&mut text).map(|_| text)
        } else {
            std::fs::read(&self.file)
        };
        let file = file.with_context(|| format!("{shown} cannot be read"))?;
        self.remote.run(async |client| {
            let imported = client.import(file.clone()).await?;
            self.output.one(&imported, &imported.id, || receipt(&imported))?;
            Ok(Exit::Ok)
        })
    }
}
