//! The words of the command line, and what is said of wrong ones.

use clap::error::{ContextKind, Error};
use clap::{Command, CommandFactory, Parser};

use super::Cli;

/// Ends the process where they are wrong.
pub(super) fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| with_usage_of_words(error).exit())
}

/// A usage line repeats the options that were given. One that the environment gives is none of them: it would look as if it
/// had to be written.
fn with_usage_of_words(mut error: Error) -> Error {
    if error.get(ContextKind::Usage).is_some()
        && let Err(told) = without_environment(Cli::command()).try_get_matches()
        && let Some(usage) = told.get(ContextKind::Usage)
    {
        error.insert(ContextKind::Usage, usage.clone());
    }
    error
}

fn without_environment(command: Command) -> Command {
    let command = command.mut_args(|argument| argument.env(None::<&'static str>));
    command.mut_subcommands(without_environment)
}
