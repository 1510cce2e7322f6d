//! How many connections there may be, and how long each may keep the server waiting.

use std::time::Duration;

use serde::Deserialize;

use super::file::{ConfigError, duration, set_count};

/// A request's head is one packet or two; a person's network needs no ten seconds for them.
const HEADER: Duration = Duration::from_secs(10);
/// A body may take as long as it likes, but never stand still for so long.
const BODY: Duration = Duration::from_secs(30);
/// Longer than proxies keep their connections to a server, as a rule a minute, so that it is they who end them.
const IDLE: Duration = Duration::from_secs(75);
/// As long as a socket may leave a ping unanswered.
const WRITE: Duration = Duration::from_secs(45);
/// Services at once, and room for whoever looks. An idle connection takes 30 KiB.
const MAX: usize = 30_000;
/// Sockets that have not joined, or not shown a key where one is asked for, at once. One takes 20 KiB; all services may come back
/// at the same time.
const OPENING_MAX: usize = 5_000;
/// A client joins and shows its key as soon as it is connected.
const OPENING: Duration = Duration::from_secs(20);
/// Of the descriptors that the system allows, a quarter is kept for the log, the store and what tasks connect to, but no more than
/// the second figure.
const KEPT_SHARE: usize = 4;
const KEPT_MAX: usize = 512;

/// The `[connections]` table.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConnections {
    max: Option<usize>,
    per_address: Option<usize>,
    header_timeout_seconds: Option<f64>,
    body_timeout_seconds: Option<f64>,
    idle_timeout_seconds: Option<f64>,
    write_timeout_seconds: Option<f64>,
    opening_max: Option<usize>,
    opening_per_address: Option<usize>,
    opening_timeout_seconds: Option<f64>,
}

/// The bounds of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionsConfig {
    /// Connections at once.
    pub max: usize,
    /// Of one address. Without it the program decides.
    pub per_address: Option<usize>,
    /// From the beginning of a request to the end of its head.
    pub header: Duration,
    /// Between two pieces of a body.
    pub body: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// While something waits to be sent and nothing of it can be.
    pub write: Duration,
    /// Sockets that are about to open, at once.
    pub opening_max: usize,
    /// Of one address. Without it the program decides.
    pub opening_per_address: Option<usize>,
    /// Until a socket has joined, and shown a key where one is asked for.
    pub opening: Duration,
}

impl Default for ConnectionsConfig {
    fn default() -> Self {
        Self {
            max: MAX,
            per_address: None,
            header: HEADER,
            body: BODY,
            idle: IDLE,
            write: WRITE,
            opening_max: OPENING_MAX,
            opening_per_address: None,
            opening: OPENING,
        }
    }
}

impl FileConnections {
    /// # Errors
    /// Which setting is out of range.
    pub(super) fn resolve(&self) -> Result<ConnectionsConfig, ConfigError> {
        let mut config = ConnectionsConfig::default();
        set_count(&mut config.max, "connections.max", self.max)?;
        set_count(&mut config.opening_max, "connections.opening_max", self.opening_max)?;
        let optional = [
            (&mut config.per_address, "connections.per_address", self.per_address),
            (&mut config.opening_per_address, "connections.opening_per_address", self.opening_per_address),
        ];
        for (target, name, value) in optional {
            set_count(&mut 1, name, value)?;
            *target = value;
        }
        let times = [
            (&mut config.header, "connections.header_timeout_seconds", self.header_timeout_seconds),
            (&mut config.body, "connections.body_timeout_seconds", self.body_timeout_seconds),
            (&mut config.idle, "connections.idle_timeout_seconds", self.idle_timeout_seconds),
            (&mut config.write, "connections.write_timeout_seconds", self.write_timeout_seconds),
            (&mut config.opening, "connections.opening_timeout_seconds", self.opening_timeout_seconds),
        ];
        for (target, name, value) in times {
            if let Some(value) = value {
                *target = Duration::from_millis(duration(name, value, 1e3)?);
            }
        }
        Ok(config)
    }
}

impl ConnectionsConfig {
    /// As many connections as leave enough of so many descriptors for everything else.
    #[must_use]
    pub fn within(self, descriptors: usize) -> Self {
        let kept = (descriptors / KEPT_SHARE).min(KEPT_MAX);
        Self { max: self.max.min(descriptors.saturating_sub(kept).max(1)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConnectionsConfig, ConfigError> {
        toml::from_str::<FileConnections>(text).expect("it is TOML").resolve()
    }

    #[test]
    fn what_is_set_takes_the_place_of_the_defaults() {
        let config =
            read("max = 7\nper_address = 3\nheader_timeout_seconds = 0.5\nidle_timeout_seconds = 2").unwrap();
        let (half, two) = (Duration::from_millis(500), Duration::from_secs(2));
        let expected =
            ConnectionsConfig { max: 7, per_address: Some(3), header: half, idle: two, ..Default::default() };
        assert_eq!(config, expected);
        for wrong in
            ["max = 0", "per_address = 0", "body_timeout_seconds = 0.0", "write_timeout_seconds = -1.0"]
        {
            let error = read(wrong).expect_err(wrong).to_string();
            assert!(error.contains("connections."), "{error}");
        }
    }

    #[test]
    fn descriptors_are_left_for_everything_else() {
        let max = |descriptors| ConnectionsConfig::default().within(descriptors).max;
        assert_eq!([max(256), max(1024), max(20_000), max(1_000_000)], [192, 768, 19_488, MAX]);
        assert_eq!(max(0), 1);
    }
}
