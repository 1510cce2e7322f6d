//! The command line, one file per verb. Data goes to stdout, everything else to stderr.

#[cfg(any(feature = "client", feature = "server"))]
mod auth;
#[cfg(feature = "client")]
mod bench;
#[cfg(feature = "client")]
mod bulk;
#[cfg(feature = "client")]
mod cancel;
#[cfg(feature = "client")]
mod completions;
#[cfg(feature = "client")]
mod conditions;
#[cfg(feature = "server")]
mod config;
#[cfg(all(feature = "client", feature = "server"))]
mod conformance;
mod errors;
#[cfg(feature = "client")]
mod events;
mod exit;
#[cfg(feature = "client")]
mod feed;
#[cfg(feature = "server")]
mod functions;
#[cfg(feature = "client")]
mod graph;
#[cfg(feature = "client")]
mod health;
#[cfg(feature = "client")]
mod import;
#[cfg(feature = "client")]
mod inspect;
#[cfg(feature = "client")]
mod latency;
#[cfg(feature = "server")]
mod lifecycle;
#[cfg(feature = "client")]
mod list;
#[cfg(feature = "client")]
mod logs;
#[cfg(feature = "client")]
mod man;
#[cfg(feature = "client")]
mod monitor;
#[cfg(feature = "server")]
mod opened;
mod output;
#[cfg(feature = "client")]
mod pause;
#[cfg(feature = "client")]
mod receipt;
#[cfg(feature = "server")]
mod registry;
#[cfg(feature = "client")]
mod remote;
#[cfg(feature = "client")]
mod results;
#[cfg(feature = "client")]
mod resume;
#[cfg(feature = "client")]
mod retry;
#[cfg(feature = "client")]
mod run;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "client")]
mod services;
#[cfg(feature = "client")]
mod shutdown;
#[cfg(feature = "client")]
mod skip;
#[cfg(feature = "client")]
mod stats;
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
mod version;
#[cfg(feature = "client")]
mod watch;
#[cfg(feature = "client")]
mod webhooks;
#[cfg(feature = "client")]
mod why;
mod words;
#[cfg(feature = "client")]
mod workflow_file;

#[cfg(all(feature = "client", feature = "server"))]
mod doctor;
#[cfg(feature = "client")]
mod export;
#[cfg(feature = "server")]
mod redact;

#[cfg(feature = "demo")]
mod demo;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::Exit;
use exit::usage;

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
    Serve(Box<serve::Serve>),
    #[cfg(feature = "client")]
    Submit(submit::Submit),
    #[cfg(feature = "client")]
    Run(Box<run::Run>),
    #[cfg(feature = "client")]
    Validate(validate::Validate),
    #[cfg(feature = "client")]
    Graph(graph::Graph),
    #[cfg(feature = "client")]
    List(list::List),
    #[cfg(feature = "client")]
    Status(status::Status),
    #[cfg(feature = "client")]
    Inspect(inspect::Inspect),
    #[cfg(feature = "client")]
    Watch(watch::Watch),
    #[cfg(feature = "client")]
    Why(why::Why),
    #[cfg(feature = "client")]
    Events(events::Events),
    #[cfg(feature = "client")]
    Logs(logs::Logs),
    #[cfg(feature = "client")]
    Results(results::Results),
    #[cfg(feature = "client")]
    Cancel(cancel::Cancel),
    #[cfg(feature = "client")]
    Pause(pause::Pause),
    #[cfg(feature = "client")]
    Resume(resume::Resume),
    #[cfg(feature = "client")]
    Retry(retry::Retry),
    #[cfg(feature = "client")]
    Skip(skip::Skip),
    #[cfg(feature = "client")]
    Services(services::Services),
    #[cfg(feature = "client")]
    Webhooks(webhooks::Webhooks),
    #[cfg(feature = "client")]
    Stats(stats::Stats),
    #[cfg(feature = "client")]
    Health(health::Health),
    #[cfg(feature = "client")]
    Monitor(monitor::Monitor),
    #[cfg(feature = "client")]
    Shutdown(shutdown::Shutdown),
    #[cfg(feature = "client")]
    Bench(bench::Bench),
    #[cfg(all(feature = "client", feature = "server"))]
    Conformance(conformance::Conformance),
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    #[cfg(feature = "client")]
    Export(export::Export),
    #[cfg(any(feature = "client", feature = "server"))]
    #[command(flatten)]
    Care(Care),
    #[cfg(feature = "server")]
    Functions(functions::Functions),
    Errors(errors::Errors),
    #[cfg(feature = "client")]
    Completions(completions::Completions),
    #[cfg(feature = "client")]
    Man(man::Man),
    Version(version::Version),
}

/// For whoever looks after a server.
#[cfg(any(feature = "client", feature = "server"))]
#[derive(Debug, Subcommand)]
enum Care {
    Auth(auth::Auth),
    #[cfg(feature = "client")]
    Import(import::Import),
    #[cfg(feature = "server")]
    Store(store::Store),
    #[cfg(feature = "server")]
    Config(Box<config::Config>),
    #[cfg(all(feature = "client", feature = "server"))]
    Doctor(doctor::Doctor),
}

#[cfg(any(feature = "client", feature = "server"))]
impl Care {
    fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Auth(auth) => auth.run(),
            #[cfg(feature = "client")]
            Self::Import(import) => import.run(),
            #[cfg(feature = "server")]
            Self::Store(store) => store.run(),
            #[cfg(feature = "server")]
            Self::Config(config) => config.run(),
            #[cfg(all(feature = "client", feature = "server"))]
            Self::Doctor(doctor) => doctor.run(),
        }
    }
}

/// Parses the command line, runs the verb and says how it ended.
pub fn main() -> ExitCode {
    let cli = words::parse();
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
        Verb::Graph(graph) => graph.run(),
        #[cfg(feature = "client")]
        Verb::List(list) => list.run(),
        #[cfg(feature = "client")]
        Verb::Status(status) => status.run(),
        #[cfg(feature = "client")]
        Verb::Inspect(inspect) => inspect.run(),
        #[cfg(feature = "client")]
        Verb::Watch(watch) => watch.run(),
        #[cfg(feature = "client")]
        Verb::Why(why) => why.run(),
        #[cfg(feature = "client")]
        Verb::Events(events) => events.run(),
        #[cfg(feature = "client")]
        Verb::Logs(logs) => logs.run(),
        #[cfg(feature = "client")]
        Verb::Results(results) => results.run(),
        #[cfg(feature = "client")]
        Verb::Cancel(cancel) => cancel.run(),
        #[cfg(feature = "client")]
        Verb::Pause(pause) => pause.run(),
        #[cfg(feature = "client")]
        Verb::Resume(resume) => resume.run(),
        #[cfg(feature = "client")]
        Verb::Retry(retry) => retry.run(),
        #[cfg(feature = "client")]
        Verb::Skip(skip) => skip.run(),
        #[cfg(feature = "client")]
        Verb::Services(services) => services.run(),
        #[cfg(feature = "client")]
        Verb::Webhooks(webhooks) => webhooks.run(),
        #[cfg(feature = "client")]
        Verb::Stats(stats) => stats.run(),
        #[cfg(feature = "client")]
        Verb::Health(health) => health.run(),
        #[cfg(feature = "client")]
        Verb::Monitor(monitor) => monitor.run(),
        #[cfg(feature = "client")]
        Verb::Shutdown(shutdown) => shutdown.run(),
        #[cfg(feature = "client")]
        Verb::Bench(bench) => bench.run(),
        #[cfg(all(feature = "client", feature = "server"))]
        Verb::Conformance(conformance) => conformance.run(),
        #[cfg(feature = "demo")]
        Verb::Demo(demo) => demo.run(),
        #[cfg(feature = "client")]
        Verb::Export(export) => export.run(),
        #[cfg(any(feature = "client", feature = "server"))]
        Verb::Care(care) => care.run(),
        #[cfg(feature = "server")]
        Verb::Functions(functions) => functions.run(),
        Verb::Errors(errors) => errors.run(),
        #[cfg(feature = "client")]
        Verb::Completions(completions) => completions.run(),
        #[cfg(feature = "client")]
        Verb::Man(man) => man.run(),
        Verb::Version(version) => version.run(),
    };
    exit::code(outcome)
}
