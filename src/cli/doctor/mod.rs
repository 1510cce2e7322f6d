//! `gleitzeit doctor`: one report for whoever is asked for help, with and without a server, and without a secret.

mod data;
mod machine;
mod secrets;
mod server;

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, Parser};

use super::config::{self, Setting};
use super::output::{lines, print, table};
use super::redact::HIDDEN;
use super::remote::{Remote, told};
use super::{Exit, version};
use crate::client::ClientError;
use crate::clock;
use crate::config::{ConfigError, RawConfig};
use crate::protocol::time::Rfc3339;
use secrets::Secrets;

/// Show everything that whoever helps you will ask for, as one text to paste.
///
/// The program, the machine, the limits, the settings with their origins, the data directory and its disk, and, where a
/// server answers, its health, figures, services, open workflows with what their tasks wait for, and the latest errors by
/// their codes. Parameters, results, messages of failures, tokens, keys and passwords are left out. The exit code is 1
/// when something needs attention.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The data directory. [default: ./gleitzeit-data]
    #[arg(long, env = "GLEITZEIT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file of the server. [default: ./gleitzeit.toml if it exists]
    #[arg(long, env = "GLEITZEIT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

/// What the server would read from the environment.
#[derive(Debug, Parser)]
struct Environment {
    #[command(flatten)]
    config: RawConfig,
}

/// What was found, section by section.
#[derive(Debug, Default)]
struct Report {
    text: String,
    /// What needs attention.
    findings: Vec<String>,
}

impl Report {
    fn section(&mut self, name: &str, content: &str) {
        write!(self.text, "\n== {name} ==\n{content}").expect("a text takes any text");
    }

    fn finding(&mut self, what: impl Into<String>) {
        self.findings.push(what.into());
    }
}

impl Doctor {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let given = Environment::try_parse_from(["gleitzeit"])?.config;
        let given = RawConfig { data_dir: self.data_dir, config: self.config, ..given };
        let secrets = Secrets::gather(&given, &self.remote);
        let mut report = Report::default();
        report.section("Program", &version::described());
        machine::tell(&mut report);
        settings(&mut report, &given);
        let data_dir = given.clone().resolve_data().map(|data| data.data_dir);
        if let Ok(data_dir) = data_dir {
            data::tell(&mut report, &data_dir);
        }
        ask(&mut report, self.remote);
        let findings = match report.findings.as_slice() {
            [] => "nothing needs attention\n".to_owned(),
            found => lines(found.iter().map(|finding| format!("! {finding}"))),
        };
        let time = Rfc3339(clock::wall());
        let whole = format!("gleitzeit doctor, {time}\n\n== Findings ==\n{findings}{}", report.text);
        print(&secrets.hide(&whole));
        Ok(if report.findings.is_empty() { Exit::Ok } else { Exit::Error })
    }
}

fn settings(report: &mut Report, given: &RawConfig) {
    let refused = given.clone().resolve().err();
    // A name that means nothing may be the misspelt one of a secret.
    let is_certain = !matches!(refused, Some(ConfigError::File(_)));
    match config::settings(given) {
        Ok(settings) => {
            let row = |setting: &Setting| {
                let value = if is_certain { setting.value.clone() } else { HIDDEN.to_owned() };
                vec![setting.name.clone(), value, setting.origin.clone()]
            };
            let rows = settings.iter().map(row);
            report.section("Settings", &table(&["SETTING", "VALUE", "ORIGIN"], rows));
        }
        Err(error) => report.section("Settings", &format!("{error}\n")),
    }
    if let Some(error) = refused {
        report.finding(format!("the server would not start with these settings: {error}"));
    }
}

fn ask(report: &mut Report, remote: Remote) {
    let answered = remote.run(async |client| match server::tell(report, &client).await {
        Ok(()) => Ok(Exit::Ok),
        Err(error) => Err(error.into()),
    });
    let Err(error) = answered else { return };
    match error.downcast_ref::<ClientError>() {
        // Without a server there is less to tell, and nothing wrong with that.
        Some(unreachable @ ClientError::Unreachable { .. }) => {
            report.section("Server", &format!("{}\n", told(unreachable)));
        }
        Some(refused) => {
            report.section("Server", &format!("{}\n", told(refused)));
            report.finding("the server does not answer as it should; see Server below");
        }
        None => report.section("Server", &format!("{error:#}\n")),
    }
}

/// `1536 bytes (1.5 KiB)`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = bytes.saturating_mul(10);
    let mut unit = None;
    for name in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1_024;
        unit = Some(name);
    }
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |unit| format!("{bytes} bytes ({}.{} {unit})", tenths / 10, tenths % 10),
    )
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_told_twice() {
        assert_eq!(size(17), "17 bytes");
        assert_eq!(size(1_536), "1536 bytes (1.5 KiB)");
        assert_eq!(size(5 << 30), "5368709120 bytes (5.0 GiB)");
        assert!(size(u64::MAX).ends_with("TiB)"));
    }
}
