//! The command line, one file per verb. Data goes to stdout, everything else to stderr.

mod exit;
#[cfg(feature = "server")]
mod serve;
mod telemetry;

#[cfg(feature = "demo")]
pub mod demo;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::Exit;

#[derive(Debug, Parser)]
#[command(
    name = "gleitzeit",
    version,
    about = "Durable workflow orchestration in one binary",
    max_term_width = 110
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the server: engine, REST API, Socket.IO endpoint and status page.
    #[cfg(feature = "server")]
    Serve(serve::Serve),
}

/// Parses the command line, runs the verb and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.verb {
        #[cfg(feature = "server")]
        Verb::Serve(serve) => serve.run(),
    };
    exit::code(outcome)
}
