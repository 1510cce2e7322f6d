//! The few calls of the REST API that the load consists of.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde::Deserialize;

use super::http::{Answer, HttpConnection};
use super::tally::since;
use crate::cli::bench::target::Address;
use crate::clock;

/// A server that is overloaded for longer than this has not merely slowed down.
const PATIENCE: Duration = Duration::from_secs(30);
/// When an overloaded server does not say how long to wait.
const USUAL_PAUSE: Duration = Duration::from_millis(100);

/// A caller with a connection of its own.
#[derive(Debug)]
pub struct Rest {
    http: HttpConnection,
    /// How often a submission was sent again because the server asked for it.
    pub postponed: u64,
}

/// What `GET /api/v1/stats` says about the process and its disk.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Stats {
    pub rss_bytes: u64,
    pub cpu_seconds: f64,
    /// Ended workflows that are not in the store yet.
    #[serde(default)]
    pub archive_backlog: u64,
}

impl Rest {
    pub async fn open(address: &Address) -> anyhow::Result<Self> {
        Ok(Self { http: HttpConnection::open(address).await?, postponed: 0 })
    }

    /// Submits, waiting as long as the server asks for where it is overloaded. Returns the workflow's id.
    pub async fn submit(&mut self, body: &str) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Submitted<'a> {
            #[serde(borrow)]
            id: Cow<'a, str>,
        }
        let began = clock::instant();
        loop {
            let answer = self.http.post("/api/v1/workflows", body).await?;
            match answer.status {
                201 => {
                    let submitted: Submitted<'_> =
                        serde_json::from_slice(&answer.body).context("a receipt cannot be read")?;
                    return Ok(submitted.id.into_owned());
                }
                429 | 503 if since(began) < PATIENCE => {
                    self.postponed += 1;
                    tokio::time::sleep(pause(&answer)).await;
                }
                _ => return Err(refused("a submission", &answer)),
            }
        }
    }

    pub async fn results(&mut self, workflow: &str) -> anyhow::Result<Bytes> {
        self.read(&format!("/api/v1/workflows/{workflow}/results")).await
    }

    pub async fn stats(&mut self) -> anyhow::Result<Stats> {
        serde_json::from_slice(&self.read("/api/v1/stats").await?).context("the statistics cannot be read")
    }

    /// The body of an answer that says yes.
    pub async fn read(&mut self, path: &str) -> anyhow::Result<Bytes> {
        let answer = self.http.get(path).await?;
        if answer.status != 200 {
            return Err(refused(path, &answer));
        }
        Ok(answer.body)
    }

    /// Asks the server to stop.
    pub async fn shutdown(&mut self) -> anyhow::Result<()> {
        let answer = self.http.post("/api/v1/shutdown", "{}").await?;
        if !(200..300).contains(&answer.status) {
            bail!(refused("the request to stop", &answer));
        }
        Ok(())
    }
}

fn pause(answer: &Answer) -> Duration {
    #[derive(Deserialize)]
    struct Problem {
        retry_after_ms: Option<u64>,
    }
    let exact =
        serde_json::from_slice::<Problem>(&answer.body).ok().and_then(|problem| problem.retry_after_ms);
    exact.map(Duration::from_millis).or(answer.retry_after).unwrap_or(USUAL_PAUSE).min(PATIENCE)
}

fn refused(what: &str, answer: &Answer) -> anyhow::Error {
    let body: String = String::from_utf8_lossy(&answer.body).chars().take(400).collect();
    anyhow::anyhow!("the server answered {what} with {}: {body}", answer.status)
}
