//! What the program says while it runs: on stderr, by level, as text for people or as JSON for programs.

mod json;
mod text;

use std::io::{IsTerminal, Stderr, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::Format;

use crate::config::{LogConfig, LogFormat};

/// Starts logging as the configuration says: levels, by module where wanted, and the form of a line.
pub fn start(log: &LogConfig) {
    let filter = EnvFilter::new(&log.levels);
    // A second start in one process, as in tests, keeps the first.
    let _ = match log.format {
        LogFormat::Text => subscriber(filter).try_init(),
        LogFormat::Json => subscriber(filter).event_format(json::Lines).try_init(),
    };
}

/// Starts logging with these levels where the environment (`GLEITZEIT_LOG`) sets none.
pub fn start_at(levels: &str) {
    let filter = EnvFilter::try_from_env("GLEITZEIT_LOG").unwrap_or_else(|_| EnvFilter::new(levels));
    let _ = subscriber(filter).try_init();
}

fn subscriber(filter: EnvFilter) -> SubscriberBuilder<text::Fields, Format, EnvFilter, fn() -> Stderr> {
    // See no-color.org: any value but an empty one.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .fmt_fields(text::Fields::new())
        .with_ansi(stderr().is_terminal() && !no_color)
        .with_target(false)
        .with_env_filter(filter)
        .with_writer(stderr)
}
