//! `gleitzeit demo`: a real workflow over real services, on one machine, with nothing else installed.

mod api;
mod database;
mod dataset;
mod fault;
mod ml;
mod model;
mod progress;
mod receiver;
mod run_id;
mod services;
mod summary;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use self::fault::Fault;
use self::services::Services;
use super::Exit;
use super::output::print;
use super::remote::{exit_of, is_unknown};
use super::serve::{self, Server};
use super::telemetry;
use crate::client::{Client, Shutdown, SubmitOptions, TextFormat, WorkflowStatus};
use crate::config::{Config, DEFAULT_PORT, RawConfig};
use crate::http::Assets;

const PIPELINE: &str = include_str!("../../../examples/workflows/hybrid_ml_pipeline.yaml");
const LOOPBACK: &str = "127.0.0.1";

/// Hears how far a task is, in percent and in words; its error ends the task.
type Report<'a> = &'a mut dyn FnMut(u8, &str) -> Result<(), Fault>;

/// Watch a real workflow run: a server, three services and a data set, all in this process.
///
/// A demo that was killed in the middle goes on where it was when it is started again. The exit code of --exit is
/// 0 when the workflow completed, 3 when it failed, 4 when it was cancelled.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// End when the workflow has ended, instead of serving on.
    #[arg(long)]
    exit: bool,
    /// Port of the server; a free one when it is taken.
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Where the server and the services keep their data.
    #[arg(long, value_name = "DIR", default_value = "./gleitzeit-demo")]
    data_dir: PathBuf,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        // What is routine would run through the picture.
        telemetry::start_at("warn");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let exit = runtime.block_on(self.play());
        // A model that is being trained at an interruption is trained again by the next demo.
        runtime.shutdown_background();
        exit
    }

    async fn play(self) -> anyhow::Result<Exit> {
        let config = RawConfig {
            host: Some(LOOPBACK.to_owned()),
            port: Some(self.port),
            data_dir: Some(self.data_dir.join("server")),
            ..RawConfig::default()
        }
        .resolve()?;
        let token = config.token.clone();
        let server = start_server(config).await?;
        let url = server.url();
        eprintln!("server at {url}, data in {}", self.data_dir.display());
        let client = match &token {
            Some(token) => Client::builder(&url).token(token).build()?,
            None => Client::new(&url)?,
        };

        let terminate = signal(SignalKind::terminate())?;
        let mut stopped = pin!(server.until_stopped(terminate));
        let act = async {
            let directory = self.data_dir.join("services");
            std::fs::create_dir_all(&directory)
                .with_context(|| format!("cannot make the directory {}", directory.display()))?;
            let services = Services::start(&url, token.as_deref(), &directory).await?;
            let status = show(&client, &self.data_dir, &services).await?;
            anyhow::Ok((services, status))
        };
        let (services, status) = tokio::select! {
            acted = act => acted?,
            ended = &mut stopped => {
                ended?;
                eprintln!("interrupted: the next demo on {} goes on from here", self.data_dir.display());
                return Ok(if self.exit { Exit::Interrupted } else { Exit::Ok });
            }
        };
        if self.exit {
            services.stop().await;
            client.shutdown(Shutdown::Restart).await?;
            stopped.await?;
            return Ok(exit_of(&status));
        }
        print(&format!("\nserving on at {url} until Ctrl-C\n"));
        stopped.await
    }
}

/// On the port that is wished for, or on a free one.
async fn start_server(mut config: Config) -> anyhow::Result<Server> {
    match serve::start(config.clone(), Assets::Embedded).await {
        Err(error) if is_port_taken(&error) => {
            eprintln!("port {} is taken: a free one is used instead", config.address.port());
            config.address.set_port(0);
            serve::start(config, Assets::Embedded).await
        }
        outcome => outcome,
    }
}

fn is_port_taken(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// Submits the workflow, or finds the one that an earlier demo left unfinished, and shows it to its end.
async fn show(client: &Client, directory: &Path, services: &Services) -> anyhow::Result<WorkflowStatus> {
    let id = match unfinished(client, directory).await? {
        Some(id) => {
            eprintln!("continuing workflow {id}, which was cut off");
            id
        }
        None => submit(client, directory).await?,
    };
    let status = progress::follow(client, &id).await?;
    print(&summary::of(&client.results(&id).await?, services.notifications()));
    Ok(status)
}

/// The workflow of the last demo, unless it has ended or never reached the server.
async fn unfinished(client: &Client, directory: &Path) -> anyhow::Result<Option<String>> {
    let Some(id) = run_id::read(directory)? else { return Ok(None) };
    match client.workflow(&id).await {
        Ok(workflow) if workflow.status.has_ended() => {
            eprintln!("the last run here, {id}, is {}: a new one begins", workflow.status);
            Ok(None)
        }
        Ok(_) => Ok(Some(id)),
        Err(error) if is_unknown(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The id is on disk before the workflow is: whatever is cut off in between can be found again.
async fn submit(client: &Client, directory: &Path) -> anyhow::Result<String> {
    let id = run_id::renew(directory)?;
    let text = format!("id: {id}\n{PIPELINE}");
    let submitted = client.submit_text(text, TextFormat::Yaml, &SubmitOptions::default()).await?;
    eprintln!("{} is workflow {id}: {} tasks", submitted.name, submitted.total_tasks);
    Ok(id)
}
