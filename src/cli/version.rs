//! `gleitzeit version`: which program this is.

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::output::{Output, pairs};

/// Show the version and what it was built with.
#[derive(Debug, Args)]
pub(super) struct Version {
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Shown {
    version: &'static str,
    features: Vec<&'static str>,
    os: &'static str,
    architecture: &'static str,
}

impl Version {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let features = [
            ("server", cfg!(feature = "server")),
            ("client", cfg!(feature = "client")),
            ("demo", cfg!(feature = "demo")),
        ];
        let shown = Shown {
            version: env!("CARGO_PKG_VERSION"),
            features: features.into_iter().filter(|(_, built)| *built).map(|(name, _)| name).collect(),
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
        };
        self.output.one(&shown, shown.version, || {
            pairs(&[
                ("version", shown.version.to_owned()),
                ("features", shown.features.join(" ")),
                ("system", format!("{} {}", shown.os, shown.architecture)),
            ])
        })?;
        Ok(Exit::Ok)
    }
}
