//! `gleitzeit completions`: what a shell needs to complete words of the command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::print;
use super::{Cli, Exit};

/// Write the completions of a shell to stdout.
///
/// For bash: `gleitzeit completions bash > /etc/bash_completion.d/gleitzeit`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "gleitzeit", &mut script);
        print(&String::from_utf8(script)?);
        Ok(Exit::Ok)
    }
}
