//! `gleitzeit health`: for people and for probes.

use clap::Args;

use super::Exit;
use super::output::{Output, lines, pairs};
use super::remote::{Remote, told};
use crate::client::Health as Answer;

/// Show how the server is.
///
/// The exit code is 0 when it is healthy, 1 when it is degraded, and 2 when it is unhealthy or does not answer.
#[derive(Debug, Args)]
pub(super) struct Health {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Health {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            let health = match client.health().await {
                Ok(health) => health,
                Err(error) => {
                    eprintln!("{}", told(&error));
                    return Ok(Exit::UNHEALTHY);
                }
            };
            self.output.one(&health, &health.status, || described(&health))?;
            Ok(match health.status.as_str() {
                "healthy" => Exit::Ok,
                "degraded" => Exit::Error,
                _ => Exit::UNHEALTHY,
            })
        })
    }
}

fn described(health: &Answer) -> String {
    let head = pairs(&[("status", health.status.clone()), ("version", health.version.clone())]);
    head + &lines(health.problems.iter().chain(&health.warnings).map(|problem| format!("  {problem}")))
}
