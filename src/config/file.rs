//! The TOML file.

use std::path::PathBuf;

use serde::Deserialize;

use super::connections::FileConnections;
use super::files::FileFiles;
use super::http::FileHttp;
use super::models::FileModels;
use super::origins::parse_origin;
use super::rates::FileRates;
use super::retention::Written;
use super::size::parse_size;
use super::tls::FileTls;
use super::webhooks::FileWebhooks;
use crate::core::limits::Limits;
use crate::settings::{ClientFile, Layers, SettingsError, plain_reason, without_user_info};

/// One message of a socket; one result of 8 MiB fits with room to spare.
const SOCKET_MESSAGE_BYTES: u64 = 16 << 20;
/// A setting in days beyond this would not fit into milliseconds that anybody means.
const DAYS_MAX: f64 = 36_500.0;

/// What a configuration file may hold. Unknown keys are errors: a misspelt limit must not be ignored.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub data_dir: Option<PathBuf>,
    pub token: Option<String>,
    /// Pages of other origins that may speak to the server, such as `https://example.org`.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    pub segment_size: Option<String>,
    /// Levels of the server's log, and its form.
    pub log: Option<String>,
    pub log_format: Option<String>,
    /// Days that ended workflows are kept.
    pub retention_days: Option<f64>,
    /// How many of them are kept at most.
    pub retention_workflows: Option<u64>,
    /// The most that the log may take on the disk.
    pub retention_log_size: Option<String>,
    /// Collector of traces.
    pub otlp_endpoint: Option<String>,
    #[serde(default)]
    pub limits: FileLimits,
    #[serde(default)]
    pub connections: FileConnections,
    #[serde(default)]
    pub rates: FileRates,
    #[serde(default)]
    pub tls: FileTls,
    #[serde(default)]
    pub http: FileHttp,
    #[serde(default)]
    pub files: FileFiles,
    /// For the verbs that talk to a server.
    #[serde(default)]
    pub client: ClientFile,
    #[serde(default)]
    pub webhooks: FileWebhooks,
    #[serde(default)]
    pub models: FileModels,
}

/// The deadlines and limits; times in seconds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLimits {
    accept_timeout_seconds: Option<f64>,
    disconnect_grace_seconds: Option<f64>,
    confirm_timeout_seconds: Option<f64>,
    liveness_seconds: Option<f64>,
    release_grace_seconds: Option<f64>,
    idempotency_hours: Option<f64>,
    lost_attempts: Option<u32>,
    late_evidence: Option<u8>,
    refusal_backoff_seconds: Option<f64>,
    refusal_backoff_max_seconds: Option<f64>,
    worker_capacity: Option<u32>,
    workers: Option<usize>,
    result_bytes: Option<String>,
    body_bytes: Option<String>,
    socket_message_bytes: Option<String>,
    json_depth: Option<usize>,
    name_bytes: Option<usize>,
    tasks_per_workflow: Option<usize>,
    dependencies_per_task: Option<usize>,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    File(#[from] SettingsError),
    #[error("{name} = \"{value}\" {fix}")]
    Setting { name: String, value: String, fix: String },
}

impl ConfigError {
    /// The value is repeated without what may be a password in it.
    pub fn setting(name: &str, value: &str, fix: &str) -> Self {
        Self::Setting { name: name.to_owned(), value: without_user_info(value), fix: fix.to_owned() }
    }
}

impl FileConfig {
    /// Puts the files together, the more specific ones first.
    ///
    /// # Errors
    /// Which file has a key that means nothing, or a value that does not fit.
    pub fn of(layers: &Layers) -> Result<Self, ConfigError> {
        for layer in layers.iter() {
            // Each file is checked by itself, so that a message can name its place in it.
            toml::from_str::<Self>(&layer.text)
                .map_err(|error| SettingsError::malformed(&layer.path, &layer.text, &error))?;
        }
        let merged = layers.merged().try_into();
        merged.map_err(|reason: toml::de::Error| {
            ConfigError::setting("the files together", "", &format!("do not fit: {}", plain_reason(&reason)))
        })
    }

    /// Pages of other origins, as browsers call them.
    pub(super) fn origins(&self) -> Result<Vec<String>, ConfigError> {
        let origin = |text: &String| {
            parse_origin(text).map_err(|why| ConfigError::setting("allowed_origins", text, &why))
        };
        self.allowed_origins.iter().map(origin).collect()
    }

    pub(super) fn retention(&self) -> Written<'_> {
        Written {
            days: self.retention_days,
            workflows: self.retention_workflows,
            log_size: self.retention_log_size.as_deref(),
        }
    }
}

impl FileLimits {
    pub fn socket_message_bytes(&self) -> Result<usize, ConfigError> {
        let mut bytes = usize::try_from(SOCKET_MESSAGE_BYTES).expect("16 MiB fit");
        set_size(&mut bytes, "limits.socket_message_bytes", self.socket_message_bytes.as_deref())?;
        Ok(bytes)
    }

    /// Puts what the file says in the place of the defaults.
    ///
    /// # Errors
    /// Which limit is out of range.
    pub fn apply(&self, limits: &mut Limits) -> Result<(), ConfigError> {
        set_time(&mut limits.accept_ms, "limits.accept_timeout_seconds", self.accept_timeout_seconds, 1e3)?;
        set_time(
            &mut limits.disconnect_grace_ms,
            "limits.disconnect_grace_seconds",
            self.disconnect_grace_seconds,
            1e3,
        )?;
        set_time(
            &mut limits.confirm_ms,
            "limits.confirm_timeout_seconds",
            self.confirm_timeout_seconds,
            1e3,
        )?;
        set_time(&mut limits.liveness_ms, "limits.liveness_seconds", self.liveness_seconds, 1e3)?;
        set_time(
            &mut limits.release_grace_ms,
            "limits.release_grace_seconds",
            self.release_grace_seconds,
            1e3,
        )?;
        set_time(&mut limits.idempotency_ms, "limits.idempotency_hours", self.idempotency_hours, 3.6e6)?;
        set_count(&mut limits.lost_attempts_max, "limits.lost_attempts", self.lost_attempts)?;
        set_count(&mut limits.late_evidence_max, "limits.late_evidence", self.late_evidence)?;
        set_time(
            &mut limits.refusal_backoff_ms,
            "limits.refusal_backoff_seconds",
            self.refusal_backoff_seconds,
            1e3,
        )?;
        set_time(
            &mut limits.refusal_backoff_max_ms,
            "limits.refusal_backoff_max_seconds",
            self.refusal_backoff_max_seconds,
            1e3,
        )?;
        set_count(&mut limits.worker_capacity_max, "limits.worker_capacity", self.worker_capacity)?;
        set_count(&mut limits.workers_max, "limits.workers", self.workers)?;
        set_size(&mut limits.result_bytes_max, "limits.result_bytes", self.result_bytes.as_deref())?;
        let submission = &mut limits.submission;
        set_size(&mut submission.body_bytes_max, "limits.body_bytes", self.body_bytes.as_deref())?;
        set_count(&mut submission.json_depth_max, "limits.json_depth", self.json_depth)?;
        set_count(&mut submission.name_bytes_max, "limits.name_bytes", self.name_bytes)?;
        set_count(&mut submission.tasks_max, "limits.tasks_per_workflow", self.tasks_per_workflow)?;
        set_count(
            &mut submission.dependencies_max,
            "limits.dependencies_per_task",
            self.dependencies_per_task,
        )
    }
}

pub(super) fn set_time(
    target: &mut u64,
    name: &str,
    value: Option<f64>,
    unit_ms: f64,
) -> Result<(), ConfigError> {
    if let Some(value) = value {
        *target = duration(name, value, unit_ms)?;
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range has just been checked"
)]
pub(super) fn duration(name: &str, value: f64, unit_ms: f64) -> Result<u64, ConfigError> {
    let ms = value * unit_ms;
    if ms.is_finite() && (1.0..=DAYS_MAX * 86_400_000.0).contains(&ms) {
        return Ok(ms.round() as u64);
    }
    Err(ConfigError::setting(
        name,
        &value.to_string(),
        "is out of range: it must be positive and at most 100 years",
    ))
}

pub(super) fn set_count<T: Copy + PartialEq + Default + std::fmt::Display>(
    target: &mut T,
    name: &str,
    value: Option<T>,
) -> Result<(), ConfigError> {
    match value {
        Some(zero) if zero == T::default() => {
            Err(ConfigError::setting(name, &zero.to_string(), "is out of range: it must be at least 1"))
        }
        Some(value) => {
            *target = value;
            Ok(())
        }
        None => Ok(()),
    }
}

pub(super) fn set_size(target: &mut usize, name: &str, value: Option<&str>) -> Result<(), ConfigError> {
    let Some(text) = value else { return Ok(()) };
    let bytes = usize::try_from(parse_size(name, text)?).unwrap_or(usize::MAX);
    set_count(target, name, Some(bytes))
}
