//! How often somebody may come and ask.

use serde::Deserialize;

use super::file::{ConfigError, set_count};

/// New connections of one address in a second. A building full of services that come back together stays below it with what may
/// come at once; a handshake of TLS takes a millisecond.
const CONNECTIONS_PER_ADDRESS: u32 = 200;
/// Requests of one address in a second that show no key. A service needs six of them until it is in, the dashboard sixty.
const REQUESTS_PER_ADDRESS: u32 = 500;
/// So many seconds of a rate may come at once: whoever comes back after a restart of the server asks for all at the same time.
const BURST_SECONDS: u32 = 10;
/// As much as a rate can be told apart from none.
const PER_SECOND_MAX: u32 = 1_000_000;
const BURST_SECONDS_MAX: u32 = 3_600;

/// The `[rates]` table.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRates {
    connections_per_address: Option<u32>,
    requests_per_address: Option<u32>,
    requests_per_key: Option<u32>,
    messages_per_key: Option<u32>,
    burst_seconds: Option<u32>,
    #[serde(default)]
    loopback: bool,
}

/// How many there may be in a second. `burst_seconds` times as many may come at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatesConfig {
    /// New connections of one address.
    pub connections_per_address: u32,
    /// Requests of one address that show no key, among them those that open sockets.
    pub requests_per_address: u32,
    /// Requests of REST with one key. Without it nobody counts them: whoever has a key is known, and can be asked.
    pub requests_per_key: Option<u32>,
    /// Events on the sockets of one key.
    pub messages_per_key: Option<u32>,
    pub burst_seconds: u32,
    pub this_machine: ThisMachine,
}

/// Whether the addresses of this machine are held to the rates of addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ThisMachine {
    /// Services and proxies live here, and whoever is here can do worse.
    #[default]
    Free,
    Counted,
}

impl Default for RatesConfig {
    fn default() -> Self {
        Self {
            connections_per_address: CONNECTIONS_PER_ADDRESS,
            requests_per_address: REQUESTS_PER_ADDRESS,
            requests_per_key: None,
            messages_per_key: None,
            burst_seconds: BURST_SECONDS,
            this_machine: ThisMachine::Free,
        }
    }
}

impl FileRates {
    /// # Errors
    /// Which rate is out of range.
    pub(super) fn resolve(&self) -> Result<RatesConfig, ConfigError> {
        let mut config = RatesConfig::default();
        let this_machine = if self.loopback { ThisMachine::Counted } else { ThisMachine::Free };
        let per_second = |target: &mut u32, name, value| set(target, name, value, PER_SECOND_MAX);
        per_second(
            &mut config.connections_per_address,
            "rates.connections_per_address",
            self.connections_per_address,
        )?;
        per_second(
            &mut config.requests_per_address,
            "rates.requests_per_address",
            self.requests_per_address,
        )?;
        per_second(&mut 1, "rates.requests_per_key", self.requests_per_key)?;
        per_second(&mut 1, "rates.messages_per_key", self.messages_per_key)?;
        set(&mut config.burst_seconds, "rates.burst_seconds", self.burst_seconds, BURST_SECONDS_MAX)?;
        let (requests_per_key, messages_per_key) = (self.requests_per_key, self.messages_per_key);
        Ok(RatesConfig { requests_per_key, messages_per_key, this_machine, ..config })
    }
}

fn set(target: &mut u32, name: &str, value: Option<u32>, most: u32) -> Result<(), ConfigError> {
    if let Some(value) = value.filter(|value| *value > most) {
        let fix = format!("is out of range: it must be at most {most}");
        return Err(ConfigError::setting(name, &value.to_string(), &fix));
    }
    set_count(target, name, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RatesConfig, ConfigError> {
        toml::from_str::<FileRates>(text).expect("it is TOML").resolve()
    }

    #[test]
    fn what_is_set_takes_the_place_of_the_defaults() {
        assert_eq!(read("").unwrap(), RatesConfig::default());
        let config = read("requests_per_address = 7\nmessages_per_key = 9\nloopback = true\n").unwrap();
        let expected = RatesConfig {
            requests_per_address: 7,
            messages_per_key: Some(9),
            this_machine: ThisMachine::Counted,
            ..RatesConfig::default()
        };
        assert_eq!(config, expected);
        for wrong in ["requests_per_key = 0", "connections_per_address = 1000001", "burst_seconds = 3601"] {
            let error = read(wrong).expect_err(wrong).to_string();
            assert!(error.contains("rates.") && error.contains("must be at"), "{error}");
        }
    }
}
