//! `gleitzeit monitor`: how the server does, live on a terminal, once as text, or as a stream of JSON.
//!
//! `model` folds what the server told, `app` is the screen as data, `draw` draws it; these are pure. `link` is the
//! connection, and `screen` the terminal.

mod app;
mod ask;
mod command;
mod draw;
mod figures;
mod keys;
mod link;
mod look;
mod model;
mod once;
mod rows;
mod screen;
mod stream;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use clap::Args;

use super::output::{Format, Output};
use super::remote::Remote;
use super::{Exit, usage};

/// Watch the server: throughput, workflows, tasks, services, events and errors, with keys that act on them.
///
/// Without a terminal, --once prints a snapshot and `-o jsonl` streams figures; `?` lists the keys.
#[derive(Debug, Args)]
pub(super) struct Monitor {
    /// Print one snapshot and end.
    #[arg(long)]
    once: bool,
    /// Time between two looks at the server.
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    interval: u64,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Monitor {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let every = Duration::from_secs(self.interval);
        let draws = match self.output.format {
            Format::Table | Format::Wide => !self.once,
            Format::Json | Format::Jsonl | Format::Yaml => false,
            Format::Name if self.once => false,
            Format::Name => {
                return Err(usage("`-o name` lists the workflows under way, and belongs to --once"));
            }
        };
        if draws {
            screen::check_terminal()?;
        }
        let url = self.remote.address()?;
        self.remote.run(async |client| {
            if self.once {
                once::print(&client, &url, &self.output).await?;
            } else if draws {
                // Whoever mistyped the address or the token is told so on the terminal as it was.
                client.stats().await?;
                return screen::run(&client, url, every).await;
            } else {
                stream::run(&client, every, &self.output).await?;
            }
            Ok(Exit::Ok)
        })
    }
}
