//! `gleitzeit bench`: a load generator in a process of its own.
//!
//! It speaks to the server as any client would, over HTTP and over websockets with Socket.IO framing, and
//! believes nothing that it has not been told: a result counts when the server has acknowledged it, and in
//! the end all of them are read back and compared.

mod load;
mod report;
mod scenarios;
mod target;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Exit;
use load::fleet::FleetSize;
use report::Report;
use scenarios::service::{self, ServiceCommand};
use scenarios::{Scenario, Settings, USUAL};
use target::Target;

const MORE: &str = "\
What is counted:
  A task counts when the server has acknowledged its result, which it does after the result is on its disk.
  tasks/s is the number of tasks over the time from the first submission to the last acknowledgement; the
  submissions are part of it.
  Services answer each assignment with task:accepted and task:completed, and do nothing in between. They ask
  for an acknowledgement of every result and count those that say ok.
  hop of `chain` is the time from sending a result to receiving the assignment of the next step: one turn of
  the server with its sync, and one round trip. Elsewhere it is the time from sending a result to its
  acknowledgement, under full load.
  server MB is the highest resident memory that was seen, CPU s what the scenario has cost the server.
  exactly once: each task was acknowledged once, started after its dependencies, and has its own result in
  the answer of /workflows/{id}/results, with nothing beside it. Of more than 100,000 independent workflows
  an even sample of these answers is read.

Your own service, with --service-command:
  The command is run by `sh`, --services times (once unless given), and is told by its environment:
    GLEITZEIT_URL, GLEITZEIT_TOKEN   where the server is, and its token where it has one
    GLEITZEIT_CA                     the certificates to trust, from --ca
    GLEITZEIT_SERVICE_NAME           the name that it must register with
    GLEITZEIT_TASK_TYPE              the type of the tasks, a capability: custom_processing
    GLEITZEIT_WINDOW                 how many tasks it should take at once: --window
  Its handler does nothing and returns the task's external_parameters, or null. When all have registered, up to
  1,000 tasks warm them up, and then one workflow is measured: from its submission until the server shows it as
  ended, which it does after the last result is on its disk. It is looked at every 10 ms. In the end the processes
  get SIGTERM, and after 5 s SIGKILL.
  exactly once: each task has one result, which is null or that task's own parameters.

The exit code is 0 when every result arrived exactly once, and 1 otherwise.";

/// Services of the load generator itself.
const USUAL_SERVICES: usize = 10;

/// Measure a server under load.
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct Bench {
    /// Address of a running server; without one a server is started, and ended, by this command.
    #[arg(long)]
    url: Option<String>,
    /// Token of that server.
    #[arg(long, env = "GLEITZEIT_TOKEN", hide_env_values = true, requires = "url")]
    token: Option<String>,
    /// Certificate of that server, or of its authority, in PEM; needed for an address that begins with https.
    #[arg(long, env = "GLEITZEIT_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// What to run; may be repeated. Without it: independent, single, chain, fanout.
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// Measure your own service: the command that starts it, see below.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["scenario", "duration", "connections", "readers"])]
    service_command: Option<String>,
    /// How many seconds the processes of --service-command may take to register.
    #[arg(long, value_name = "SECONDS", default_value = "30", requires = "service_command",
        value_parser = clap::value_parser!(u32).range(1..=3_600))]
    service_wait: u32,
    /// Services that connect and take tasks: 10, or one process of --service-command, unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    services: Option<u16>,
    /// Tasks that each service takes at once.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    window: u16,
    /// Bytes of data in the parameters and in the result of every task.
    #[arg(long, default_value_t = 200)]
    payload: usize,
    /// Keep-alive connections that submit independent workflows; each awaits every answer.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    connections: u16,
    /// Tasks of `independent`, `single` and `dispatch`, steps of `chain`, width of `fanout`; of --service-command
    /// as many as it does in about five seconds, unless given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    tasks: Option<u32>,
    /// Submit independent workflows for this many seconds, and report every ten.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    duration: Option<u32>,
    /// Connections that poll the workflow of `dispatch` while it runs.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    readers: u16,
    /// Where the started server keeps its data, which is removed in the end; the system's temporary directory
    /// without it.
    #[arg(long, conflicts_with = "url")]
    dir: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        // One thread: a generator that takes the server's processors away measures itself.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                exit = self.measure() => exit,
                _ = terminate.recv() => Ok(Exit::Interrupted),
                interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| Exit::Interrupted).map_err(Into::into),
            }
        })
    }

    async fn measure(self) -> anyhow::Result<Exit> {
        let target = match &self.url {
            Some(url) => Target::running(url, self.token.clone(), self.ca.as_deref())?,
            None => Target::start(self.dir.clone()).await?,
        };
        if cfg!(debug_assertions) && self.url.is_none() {
            eprintln!("warning: this is a debug build; its figures say nothing about the program");
        }
        let settings = Settings {
            address: target.address.clone(),
            fleet: FleetSize {
                services: self.services.map_or(USUAL_SERVICES, usize::from),
                window: usize::from(self.window),
            },
            payload_bytes: self.payload,
            connections: usize::from(self.connections),
            tasks: self.tasks,
            duration: self.duration.map(u64::from).map(Duration::from_secs),
            readers: usize::from(self.readers),
        };
        let mut report = Report { scenarios: Vec::new() };
        if let Some(command) = self.service_command {
            let wait = Duration::from_secs(u64::from(self.service_wait));
            let processes = self.services.map_or(1, usize::from);
            eprintln!("service ...");
            report
                .scenarios
                .push(service::run(&settings, &ServiceCommand { command, processes, wait }).await?);
        } else {
            let chosen = if self.scenario.is_empty() { USUAL.to_vec() } else { self.scenario };
            for scenario in chosen {
                eprintln!("{} ...", name(scenario));
                report.scenarios.extend(scenario.run(&settings).await?);
            }
        }
        target.end().await?;
        if self.json {
            println!("{}", report.json());
        } else {
            print!("{}", report.table());
        }
        Ok(if report.exactly_once() { Exit::Ok } else { Exit::Error })
    }
}

fn name(scenario: Scenario) -> String {
    use clap::ValueEnum;
    scenario.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
