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
        let shown = Shown::of_this();
        self.output.one(&shown, shown.version, || shown.described())?;
        Ok(Exit::Ok)
    }
}

impl Shown {
    fn of_this() -> Self {
        let features = [
            ("server", cfg!(feature = "server")),
            ("client", cfg!(feature = "client")),
            ("demo", cfg!(feature = "demo")),
        ];
        Self {
            version: env!("CARGO_PKG_VERSION"),
            features: features.into_iter().filter(|(_, built)| *built).map(|(name, _)| name).collect(),
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
        }
    }

    fn described(&self) -> String {
        pairs(&[
            ("version", self.version.to_owned()),
            ("features", self.features.join(" ")),
            ("system", format!("{} {}", self.os, self.architecture)),
        ])
    }
}

/// As it is printed for people.
#[cfg(all(feature = "client", feature = "server"))]
pub(super) fn described() -> String {
    Shown::of_this().described()
}
