//! `[models]`: the servers of language models that text and vision tasks talk to.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use super::file::{ConfigError, set_count, set_time};

/// Where Ollama listens unless it was told otherwise.
pub const DEFAULT_OLLAMA_URL: &str = "http://127.0.0.1:11434";
/// What Ollama works on at once by default; other servers queue what is too much for them.
const CONCURRENCY: u32 = 4;
/// Requests at once to one endpoint. Each holds a connection and its answer so far.
const CONCURRENCY_MAX: u32 = 1_000;
/// Every one of them is asked for its models while tasks need them.
const ENDPOINTS_MAX: usize = 64;
/// Models and tags of one endpoint, as many as a connected worker may name.
const LIST_MAX: usize = 256;
const PRIORITY: u32 = 1;
/// A task that waits for an endpoint to come up is noticed this soon.
const HEALTH_INTERVAL_MS: u64 = 5_000;
const CONNECT_TIMEOUT_MS: u64 = 5_000;
/// A large model is loaded from the disk before its first token.
const RESPONSE_TIMEOUT_MS: u64 = 120_000;

/// The section as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileModels {
    strategy: Option<Strategy>,
    default_model: Option<String>,
    pull: Option<bool>,
    health_interval_seconds: Option<f64>,
    connect_timeout_seconds: Option<f64>,
    response_timeout_seconds: Option<f64>,
    #[serde(default)]
    endpoints: Vec<FileEndpoint>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEndpoint {
    name: String,
    kind: EndpointKind,
    url: String,
    api_key: Option<ApiKey>,
    /// The variable of the environment that holds the key.
    api_key_env: Option<String>,
    priority: Option<u32>,
    concurrency: Option<u32>,
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
}

/// What the program runs with.
#[derive(Debug, Clone)]
pub struct ModelsConfig {
    pub strategy: Strategy,
    /// For tasks that name none.
    pub default_model: Option<Arc<str>>,
    /// Ollama is asked to fetch models that it does not have.
    pub pull: bool,
    pub health_interval: Duration,
    pub connect_timeout: Duration,
    /// An endpoint that says nothing for this long is given up.
    pub response_timeout: Duration,
    /// At least one.
    pub endpoints: Vec<EndpointConfig>,
}

/// One server of language models.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    pub name: Arc<str>,
    pub kind: EndpointKind,
    /// Without a slash at the end.
    pub url: Url,
    pub api_key: Option<ApiKey>,
    /// The lowest number is asked first.
    pub priority: u32,
    /// Requests at once.
    pub concurrency: u32,
    /// Empty: those that the server lists.
    pub models: BTreeSet<Arc<str>>,
    pub tags: BTreeSet<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointKind {
    Ollama,
    /// Whatever speaks the chat completions of `OpenAI`.
    Openai,
}

impl EndpointKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ollama => "ollama",
            Self::Openai => "openai",
        }
    }
}

/// Which of the endpoints that could take a request gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    #[default]
    RoundRobin,
    LeastLoaded,
    FastestResponse,
    /// The one that used the same model last, so that no other has to load it.
    ModelAffinity,
}

/// A key that shows itself to nobody but the server it is for.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ApiKey(String);

impl ApiKey {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(hidden)")
    }
}

impl FileModels {
    /// `ollama_url` is the address of the one endpoint there is when the file names none.
    ///
    /// # Errors
    /// Which setting is wrong, and what it may be.
    pub(super) fn resolve(&self, ollama_url: Option<&str>) -> Result<ModelsConfig, ConfigError> {
        let time = |name: &str, value: Option<f64>, default: u64| {
            let mut ms = default;
            set_time(&mut ms, name, value, 1e3)?;
            Ok::<_, ConfigError>(Duration::from_millis(ms))
        };
        let endpoints = match self.endpoints.as_slice() {
            [] => vec![EndpointConfig::local(ollama_url.unwrap_or(DEFAULT_OLLAMA_URL))?],
            listed => endpoints(listed)?,
        };
        Ok(ModelsConfig {
            strategy: self.strategy.unwrap_or_default(),
            default_model: self.default_model.as_deref().map(Arc::from),
            pull: self.pull.unwrap_or_default(),
            health_interval: time(
                "models.health_interval_seconds",
                self.health_interval_seconds,
                HEALTH_INTERVAL_MS,
            )?,
            connect_timeout: time(
                "models.connect_timeout_seconds",
                self.connect_timeout_seconds,
                CONNECT_TIMEOUT_MS,
            )?,
            response_timeout: time(
                "models.response_timeout_seconds",
                self.response_timeout_seconds,
                RESPONSE_TIMEOUT_MS,
            )?,
            endpoints,
        })
    }
}

impl Default for ModelsConfig {
    fn default() -> Self {
        FileModels::default().resolve(None).expect("the defaults are valid")
    }
}

impl EndpointConfig {
    /// Ollama, with everything else as it comes.
    fn local(url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            name: Arc::from("ollama"),
            kind: EndpointKind::Ollama,
            url: parse_url("ollama_url", url)?,
            api_key: None,
            priority: PRIORITY,
            concurrency: CONCURRENCY,
            models: BTreeSet::new(),
            tags: BTreeSet::new(),
        })
    }
}

fn endpoints(listed: &[FileEndpoint]) -> Result<Vec<EndpointConfig>, ConfigError> {
    if listed.len() > ENDPOINTS_MAX {
        let fix = "is more than the limit of 64 endpoints";
        return Err(ConfigError::setting("models.endpoints", &listed.len().to_string(), fix));
    }
    let mut names = BTreeSet::new();
    listed
        .iter()
        .map(|raw| {
            let setting = |key: &str| format!("models.endpoints.{}.{key}", raw.name);
            if raw.name.trim().is_empty() || raw.name.contains(char::is_control) || raw.name.len() > 64 {
                let fix = "is no name for an endpoint: it takes 1 to 64 bytes of plain text";
                return Err(ConfigError::setting("models.endpoints.name", &raw.name, fix));
            }
            if !names.insert(raw.name.as_str()) {
                let fix = "is the name of two endpoints: give each its own";
                return Err(ConfigError::setting("models.endpoints.name", &raw.name, fix));
            }
            let mut concurrency = CONCURRENCY;
            set_count(&mut concurrency, &setting("concurrency"), raw.concurrency)?;
            if concurrency > CONCURRENCY_MAX {
                let fix = "is more than the limit of 1000 requests at once";
                return Err(ConfigError::setting(&setting("concurrency"), &concurrency.to_string(), fix));
            }
            Ok(EndpointConfig {
                name: Arc::from(raw.name.as_str()),
                kind: raw.kind,
                url: parse_url(&setting("url"), &raw.url)?,
                api_key: api_key(raw, &setting)?,
                priority: raw.priority.unwrap_or(PRIORITY),
                concurrency,
                models: texts(&setting("models"), &raw.models)?,
                tags: texts(&setting("tags"), &raw.tags)?,
            })
        })
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "the environment is read here, in the configuration")]
fn api_key(raw: &FileEndpoint, setting: &impl Fn(&str) -> String) -> Result<Option<ApiKey>, ConfigError> {
    let key = match (&raw.api_key, &raw.api_key_env) {
        (Some(_), Some(variable)) => {
            let fix = "is given although there is `api_key`: keep one of them";
            return Err(ConfigError::setting(&setting("api_key_env"), variable, fix));
        }
        (None, None) => return Ok(None),
        (Some(key), None) => key.clone(),
        (None, Some(variable)) => ApiKey(std::env::var(variable).map_err(|_| {
            let fix = "is a variable that the environment does not have: set it, or leave this out";
            ConfigError::setting(&setting("api_key_env"), variable, fix)
        })?),
    };
    if key.0.is_empty() || !key.0.bytes().all(|byte| byte.is_ascii_graphic()) {
        let fix = "cannot be sent: a key is not empty and has visible ASCII characters only";
        return Err(ConfigError::setting(&setting("api_key"), "(hidden)", fix));
    }
    Ok(Some(key))
}

fn texts(name: &str, listed: &[String]) -> Result<BTreeSet<Arc<str>>, ConfigError> {
    if listed.len() > LIST_MAX {
        let fix = "is more than the limit of 256 entries";
        return Err(ConfigError::setting(name, &listed.len().to_string(), fix));
    }
    Ok(listed.iter().map(|text| Arc::from(text.as_str())).collect())
}

/// The address shows up in messages, so nothing secret may be a part of it.
fn parse_url(name: &str, text: &str) -> Result<Url, ConfigError> {
    let fix = "is not the address of a server: write http://host:port or https://host/path";
    let mut url = Url::parse(text).map_err(|_| ConfigError::setting(name, text, fix))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        let fix = "holds more than an address: what is secret belongs into `api_key` or `api_key_env`";
        return Err(ConfigError::setting(name, "(hidden)", fix));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(ConfigError::setting(name, text, fix));
    }
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<ModelsConfig, String> {
        let file: FileModels = toml::from_str(text).map_err(|error| error.to_string())?;
        file.resolve(None).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_word_there_is_one_ollama() {
        let config = resolve("").unwrap();
        let [endpoint] = config.endpoints.as_slice() else { panic!("{config:?}") };
        assert_eq!((endpoint.kind, endpoint.url.as_str()), (EndpointKind::Ollama, "http://127.0.0.1:11434/"));
        assert_eq!((config.strategy, config.pull), (Strategy::RoundRobin, false));
        let elsewhere = FileModels::default().resolve(Some("http://gpu:1/")).unwrap();
        assert_eq!(elsewhere.endpoints[0].url.as_str(), "http://gpu:1/");
    }

    #[test]
    fn endpoints_are_read() {
        let config = resolve(
            "strategy = 'model_affinity'\ndefault_model = 'm'\nresponse_timeout_seconds = 1.5\n\
             [[endpoints]]\nname = 'a'\nkind = 'openai'\nurl = 'https://x/v1/'\napi_key = 'sk-1'\n\
             priority = 2\nconcurrency = 9\nmodels = ['m']\ntags = ['eu', 'gpu']",
        )
        .unwrap();
        assert_eq!(config.response_timeout, Duration::from_millis(1_500));
        let endpoint = &config.endpoints[0];
        assert_eq!((endpoint.url.as_str(), endpoint.priority, endpoint.concurrency), ("https://x/v1", 2, 9));
        assert_eq!(endpoint.api_key.as_ref().unwrap().reveal(), "sk-1");
        assert!(endpoint.models.contains("m") && endpoint.tags.contains("gpu"));
        assert!(!format!("{config:?}").contains("sk-1"), "a key is never printed");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let endpoint = |rest: &str| format!("[[endpoints]]\nname = 'a'\nkind = 'ollama'\n{rest}");
        for (text, expected) in [
            ("strategy = 'best'", "round_robin"),
            ("retries = 3", "unknown field `retries`"),
            ("health_interval_seconds = 0", "models.health_interval_seconds"),
            (&endpoint("url = 'ollama:11434'"), "models.endpoints.a.url"),
            (&endpoint("url = 'http://me:hunter2@x'"), "(hidden)"),
            (&endpoint("url = 'http://x'\nconcurrency = 0"), "models.endpoints.a.concurrency"),
            (&endpoint("url = 'http://x'\napi_key = \"a\\n\""), "(hidden)"),
            (&endpoint("url = 'http://x'\napi_key_env = 'NO_SUCH_VARIABLE_HERE'"), "NO_SUCH_VARIABLE_HERE"),
            (&(endpoint("url = 'http://x'\n") + &endpoint("url = 'http://y'")), "two endpoints"),
        ] {
            let error = resolve(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
