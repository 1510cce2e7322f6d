//! The way of spans to the collector.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::span::{Span, request};
use crate::crypto::install_crypto_provider;
use crate::engine::EngineHandle;

/// Spans of one request.
const BATCH: usize = 512;
/// A request that is not full waits this long for more.
const LINGER: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tries of one batch; the pause before each is twice as long as before the last one.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Exporter {
    engine: EngineHandle,
    url: Url,
    client: Option<Client>,
    /// The last batch was not taken, and that has been said.
    failing: bool,
}

/// Why a batch was not taken.
enum Trouble {
    /// It may be taken later.
    Transient(String),
    Final(String),
}

impl Exporter {
    pub fn new(engine: EngineHandle, url: Url) -> Self {
        install_crypto_provider();
        let client = Client::builder()
            .user_agent(concat!("gleitzeit/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy in the environment is not meant for a collector that the operator named.
            .no_proxy()
            .build()
            .inspect_err(|reason| warn!(%reason, "traces cannot be sent"))
            .ok();
        Self { engine, url, client, failing: false }
    }

    /// Sends what comes, one batch after the other.
    pub async fn run(mut self, mut spans: mpsc::Receiver<Span>) {
        let mut batch = Vec::with_capacity(BATCH);
        while spans.recv_many(&mut batch, BATCH).await > 0 {
            if batch.len() < BATCH {
                tokio::time::sleep(LINGER).await;
                while batch.len() < BATCH
                    && let Ok(span) = spans.try_recv()
                {
                    batch.push(span);
                }
            }
            self.send(&batch).await;
            batch.clear();
        }
    }

    async fn send(&mut self, batch: &[Span]) {
        let (body, count) = (request(batch), batch.len() as u64);
        let figures = self.engine.figures();
        let mut pause = PAUSE;
        for number in 1..=TRIES {
            let trouble = match self.post(body.clone()).await {
                Ok(()) => {
                    figures.spans_sent.add_shared(count);
                    if self.failing {
                        info!(url = %self.url, "the collector takes traces again");
                    }
                    self.failing = false;
                    return;
                }
                Err(Trouble::Transient(_)) if number < TRIES => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    continue;
                }
                Err(Trouble::Transient(trouble) | Trouble::Final(trouble)) => trouble,
            };
            figures.spans_dropped.of(["collector"]).add_shared(count);
            if !self.failing {
                warn!(url = %self.url, trouble, "the collector does not take traces: spans are dropped");
            }
            self.failing = true;
            return;
        }
    }

    async fn post(&self, body: Vec<u8>) -> Result<(), Trouble> {
        let client = self.client.as_ref().ok_or_else(|| Trouble::Final("there is no client".to_owned()))?;
        let request = client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let answered = request.send().await.map_err(|reason| Trouble::Transient(reason.to_string()))?;
        let status = answered.status();
        if status.is_success() {
            return Ok(());
        }
        let again = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        let trouble = format!("it answered {status}");
        Err(if again.contains(&status) { Trouble::Transient(trouble) } else { Trouble::Final(trouble) })
    }
}
