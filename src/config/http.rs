//! `[http]`: where requests that users ask for may go, and what they may bring back.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use super::file::{ConfigError, set_size, set_time};

/// A host that takes longer than this to accept a connection is down for all that a task can tell.
const CONNECT_TIMEOUT_MS: u64 = 10_000;
/// Half of a result: text grows when it is written as JSON, and bytes grow by a third as base64.
const RESPONSE_BYTES: usize = 4 << 20;
/// Entries are compared one by one with each address that a request may go to.
const ALLOW_MAX: usize = 1_000;

/// The section as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileHttp {
    /// Networks and host names beside the public internet: `["127.0.0.0/8", "internal.example"]`.
    allow: Option<Vec<String>>,
    connect_timeout_seconds: Option<f64>,
    /// The most that one response may hold.
    response_bytes: Option<String>,
}

/// What the program runs with.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    pub allow: Allowed,
    pub connect_timeout_ms: u64,
    pub response_bytes_max: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            allow: Allowed::default(),
            connect_timeout_ms: CONNECT_TIMEOUT_MS,
            response_bytes_max: RESPONSE_BYTES,
        }
    }
}

impl FileHttp {
    /// # Errors
    /// Which entry or value is wrong, and what it may be.
    pub(super) fn resolve(&self, allow: Option<&[String]>) -> Result<HttpConfig, ConfigError> {
        let mut config = HttpConfig::default();
        if let Some(entries) = allow.or(self.allow.as_deref()) {
            config.allow = Allowed::parse(entries)?;
        }
        let connect = ("http.connect_timeout_seconds", self.connect_timeout_seconds);
        set_time(&mut config.connect_timeout_ms, connect.0, connect.1, 1e3)?;
        set_size(&mut config.response_bytes_max, "http.response_bytes", self.response_bytes.as_deref())?;
        Ok(config)
    }
}

/// Addresses and names that requests may go to although they are not public.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    networks: Vec<IpNet>,
    /// In lower case, without a dot at the end.
    names: BTreeSet<String>,
}

impl Allowed {
    /// # Errors
    /// Which entry is neither a network, an address nor a host name.
    pub fn parse(entries: &[String]) -> Result<Self, ConfigError> {
        let mut allowed = Self::default();
        if entries.len() > ALLOW_MAX {
            let fix = "are more entries than the limit of 1000; write networks instead of addresses";
            return Err(ConfigError::setting("http.allow", &format!("{} entries", entries.len()), fix));
        }
        for entry in entries {
            let text = entry.trim();
            if let Ok(network) = text.parse::<IpNet>() {
                allowed.networks.push(network);
            } else if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
                allowed.networks.push(IpNet::from(address));
            } else if is_host_name(text) {
                allowed.names.insert(plain_name(text));
            } else {
                let fix = "is neither a network like 10.1.0.0/16, an address, nor a host name without scheme, \
                           port or wildcard";
                return Err(ConfigError::setting("http.allow", entry, fix));
            }
        }
        Ok(allowed)
    }

    pub fn has_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    pub fn has_name(&self, name: &str) -> bool {
        !self.names.is_empty() && self.names.contains(&plain_name(name))
    }
}

fn plain_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// A name whose last part is a number would be an address written in an odd way.
fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.split('.').all(fits)
        && last.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !last.starts_with("0x")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entries: &[&str]) -> Result<Allowed, ConfigError> {
        Allowed::parse(&entries.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn networks_addresses_and_names_are_allowed() {
        let allowed = parse(&["10.1.0.0/16", "192.168.7.9", "[fd00::1]", "Internal.Example."]).unwrap();
        for (address, expected) in [
            ("10.1.200.3", true),
            ("10.2.0.1", false),
            ("192.168.7.9", true),
            ("192.168.7.8", false),
            ("fd00::1", true),
            ("fd00::2", false),
        ] {
            assert_eq!(allowed.has_address(address.parse().unwrap()), expected, "{address}");
        }
        assert!(allowed.has_name("internal.example") && allowed.has_name("INTERNAL.example."));
        assert!(!allowed.has_name("sub.internal.example") && !allowed.has_name("example"));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for wrong in ["", "10.1.0.0/33", "http://x", "x:80", "*.example", "10.1", "0x7f000001", "a..b", "a b"]
        {
            let error = parse(&[wrong]).expect_err(wrong).to_string();
            assert!(error.contains("http.allow") && error.contains("10.1.0.0/16"), "{error}");
        }
    }
}
