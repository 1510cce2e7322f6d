//! `gleitzeit conformance`: plays the server for a service under test.
//!
//! It speaks the Socket.IO protocol and nothing else: there is no engine behind it, no log and no REST.

mod assignment;
mod kit;
mod listen;
mod null;
mod peer;

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, telemetry};
use kit::{Asked, Rule};
use null::Load;

/// What a service is asked for unless `--task-type` says otherwise.
const TASK_TYPE: &str = "conformance";

const MORE: &str = "\
Without --null the first service that registers is put through the rules of the protocol, one after the other:
  passed          the rule holds.
  FAILED          it is broken.
  deviation       the service speaks the Base protocol only, and does in this what its clients have always done.
  not applicable  the rule is about something that the service does not do.
  The service needs a handler for the tasks that it is given; docs/conformance.md says what they ask for. The last
  rules tell it to leave. All of it takes about a minute, and longer where heartbeats are rare.
The exit code is 0 when no rule is broken.

With --null the answer to every result is another task, until --tasks have ended:
  Every service that registers holds as many tasks as it says it takes (max_concurrent_tasks), or --window where
  that is less. The tasks have the parameters {\"do\": \"echo\"}, and their results are thrown away.
  A task counts when its result has arrived; the answer to it asks for no disk. The first tenth is left out, as a
  warm-up. p50 and p99 are the time from sending a task to its result, with the whole window under way.
  In the end the services are told to stop, as `gleitzeit shutdown --services` would tell them.
The exit code is 0 when every task was completed.";

/// Play the server for a service under test.
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct Conformance {
    /// Where the service connects: HOST:PORT, or :PORT on this machine. Port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8000", value_parser = listen::address)]
    listen: String,
    /// Measure how fast services are: assign tasks that do nothing, and throw their results away.
    #[arg(long)]
    null: bool,
    /// How many tasks --null gives.
    #[arg(long, requires = "null", default_value = "100000")]
    tasks: NonZeroU32,
    /// The most tasks that a service holds at once; what it registers with unless this is less.
    #[arg(long, requires = "null")]
    window: Option<NonZeroU32>,
    /// Begin when this many services have registered.
    #[arg(long, requires = "null", default_value = "1")]
    services: NonZeroU32,
    /// The type of task that the service is asked for.
    #[arg(long, value_name = "TYPE", default_value = TASK_TYPE)]
    task_type: String,
    /// Look at this rule alone; may be repeated.
    #[arg(long = "rule", value_name = "RULE", value_parser = kit::named, conflicts_with = "null")]
    rules: Vec<&'static Rule>,
    /// Ask for this token, as a server does that has one.
    #[arg(long, conflicts_with = "null")]
    token: Option<String>,
    /// How many seconds the service may take to answer.
    #[arg(long, value_name = "SECONDS", default_value = "15", conflicts_with = "null")]
    patience: NonZeroU32,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl Conformance {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        telemetry::start_at("warn");
        // One thread: the service under test has the other processors to itself.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                exit = self.play() => exit,
                _ = terminate.recv() => Ok(Exit::Interrupted),
                interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| Exit::Interrupted).map_err(Into::into),
            }
        })
    }

    async fn play(self) -> anyhow::Result<Exit> {
        if self.null { self.measure().await } else { self.judge().await }
    }

    async fn measure(self) -> anyhow::Result<Exit> {
        let load = Load {
            tasks: self.tasks.get(),
            window: self.window.map_or(u32::MAX, NonZeroU32::get),
            services: self.services.get(),
            task_type: self.task_type,
        };
        let report = null::measure(&self.listen, load).await?;
        report.print(self.json);
        Ok(if report.all_completed() { Exit::Ok } else { Exit::Error })
    }

    async fn judge(self) -> anyhow::Result<Exit> {
        let asked = Asked {
            task_type: self.task_type,
            token: self.token,
            patience: Duration::from_secs(u64::from(self.patience.get())),
        };
        let report = kit::judge(&self.listen, asked, &self.rules).await?;
        report.print(self.json);
        Ok(if report.is_sound() { Exit::Ok } else { Exit::Error })
    }
}
