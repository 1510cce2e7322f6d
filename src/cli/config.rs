//! `gleitzeit config`: what the server would run with, and where each setting comes from.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Exit;
use super::output::{Output, table};
use crate::config::RawConfig;
use crate::settings::Layers;

/// Show the settings.
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Show(Show),
}

/// Show the settings that `gleitzeit serve` would run with, given the same flags, environment and files.
///
/// Settings that nothing sets have their defaults; of those only the main ones are shown.
#[derive(Debug, Args)]
struct Show {
    /// Show where each setting comes from: a flag, the environment, a file or the defaults.
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    config: RawConfig,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Setting {
    name: String,
    value: String,
    origin: String,
}

impl Config {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let Verb::Show(show) = self.verb;
        show.run()
    }
}

impl Show {
    fn run(self) -> anyhow::Result<Exit> {
        let settings = settings(&self.config)?;
        // Says what does not fit, exactly as the server would.
        self.config.resolve()?;
        let names = settings.iter().map(|setting| setting.name.clone());
        self.output.print(&settings, Some(&settings), names, || {
            let head = ["SETTING", "VALUE", "ORIGIN"];
            let columns = if self.origin { 3 } else { 2 };
            let row = |setting: &Setting| {
                let Setting { name, value, origin } = setting;
                [name, value, origin].into_iter().take(columns).cloned().collect()
            };
            table(head.get(..columns).unwrap_or_default(), settings.iter().map(row))
        })?;
        Ok(Exit::Ok)
    }
}

fn settings(given: &RawConfig) -> anyhow::Result<Vec<Setting>> {
    let layers = Layers::read(given.config.as_deref())?;
    let mut settings: Vec<Setting> = Vec::new();
    let text = |value: &dyn std::fmt::Display| value.to_string();
    let data_dir = given.data_dir.as_ref().map(|path| path.display().to_string());
    for (name, value, default) in [
        ("host", given.host.clone(), Some("127.0.0.1")),
        ("port", given.port.as_ref().map(|port| text(port)), Some("8000")),
        ("data_dir", data_dir, Some("./gleitzeit-data")),
        ("token", given.token.clone(), None),
        ("segment_size", given.segment_size.clone(), Some("64MiB")),
    ] {
        let origins = layers.origins();
        let filed = || origins.iter().find(|(known, ..)| known == name);
        let (value, origin) = match (value, filed(), default) {
            (Some(value), _, _) => (value, typed(name)),
            (None, Some((_, value, path)), _) => (plain(value), path.display().to_string()),
            (None, None, Some(default)) => (default.to_owned(), "default".to_owned()),
            (None, None, None) => continue,
        };
        settings.push(Setting { name: name.to_owned(), value: shown(name, value), origin });
    }
    for (name, value, path) in layers.origins() {
        if !settings.iter().any(|known| known.name == name) {
            let (value, origin) = (shown(&name, plain(&value)), path.display().to_string());
            settings.push(Setting { name, value, origin });
        }
    }
    Ok(settings)
}

/// A flag hides the variable; which of the two it was shows in the variable being there.
fn typed(name: &str) -> String {
    let variable = format!("GLEITZEIT_{}", name.to_uppercase());
    let flag = format!("--{}", name.replace('_', "-"));
    let is_flag = std::env::args().any(|word| word == flag || word.starts_with(&format!("{flag}=")));
    if is_flag { format!("flag {flag}") } else { format!("environment {variable}") }
}

fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Secrets are named and not shown, whatever part of the program they belong to.
fn shown(name: &str, value: String) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    let secret = ["token", "secret", "password", "api_key", "authorization"];
    if secret.iter().any(|word| last.contains(word)) { "(hidden)".to_owned() } else { value }
}
