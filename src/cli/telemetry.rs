//! What the program says while it runs: on stderr, by level.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `GLEITZEIT_LOG` sets the levels, by module where wanted: `info,gleitzeit::socket=debug`.
pub fn start() {
    start_at("info");
}

/// Starts logging with these levels where the environment sets none.
pub fn start_at(levels: &str) {
    let filter = EnvFilter::try_from_env("GLEITZEIT_LOG").unwrap_or_else(|_| EnvFilter::new(levels));
    // See no-color.org: any value but an empty one.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !no_color)
        .with_target(false);
    // A second start in one process, as in tests, keeps the first.
    let _ = subscriber.try_init();
}
