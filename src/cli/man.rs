//! `gleitzeit man`: the manual pages.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;

use super::output::print;
use super::{Cli, Exit, usage};

/// Write the manual: one page to stdout, or with --dir all pages to a directory.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The verb whose page is wanted, such as `services drain`; without one, that of the program.
    #[arg(conflicts_with = "dir")]
    verb: Vec<String>,
    /// Write every page here, as `gleitzeit.1`, `gleitzeit-run.1`, ...
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut command = Cli::command().disable_help_subcommand(true);
        // Gives every command its full name and the options that are known everywhere.
        command.build();
        if let Some(dir) = self.dir {
            std::fs::create_dir_all(&dir)
                .and_then(|()| clap_mangen::generate_to(command, &dir))
                .with_context(|| format!("the pages cannot be written to {}", dir.display()))?;
            return Ok(Exit::Ok);
        }
        let mut page = Vec::new();
        Page::new(find(&command, &self.verb)?.clone()).render(&mut page)?;
        print(&String::from_utf8(page)?);
        Ok(Exit::Ok)
    }
}

fn find<'c>(command: &'c Command, verb: &[String]) -> anyhow::Result<&'c Command> {
    let mut found = command;
    for word in verb {
        found = found
            .find_subcommand(word)
            .ok_or_else(|| usage(format!("`{}` has no verb `{word}`", found.get_name())))?;
    }
    Ok(found)
}
