//! `gleitzeit config`: what the server would run with, and where each setting comes from.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Exit;
use super::output::{Output, table};
use super::redact::shown;
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
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) origin: String,
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

/// What is given, and the defaults of the main ones; secrets are named and not shown.
pub(super) fn settings(given: &RawConfig) -> anyhow::Result<Vec<Setting>> {
    let layers = Layers::read(given.config.as_deref())?;
    let origins = layers.origins();
    let mut settings: Vec<Setting> = Vec::new();
    let text = |value: &dyn std::fmt::Display| toml::Value::String(value.to_string());
    let path = |path: &std::path::PathBuf| text(&path.display());
    let list =
        |items: &Vec<String>| toml::Value::Array(items.iter().cloned().map(toml::Value::String).collect());
    // The name in a file, the flag, what was typed, and the default where one is shown.
    let main: [(&str, &str, Option<toml::Value>, Option<&str>); 13] = [
        ("host", "host", given.host.as_ref().map(|host| text(host)), Some("127.0.0.1")),
        ("port", "port", given.port.as_ref().map(|port| text(port)), Some("8000")),
        ("data_dir", "data-dir", given.data_dir.as_ref().map(path), Some("./gleitzeit-data")),
        ("token", "token", given.token.as_ref().map(|token| text(token)), None),
        ("tls.cert", "tls-cert", given.tls_cert.as_ref().map(path), None),
        ("tls.key", "tls-key", given.tls_key.as_ref().map(path), None),
        ("segment_size", "segment-size", given.segment_size.as_ref().map(|size| text(size)), Some("64MiB")),
        ("log", "log", given.log.as_ref().map(|levels| text(levels)), Some("info")),
        ("log_format", "log-format", given.log_format.as_ref().map(|form| text(form)), Some("text")),
        ("http.allow", "http-allow", given.http_allow.as_ref().map(list), None),
        ("files.root", "files-root", given.files_root.as_ref().map(path), None),
        ("ollama_url", "ollama-url", given.ollama_url.as_ref().map(|url| text(url)), None),
        ("otlp_endpoint", "otlp-endpoint", given.otlp_endpoint.as_ref().map(|url| text(url)), None),
    ];
    for (name, flag, value, default) in main {
        let filed = || origins.iter().find(|(known, ..)| known == name);
        let (value, origin) = match (value, filed(), default) {
            (Some(value), _, _) => (value, typed(flag)),
            (None, Some((_, value, path)), _) => (value.clone(), path.display().to_string()),
            (None, None, Some(default)) => (text(&default), "default".to_owned()),
            (None, None, None) => continue,
        };
        settings.push(Setting { name: name.to_owned(), value: plain(&shown(name, &value)), origin });
    }
    for (name, value, path) in &origins {
        if !settings.iter().any(|known| known.name == *name) {
            let value = plain(&shown(name, value));
            settings.push(Setting { name: name.clone(), value, origin: path.display().to_string() });
        }
    }
    Ok(settings)
}

/// A flag hides the variable; which of the two it was shows in the variable being there.
fn typed(flag: &str) -> String {
    let variable = if flag == "otlp-endpoint" {
        // The name that all programs with traces share.
        "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned()
    } else {
        format!("GLEITZEIT_{}", flag.replace('-', "_").to_uppercase())
    };
    let flag = format!("--{flag}");
    let is_flag = std::env::args().any(|word| word == flag || word.starts_with(&format!("{flag}=")));
    if is_flag { format!("flag {flag}") } else { format!("environment {variable}") }
}

fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
