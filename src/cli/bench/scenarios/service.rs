//! Somebody's own service under load: its processes are started here, and one workflow is run through them.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Url;
use serde::Deserialize;
use tokio::time::sleep;

use super::Settings;
use super::gauge::{Gauge, settle};
use super::single::affordable;
use super::stage::told;
use crate::cli::bench::load::processes::{Processes, Told};
use crate::cli::bench::load::rest::Rest;
use crate::cli::bench::load::tally::since;
use crate::cli::bench::load::work::{self, Echoes, TASK_TYPE, Work};
use crate::cli::bench::report::Outcome;
use crate::clock;

/// A first workflow of at most this size shows how fast the service is, and wakes it up.
const TRIAL: u32 = 1_000;
const TASKS_MIN: u32 = 1_000;
/// Between two looks at the services while they connect.
const CONNECT_PAUSE: Duration = Duration::from_millis(50);
/// Between two looks at the workflow: its end is seen so much too late at most.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// A service that ends no task for this long never will.
const STALL: Duration = Duration::from_secs(30);
/// The first few faults tell what is wrong; the rest are counted.
const FAULTS_KEPT: usize = 5;

/// The service that is measured.
#[derive(Debug, Clone)]
pub struct ServiceCommand {
    /// For the shell.
    pub command: String,
    pub processes: usize,
    /// Until all of them must have registered.
    pub wait: Duration,
}

/// What is known of a workflow while it runs.
#[derive(Debug, Deserialize)]
struct Progress<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    completed_tasks: u32,
    failed_tasks: u32,
}

pub async fn run(settings: &Settings, service: &ServiceCommand) -> anyhow::Result<Outcome> {
    let work = Work::new(format!("bench-service-{}", std::process::id()), settings.payload_bytes);
    let mut rest = Rest::open(&settings.address).await?;
    settle(&mut rest).await?;
    let told = Told {
        address: &settings.address,
        service: &work.service,
        task_type: TASK_TYPE,
        window: settings.fleet.window,
    };
    let mut processes = Processes::start(&service.command, service.processes, &told)?;
    let measured = measured(settings, service, &work, &mut rest, &mut processes).await;
    processes.end().await;
    measured
}

async fn measured(
    settings: &Settings,
    service: &ServiceCommand,
    work: &Work,
    rest: &mut Rest,
    processes: &mut Processes,
) -> anyhow::Result<Outcome> {
    connected(service, work, rest, processes).await?;
    let trial = settings.tasks.unwrap_or(TRIAL).min(TRIAL);
    let outcome = one_workflow(settings, trial, work, rest, processes).await?;
    if !outcome.exactly_once {
        // More of the same would say no more.
        return Ok(outcome);
    }
    let tasks = settings.tasks.unwrap_or_else(|| affordable(outcome.tasks_per_s, TASKS_MIN));
    let mut outcome = one_workflow(settings, tasks, work, rest, processes).await?;
    outcome.notes.push(format!(
        "{} process(es) of the command, told to hold {} tasks each; {trial} tasks before the measurement",
        service.processes, settings.fleet.window
    ));
    Ok(outcome)
}

/// Waits until every process has registered.
async fn connected(
    service: &ServiceCommand,
    work: &Work,
    rest: &mut Rest,
    processes: &mut Processes,
) -> anyhow::Result<()> {
    let began = clock::instant();
    loop {
        processes.check()?;
        let now = registered(work, rest).await?;
        if now >= service.processes {
            return Ok(());
        }
        if since(began) >= service.wait {
            bail!(
                "{now} of {} services named {} have registered after {:?} (--service-wait): the command must \
                 connect to GLEITZEIT_URL and register as GLEITZEIT_SERVICE_NAME; {}",
                service.processes,
                work.service,
                service.wait,
                processes.said()
            );
        }
        sleep(CONNECT_PAUSE).await;
    }
}

async fn registered(work: &Work, rest: &mut Rest) -> anyhow::Result<usize> {
    let (mut all, mut next) = work.connected(&rest.read("/api/v1/services").await?)?;
    while let Some(cursor) = next {
        let mut url = Url::parse("http://server/api/v1/services").expect("this is a URL");
        url.query_pairs_mut().append_pair("cursor", &cursor);
        let page = rest.read(&format!("{}?{}", url.path(), url.query().unwrap_or_default())).await?;
        let (more, after) = work.connected(&page)?;
        all += more;
        next = after;
    }
    Ok(all)
}

async fn one_workflow(
    settings: &Settings,
    tasks: u32,
    work: &Work,
    rest: &mut Rest,
    processes: &mut Processes,
) -> anyhow::Result<Outcome> {
    let list: Vec<_> = (0..tasks).map(|n| work.task(n, 0, [])).collect();
    let body = work::workflow("bench service", &list);
    drop(list);
    let gauge = Gauge::begin(rest, &settings.address).await?;
    let began = clock::instant();
    let id = rest.submit(&body).await?;
    let accepted_s = since(began).as_secs_f64();
    wait_for_the_end(&id, tasks, rest, processes).await?;
    let wall_s = since(began).as_secs_f64();
    let usage = gauge.end(rest).await?;
    let Echoes { wrong, nulls } = work.check_echoes(&rest.results(&id).await?, tasks)?;
    let faults = wrong.len();
    let first = wrong.into_iter().take(FAULTS_KEPT).collect();
    let mut notes = told(first, faults as u64);
    if nulls > 0 {
        notes.push(format!("{nulls} results are null, which does not tell whose they are"));
    }
    Ok(Outcome {
        scenario: "service".to_owned(),
        tasks,
        tasks_per_s: f64::from(tasks) / wall_s,
        wall_s,
        hop_ms: None,
        server_rss_mb: usage.rss_mb(),
        server_cpu_s: usage.cpu_seconds,
        exactly_once: faults == 0,
        accepted_s: Some(accepted_s),
        windows: Vec::new(),
        notes,
    })
}

/// An ended workflow is on the disk: what the server shows has been committed.
async fn wait_for_the_end(
    id: &str,
    tasks: u32,
    rest: &mut Rest,
    processes: &mut Processes,
) -> anyhow::Result<()> {
    let path = format!("/api/v1/workflows/{id}");
    let (mut ended, mut changed) = (0, clock::instant());
    loop {
        let answer = rest.read(&path).await?;
        let progress: Progress<'_> =
            serde_json::from_slice(&answer).context("the state of the workflow cannot be read")?;
        if matches!(&*progress.status, "completed" | "failed" | "cancelled") {
            return Ok(());
        }
        let now = progress.completed_tasks + progress.failed_tasks;
        if now > ended {
            (ended, changed) = (now, clock::instant());
        }
        if since(changed) >= STALL {
            bail!("no task ended for {STALL:?}, {ended} of {tasks} have; {}", processes.said());
        }
        processes.check()?;
        sleep(LOOK_PAUSE).await;
    }
}
