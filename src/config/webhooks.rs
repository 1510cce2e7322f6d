//! `[webhooks]`: how tasks are handed on to receivers, and where their callbacks come in.

use serde::Deserialize;

use super::file::{ConfigError, set_count, set_time};
use crate::core::limits::SubscriptionLimits;
use crate::signing::WebhookSecret;

/// A receiver that takes longer to accept a task should accept it first and work afterwards.
const TIMEOUT_MS: u64 = 30_000;
const RETRY_BASE_MS: u64 = 1_000;
const RETRY_MAX_MS: u64 = 60_000;

/// The section as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileWebhooks {
    /// Signs what has no secret of its own; `whsec_` and base64, or plain text.
    secret: Option<String>,
    /// What callback URLs begin with; the address that the server listens on, unless it is set.
    public_url: Option<String>,
    /// For one request, from the look-up of the name to the answer.
    timeout_seconds: Option<f64>,
    /// The first pause before an unanswered delivery is tried again; doubles.
    retry_base_seconds: Option<f64>,
    retry_max_seconds: Option<f64>,
    #[serde(default)]
    subscriptions: FileSubscriptions,
}

/// `[webhooks.subscriptions]`: how patient those are who are told of ends.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSubscriptions {
    /// How many there may be.
    count: Option<usize>,
    /// For one end, the first included.
    tries: Option<u32>,
    retry_base_seconds: Option<f64>,
    retry_max_seconds: Option<f64>,
    /// Ends in a row that may be given up.
    disable_after: Option<u32>,
}

/// What the program runs with.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    pub secret: Option<WebhookSecret>,
    /// Without a slash at the end.
    pub public_url: Option<String>,
    pub timeout_ms: u64,
    pub retry_base_ms: u64,
    pub retry_max_ms: u64,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            secret: None,
            public_url: None,
            timeout_ms: TIMEOUT_MS,
            retry_base_ms: RETRY_BASE_MS,
            retry_max_ms: RETRY_MAX_MS,
        }
    }
}

impl FileWebhooks {
    /// # Errors
    /// Which setting is wrong, and what it may be. The secret is not repeated.
    pub(super) fn resolve(&self) -> Result<WebhookConfig, ConfigError> {
        let secret = self.secret.as_deref().map(WebhookSecret::parse).transpose();
        let secret = secret.map_err(|malformed| {
            ConfigError::setting("webhooks.secret", "...", &format!("is refused: {malformed}"))
        })?;
        let mut config = WebhookConfig {
            secret,
            public_url: self.public_url.as_deref().map(public_url).transpose()?,
            ..WebhookConfig::default()
        };
        set_time(&mut config.timeout_ms, "webhooks.timeout_seconds", self.timeout_seconds, 1e3)?;
        set_time(&mut config.retry_base_ms, "webhooks.retry_base_seconds", self.retry_base_seconds, 1e3)?;
        set_time(&mut config.retry_max_ms, "webhooks.retry_max_seconds", self.retry_max_seconds, 1e3)?;
        Ok(config)
    }

    /// Puts what the file says of subscriptions in the place of the defaults.
    ///
    /// # Errors
    /// Which setting is out of range.
    pub(super) fn apply(&self, limits: &mut SubscriptionLimits) -> Result<(), ConfigError> {
        let file = &self.subscriptions;
        let (base, max) = (file.retry_base_seconds, file.retry_max_seconds);
        set_count(&mut limits.count_max, "webhooks.subscriptions.count", file.count)?;
        set_count(&mut limits.tries_max, "webhooks.subscriptions.tries", file.tries)?;
        set_time(&mut limits.base_delay_ms, "webhooks.subscriptions.retry_base_seconds", base, 1e3)?;
        set_time(&mut limits.max_delay_ms, "webhooks.subscriptions.retry_max_seconds", max, 1e3)?;
        set_count(&mut limits.given_up_max, "webhooks.subscriptions.disable_after", file.disable_after)
    }
}

fn public_url(text: &str) -> Result<String, ConfigError> {
    let web = text.starts_with("http://") || text.starts_with("https://");
    if !web || text.contains(['?', '#']) || text.contains(char::is_whitespace) {
        let fix = "is not the beginning of a URL: write it like https://gleitzeit.example, without a query";
        return Err(ConfigError::setting("webhooks.public_url", text, fix));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_and_secrets_are_not_repeated() {
        let parse = |text: &str| toml::from_str::<FileWebhooks>(text).unwrap().resolve();
        let config = parse("public_url = \"https://x.example/base/\"\nretry_base_seconds = 0.5").unwrap();
        assert_eq!(config.public_url.as_deref(), Some("https://x.example/base"));
        assert_eq!((config.retry_base_ms, config.retry_max_ms), (500, RETRY_MAX_MS));
        assert!(parse("public_url = \"x.example\"").is_err());
        let error = parse("secret = \"whsec_geheim!\"").unwrap_err().to_string();
        assert!(error.contains("webhooks.secret") && !error.contains("geheim"), "{error}");
        assert!(!format!("{:?}", parse("secret = \"geheim\"").unwrap()).contains("geheim"));
    }
}
