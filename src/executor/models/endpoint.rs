//! One server of language models: how it is asked, and how it stands.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Response, Url};
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::warn;

use super::ask::{Answer, Ask};
use super::live::Live;
use super::stream::Reply;
use super::trouble::{Trouble, cut};
use super::{ollama, openai};
use crate::clock;
use crate::config::{EndpointConfig, EndpointKind};
use crate::core::ids::Timestamp;
use crate::core::usage::Usage;
use crate::crypto::install_crypto_provider;
use crate::executor::whole_ms;

/// A list of models, or the description of an error.
const BODY_BYTES_MAX: usize = 4 << 20;
const ERROR_BYTES_MAX: usize = 64 << 10;
/// Connections are kept this long for the next question.
const IDLE_CONNECTION_LIFE: Duration = Duration::from_secs(30);

/// The connections to all endpoints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connector {
    connect_timeout: Duration,
    response_timeout: Duration,
    /// For addresses without encryption: reads no certificates.
    plain: Arc<OnceLock<reqwest::Client>>,
    /// Made for the first request: the certificates of the machine are read then.
    secure: Arc<OnceLock<reqwest::Client>>,
}

impl Connector {
    pub fn new(connect_timeout: Duration, response_timeout: Duration) -> Self {
        Self { connect_timeout, response_timeout, plain: Arc::default(), secure: Arc::default() }
    }

    fn client(&self, url: &Url) -> &reqwest::Client {
        if url.scheme() == "http" {
            return self.plain.get_or_init(|| self.without_roots());
        }
        self.secure.get_or_init(|| {
            install_crypto_provider();
            self.builder().build().unwrap_or_else(|reason| {
                warn!(%reason, "this machine has no certificates to trust: https endpoints of models will fail");
                self.without_roots()
            })
        })
    }

    fn without_roots(&self) -> reqwest::Client {
        install_crypto_provider();
        let client = self.builder().tls_certs_only([]).build();
        client.expect("a client that trusts nobody needs nothing of the machine")
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .user_agent(concat!("gleitzeit/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.response_timeout)
            .pool_idle_timeout(IDLE_CONNECTION_LIFE)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy in the environment is not meant for a server that the operator named.
            .no_proxy()
    }
}

#[derive(Debug)]
pub struct Endpoint {
    pub config: EndpointConfig,
    /// One for each request at once.
    pub slots: Arc<Semaphore>,
    connector: Connector,
    standing: Mutex<Standing>,
}

/// What is known of an endpoint in this run.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    pub health: Health,
    /// Nothing where it does not say; then it may have any model.
    pub models: Option<BTreeSet<Arc<str>>>,
    /// The last time that it asked not to be asked.
    pub pause: Option<Pause>,
    /// When it was chosen last, counted in choices.
    pub last_turn: u64,
    /// Typical time to the first line of an answer; nothing before the first one.
    pub response_ms: Option<u64>,
    pub last_model: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub struct Pause {
    pub until: Instant,
    /// The same for people, noted once: measured again and again it would be another time by a little.
    pub shown: Timestamp,
    pub said: String,
}

impl Pause {
    /// From now on.
    pub fn of(pause: Duration, said: &str) -> Option<Self> {
        let until = clock::instant().checked_add(pause)?;
        let shown = clock::wall().plus(whole_ms(pause));
        Some(Self { until, shown, said: said.to_owned() })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Health {
    #[default]
    Unasked,
    Good,
    /// And what it said, or did not say.
    Bad(String),
}

impl Standing {
    pub fn is_usable(&self, now: Instant) -> bool {
        self.health == Health::Good && self.pause_left(now).is_none()
    }

    /// What is left of its pause, where it has one.
    pub fn pause_left(&self, now: Instant) -> Option<Duration> {
        let left = self.pause.as_ref()?.until.checked_duration_since(now)?;
        Some(left).filter(|left| !left.is_zero())
    }
}

impl Endpoint {
    pub fn new(config: EndpointConfig, connector: Connector) -> Self {
        let slots = Arc::new(Semaphore::new(config.concurrency as usize));
        let models = Some(config.models.clone()).filter(|models| !models.is_empty());
        let standing = Mutex::new(Standing { models, ..Standing::default() });
        Self { config, slots, connector, standing }
    }

    pub fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().expect("nothing panics while it holds the standing")
    }

    /// Requests under way.
    pub fn load(&self) -> usize {
        (self.config.concurrency as usize).saturating_sub(self.slots.available_permits())
    }

    /// Whether it has the model, as far as is known.
    pub fn has(&self, model: &str) -> bool {
        let standing = self.standing();
        standing.models.as_ref().is_none_or(|models| {
            models.contains(model)
                || self.config.kind == EndpointKind::Ollama && models.contains(&*ollama::full_name(model))
        })
    }

    /// As messages name it.
    pub fn title(&self) -> String {
        format!("{} ({} at {})", self.config.name, self.config.kind.name(), self.config.url)
    }

    /// The models it lists, or nothing where it keeps no list.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn list(&self, within: Duration) -> Result<Option<BTreeSet<Arc<str>>>, Trouble> {
        let path = match self.config.kind {
            EndpointKind::Ollama => ollama::LIST,
            EndpointKind::Openai => openai::LIST,
        };
        let listed = async {
            let body = read(self.send(Method::GET, path, None).await?, BODY_BYTES_MAX).await?;
            match self.config.kind {
                EndpointKind::Ollama => ollama::models(&body),
                EndpointKind::Openai => openai::models(&body),
            }
        };
        let late = || Trouble::Unreachable(format!("no answer within {} s", within.as_secs_f64()));
        let listed = tokio::time::timeout(within, listed).await.map_err(|_| late())?;
        let own = Some(&self.config.models).filter(|models| !models.is_empty()).cloned();
        match (listed, own) {
            (Ok(_), Some(own)) => Ok(Some(own)),
            (Ok(listed), None) => Ok(Some(listed)),
            // It answers, but has no list: the operator knows what it has, or nobody does.
            (Err(Trouble::Failed(said)), own) if keeps_no_list(&said) => Ok(own),
            (Err(trouble), _) => Err(trouble),
        }
    }

    /// Asks the model, and tells watchers of the answer while it comes.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn answer(
        &self,
        ask: &Ask,
        model: &Arc<str>,
        live: &Live,
        text_bytes_max: usize,
    ) -> Result<(Answer, Duration), Trouble> {
        let (path, body) = match self.config.kind {
            EndpointKind::Ollama => ollama::request(ask, model),
            EndpointKind::Openai => openai::request(ask, model),
        };
        let asked_at = clock::instant();
        let response = self.send(Method::POST, path, Some(&body)).await?;
        let mut reply = Reply::new(response, live, text_bytes_max, asked_at);
        let spent = match self.config.kind {
            EndpointKind::Ollama => ollama::read(&mut reply).await?,
            EndpointKind::Openai => openai::read(&mut reply).await?,
        };
        let (text, first_after) = reply.finish().await;
        let usage = Usage {
            model: Some(Arc::clone(model)),
            endpoint: Some(Arc::clone(&self.config.name)),
            prompt_tokens: spent.prompt,
            completion_tokens: spent.completion,
        };
        Ok((Answer { text, usage }, first_after))
    }

    /// Has the model fetched by Ollama.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn pull(&self, model: &str, live: &Live) -> Result<(), Trouble> {
        let asked_at = clock::instant();
        let response = self.send(Method::POST, ollama::PULL, Some(&ollama::pull_request(model))).await?;
        let mut reply = Reply::new(response, live, 0, asked_at);
        ollama::read_pull(&mut reply, |status| {
            live.note(&format!("{} fetches {model}: {}", self.config.name, cut(status)));
        })
        .await
    }

    async fn send(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Response, Trouble> {
        let mut request = self.connector.client(&self.config.url).request(method, self.at(path));
        if let Some(key) = &self.config.api_key {
            let mut value = reqwest::header::HeaderValue::from_str(&format!("Bearer {}", key.reveal()))
                .expect("a key has visible characters only");
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| Trouble::of_transport(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        // The status says enough where its body does not arrive.
        let body = read(response, ERROR_BYTES_MAX).await.unwrap_or_default();
        Err(Trouble::of_status(status, &headers, &String::from_utf8_lossy(&body)))
    }

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.config.url.clone();
        let at_root = url.path() == "/";
        let mut segments = url.path_segments_mut().expect("an http address has a path");
        segments.pop_if_empty();
        if at_root && self.config.kind == EndpointKind::Openai {
            segments.push("v1");
        }
        segments.extend(path);
        drop(segments);
        url
    }
}

fn keeps_no_list(said: &str) -> bool {
    ["404", "405", "501"].iter().any(|status| said.starts_with(status))
}

/// At most `limit` bytes of the body.
async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Trouble::of_transport(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(Trouble::Unreadable(format!("its answer has more than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
