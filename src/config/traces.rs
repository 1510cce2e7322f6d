//! Where traces go.

use reqwest::Url;

use super::ConfigError;

/// The path that the protocol asks for below every endpoint.
const PATH: &str = "v1/traces";

/// A collector of traces that speaks OTLP over HTTP.
#[derive(Debug, Clone)]
pub struct TracesConfig {
    /// Where spans are posted.
    pub url: Url,
}

impl TracesConfig {
    /// Without an endpoint, or with an empty one as a shell may leave it, no traces are kept.
    ///
    /// # Errors
    /// Why the endpoint cannot be used.
    pub fn of(endpoint: Option<String>) -> Result<Option<Self>, ConfigError> {
        let Some(text) = endpoint.filter(|text| !text.is_empty()) else { return Ok(None) };
        let bad = |fix: &str| ConfigError::setting("otlp_endpoint", &text, fix);
        let url = Url::parse(&format!("{}/{PATH}", text.trim_end_matches('/')));
        let url = url.map_err(|_| bad("is not a URL: use one such as http://127.0.0.1:4318"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("must begin with http:// or https://"));
        }
        // It would show in the log.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("holds a user name or a password, which cannot be sent"));
        }
        Ok(Some(Self { url }))
    }
}
