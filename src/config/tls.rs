//! The certificate that the server shows.

use std::path::PathBuf;

use serde::Deserialize;

use super::file::ConfigError;

/// The `[tls]` table.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTls {
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// Two files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate, and behind it those that lead to its authority.
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl TlsConfig {
    /// # Errors
    /// When one of the two is missing.
    pub(super) fn of(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<Self>, ConfigError> {
        match (cert, key) {
            (Some(cert), Some(key)) => Ok(Some(Self { cert, key })),
            (None, None) => Ok(None),
            (Some(cert), None) => {
                let fix = "needs the key of the certificate beside it: give --tls-key, or `key` under [tls]";
                Err(ConfigError::setting("tls.cert", &cert.display().to_string(), fix))
            }
            (None, Some(key)) => {
                let fix = "needs its certificate beside it: give --tls-cert, or `cert` under [tls]";
                Err(ConfigError::setting("tls.key", &key.display().to_string(), fix))
            }
        }
    }
}
