//! The command line, one file per verb. Data goes to stdout, everything else to stderr.

#[cfg(feature = "client")]
mod bench;
#[cfg(feature = "client")]
mod cancel;
mod errors;
mod exit;
#[cfg(feature = "server")]
mod functions;
#[cfg(feature = "client")]
mod health;
#[cfg(feature = "client")]
mod list;
mod output;
#[cfg(feature = "server")]
mod registry;
#[cfg(feature = "client")]
mod remote;
#[cfg(feature = "client")]
mod results;
#[cfg(feature = "client")]
mod run;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "client")]
mod services;
#[cfg(feature = "client")]
mod shutdown;
#[cfg(feature = "client")]
mod status;
#[cfg(feature = "server")]
mod store;
#[cfg(feature = "client")]
mod submit;
#[cfg(feature = "server")]
mod telemetry;
#[cfg(feature = "client")]
mod validate;
#[cfg(feature = "client")]
mod watch;
#[cfg(feature = "client")]
mod why;
#[cfg(feature = "client")]
mod workflow_file;

#[cfg(feature = "demo")]
mod demo;

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
    #[cfg(feature = "client")]
    Submit(submit::Submit),
    #[cfg(feature = "client")]
    Run(run::Run),
    #[cfg(feature = "client")]
    Validate(validate::Validate),
    #[cfg(feature = "client")]
    List(list::List),
    #[cfg(feature = "client")]
    Status(status::Status),
    #[cfg(feature = "client")]
    Watch(watch::Watch),
    #[cfg(feature = "client")]
    Results(results::Results),
    #[cfg(feature = "client")]
    Why(why::Why),
    #[cfg(feature = "client")]
    Cancel(cancel::Cancel),
    #[cfg(feature = "client")]
    Services(services::Services),
    #[cfg(feature = "client")]
    Health(health::Health),
    #[cfg(feature = "client")]
    Shutdown(shutdown::Shutdown),
    #[cfg(feature = "client")]
    Bench(bench::Bench),
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    #[cfg(feature = "server")]
    Store(store::Store),
    #[cfg(feature = "server")]
    Functions(functions::Functions),
    Errors(errors::Errors),
}

/// Parses the command line, runs the verb and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.verb {
        #[cfg(feature = "server")]
        Verb::Serve(serve) => serve.run(),
        #[cfg(feature = "client")]
        Verb::Submit(submit) => submit.run(),
        #[cfg(feature = "client")]
        Verb::Run(run) => run.run(),
        #[cfg(feature = "client")]
        Verb::Validate(validate) => validate.run(),
        #[cfg(feature = "client")]
        Verb::List(list) => list.run(),
        #[cfg(feature = "client")]
        Verb::Status(status) => status.run(),
        #[cfg(feature = "client")]
        Verb::Watch(watch) => watch.run(),
        #[cfg(feature = "client")]
        Verb::Results(results) => results.run(),
        #[cfg(feature = "client")]
        Verb::Why(why) => why.run(),
        #[cfg(feature = "client")]
        Verb::Cancel(cancel) => cancel.run(),
        #[cfg(feature = "client")]
        Verb::Services(services) => services.run(),
        #[cfg(feature = "client")]
        Verb::Health(health) => health.run(),
        #[cfg(feature = "client")]
        Verb::Shutdown(shutdown) => shutdown.run(),
        #[cfg(feature = "client")]
        Verb::Bench(bench) => bench.run(),
        #[cfg(feature = "demo")]
        Verb::Demo(demo) => demo.run(),
        #[cfg(feature = "server")]
        Verb::Store(store) => store.run(),
        #[cfg(feature = "server")]
        Verb::Functions(functions) => functions.run(),
        Verb::Errors(errors) => errors.run(),
    };
    exit::code(outcome)
}
