//! What the program says while it runs: on stderr, by level, as text for people or as JSON for programs.

mod json;
mod text;

use std::io::{IsTerminal, Stderr, stderr};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::Layer;
use tracing_subscriber::fmt::format::Format;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

/// Starts logging as the configuration says: levels, by module where wanted, and the form of a line.
pub fn start(log: &LogConfig) {
    let levels = log.levels.parse::<Targets>().expect("the configuration has checked them");
    let filtered = tracing_subscriber::registry().with(levels);
    // A second start in one process, as in tests, keeps the first.
    let _ = match log.format {
        LogFormat::Text => filtered.with(lines()).try_init(),
        LogFormat::Json => filtered.with(lines().event_format(json::Lines)).try_init(),
    };
}

/// Starts logging with these levels where the environment (`GLEITZEIT_LOG`) sets none.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever starts at a level of its own resolves no configuration"
)]
pub fn start_at(levels: &str) {
    let wanted = std::env::var("GLEITZEIT_LOG").ok().and_then(|wanted| wanted.parse::<Targets>().ok());
    let levels = wanted.unwrap_or_else(|| levels.parse().expect("the program names levels that exist"));
    let _ = tracing_subscriber::registry().with(levels).with(lines()).try_init();
}

/// How each line looks. The filter stands before it, which is why the kind of subscriber is open.
fn lines<S>() -> Layer<S, text::Fields, Format, fn() -> Stderr>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    // See no-color.org: any value but an empty one.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt::layer()
        .fmt_fields(text::Fields::new())
        .with_ansi(stderr().is_terminal() && !no_color)
        .with_target(false)
        .with_writer(stderr as fn() -> Stderr)
}
