//! Configuration: flags over environment over files over defaults, all optional; resolved once into values that
//! the program can use without asking again.

mod connections;
mod file;
mod files;
mod http;
mod log;
mod models;
mod origins;
mod rates;
mod retention;
mod size;
mod tls;
mod traces;
mod webhooks;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

pub use connections::ConnectionsConfig;
pub use file::{ConfigError, FileConfig};
pub use files::FilesConfig;
pub use http::{Allowed, HttpConfig};
pub use log::{LogConfig, LogFormat};
pub use models::{ApiKey, EndpointConfig, EndpointKind, ModelsConfig, Strategy};
pub use origins::{Foreign, Origins, OwnScheme};
pub use rates::{RatesConfig, ThisMachine};
pub use retention::RetentionConfig;
pub use size::parse_size;
pub use tls::TlsConfig;
pub use traces::TracesConfig;
pub use webhooks::WebhookConfig;

use crate::core::limits::Limits;
use crate::settings::Layers;

const DEFAULT_HOST: &str = "127.0.0.1";
pub const DEFAULT_PORT: u16 = 8000;
const DEFAULT_DATA_DIR: &str = "./gleitzeit-data";
const DEFAULT_SEGMENT_SIZE: u64 = 64 << 20;

/// A token below either of these was made up by somebody: that of a word and a number has some ten letters. What `openssl rand -hex 16`
/// makes has 32, of sixteen kinds.
const TOKEN_BYTES_MIN: usize = 20;
const TOKEN_LETTERS_MIN: usize = 8;

/// The flags of `gleitzeit serve`; each can also be given by the environment or the file.
#[derive(Debug, Clone, Default, Args)]
pub struct RawConfig {
    /// Address to listen on. Anything but loopback needs keys, or a token.
    #[arg(long, env = "GLEITZEIT_HOST", value_name = "ADDRESS")]
    pub host: Option<String>,
    /// Port to listen on; 0 takes a free one. [default: 8000]
    #[arg(long, env = "GLEITZEIT_PORT")]
    pub port: Option<u16>,
    /// Where the log and the store are kept. [default: ./gleitzeit-data]
    #[arg(long, env = "GLEITZEIT_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// A token that acts as the key of an admin. Prefer keys (`gleitzeit auth init`), or at least the environment: flags can
    /// be seen by others.
    #[arg(long, env = "GLEITZEIT_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Certificate of the server, in PEM, with those that lead to its authority. With it the server speaks https.
    #[arg(long, env = "GLEITZEIT_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM.
    #[arg(long, env = "GLEITZEIT_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Size of one log segment, 1MiB to 256MiB. [default: 64MiB]
    #[arg(long, env = "GLEITZEIT_SEGMENT_SIZE", value_name = "SIZE")]
    pub segment_size: Option<String>,
    /// Networks and host names, beside the public internet, that requests of tasks may go to, separated by commas.
    #[arg(long, env = "GLEITZEIT_HTTP_ALLOW", value_name = "NETWORKS", value_delimiter = ',')]
    pub http_allow: Option<Vec<String>>,
    /// The folder that file tasks may use. Without it there are none in the server.
    #[arg(long, env = "GLEITZEIT_FILES_ROOT", value_name = "DIR")]
    pub files_root: Option<PathBuf>,
    /// Where Ollama listens, unless the file lists endpoints. [default: port 11434 of this machine]
    #[arg(long, env = "GLEITZEIT_OLLAMA_URL", value_name = "URL")]
    pub ollama_url: Option<String>,
    /// Levels of the log, by module where wanted, such as `info,gleitzeit::engine=debug`. [default: info]
    #[arg(long, env = "GLEITZEIT_LOG", value_name = "LEVELS")]
    pub log: Option<String>,
    /// Form of the log: text for people, json for programs. [default: text]
    #[arg(long, env = "GLEITZEIT_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Collector of OpenTelemetry traces, at which it listens for OTLP over HTTP. Without it none are sent.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// Configuration file, in the place of ./gleitzeit.toml.
    #[arg(long, env = "GLEITZEIT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What the program runs with.
#[derive(Debug, Clone)]
pub struct Config {
    pub address: SocketAddr,
    pub data_dir: PathBuf,
    pub token: Option<String>,
    /// Pages that may speak to the server beside its own.
    pub allowed_origins: Vec<String>,
    pub connections: ConnectionsConfig,
    pub rates: RatesConfig,
    /// Without it the server speaks plain HTTP.
    pub tls: Option<TlsConfig>,
    pub segment_size: u64,
    pub limits: Limits,
    pub socket_message_bytes_max: usize,
    pub retention: RetentionConfig,
    pub http: HttpConfig,
    pub files: Option<FilesConfig>,
    pub webhooks: WebhookConfig,
    pub models: ModelsConfig,
    pub log: LogConfig,
    pub traces: Option<TracesConfig>,
}

/// What concerns the data directory alone.
#[derive(Debug, Clone)]
pub struct DataConfig {
    pub data_dir: PathBuf,
    pub segment_size: u64,
    pub limits: Limits,
}

impl RawConfig {
    /// Settles what those need who look after the data while no server runs. What only a server needs, such as a key in
    /// the environment, need not be there.
    ///
    /// # Errors
    /// Which setting is wrong, where it came from, and what it may be.
    pub fn resolve_data(self) -> Result<DataConfig, ConfigError> {
        let file = self.read_file()?;
        self.data(&file)
    }

    fn data(&self, file: &FileConfig) -> Result<DataConfig, ConfigError> {
        let segment_size = self.segment_size.as_ref().or(file.segment_size.as_ref());
        let segment_size = segment_size.map(|text| parse_size("segment_size", text)).transpose()?;
        let data_dir = self.data_dir.as_ref().or(file.data_dir.as_ref());
        let mut limits = Limits::default();
        file.limits.apply(&mut limits)?;
        file.webhooks.apply(&mut limits.subscriptions)?;
        Ok(DataConfig {
            data_dir: data_dir.cloned().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR)),
            segment_size: segment_size.unwrap_or(DEFAULT_SEGMENT_SIZE),
            limits,
        })
    }

    /// Reads the file and settles every value.
    ///
    /// # Errors
    /// Which setting is wrong, where it came from, and what it may be.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        let file = self.read_file()?;
        let DataConfig { data_dir, segment_size, limits } = self.data(&file)?;
        let host = self.host.or(file.host.clone()).unwrap_or_else(|| DEFAULT_HOST.to_owned());
        let ip = parse_host(&host)?;
        let token = self.token.or(file.token.clone());
        if token.as_deref().is_some_and(str::is_empty) {
            return Err(ConfigError::setting("token", "", "is empty: leave it out, or give it a value"));
        }
        Ok(Config {
            address: SocketAddr::new(ip, self.port.or(file.port).unwrap_or(DEFAULT_PORT)),
            data_dir,
            allowed_origins: file.origins()?,
            connections: file.connections.resolve()?,
            rates: file.rates.resolve()?,
            tls: TlsConfig::of(
                self.tls_cert.or(file.tls.cert.clone()),
                self.tls_key.or(file.tls.key.clone()),
            )?,
            token,
            segment_size,
            limits,
            socket_message_bytes_max: file.limits.socket_message_bytes()?,
            retention: file.retention().resolve(segment_size)?,
            http: file.http.resolve(self.http_allow.as_deref())?,
            files: file.files.resolve(self.files_root.as_deref())?,
            webhooks: file.webhooks.resolve()?,
            models: file.models.resolve(self.ollama_url.as_deref())?,
            log: LogConfig::resolve(
                self.log.as_deref().or(file.log.as_deref()),
                self.log_format.as_deref().or(file.log_format.as_deref()),
            )?,
            traces: TracesConfig::of(self.otlp_endpoint.or(file.otlp_endpoint))?,
        })
    }

    fn read_file(&self) -> Result<FileConfig, ConfigError> {
        FileConfig::of(&Layers::read(self.config.as_deref())?)
    }
}

impl Config {
    /// Sees that only this machine reaches a server that asks nobody for a key.
    ///
    /// # Errors
    /// When others would.
    pub fn check_guard(&self, guard: Guard) -> Result<(), ConfigError> {
        if guard == Guard::None && !self.address.ip().is_loopback() {
            let fix = "is not a loopback address, and without keys everybody there could run tasks: make the first key \
                       with `gleitzeit auth init`, set GLEITZEIT_TOKEN, or listen on 127.0.0.1";
            return Err(ConfigError::setting("host", &self.address.ip().to_string(), fix));
        }
        Ok(())
    }

    /// Whether others reach a server whose token can be found by trying.
    pub fn is_guessable(&self) -> bool {
        let is_short = |token: &String| token.len() < TOKEN_BYTES_MIN;
        let is_even = |token: &String| token.bytes().collect::<BTreeSet<u8>>().len() < TOKEN_LETTERS_MIN;
        let weak = self.token.as_ref().is_some_and(|token| is_short(token) || is_even(token));
        weak && !self.address.ip().is_loopback()
    }

    /// From where browsers may speak to the server.
    pub fn origins(&self, guard: Guard) -> Origins {
        let own = if self.tls.is_some() { OwnScheme::Https } else { OwnScheme::Either };
        Origins::new(self.allowed_origins.clone(), guard == Guard::None, own)
    }
}

/// Whether requests have to show a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    Keys,
    None,
}

fn parse_host(host: &str) -> Result<IpAddr, ConfigError> {
    let name = if host == "localhost" { DEFAULT_HOST } else { host.trim_matches(['[', ']']) };
    let fix = "is not an IP address: use 127.0.0.1, 0.0.0.0, ::1 or the address of an interface";
    name.parse().map_err(|_| ConfigError::setting("host", host, fix))
}
