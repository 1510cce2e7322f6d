//! A last look through a text for every secret that is known here.

use toml::Value;

use crate::cli::redact::{HIDDEN, is_secret, without_credentials};
use crate::cli::remote::Remote;
use crate::config::RawConfig;
use crate::settings::Layers;

/// Shorter values are no secrets worth the name, and would tear unrelated words apart.
const SECRET_BYTES_MIN: usize = 4;

/// What is known to be secret here.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// From the flags, the files, and the variables whose names say so or that a file names.
    pub(super) fn gather(given: &RawConfig, remote: &Remote) -> Self {
        let mut found: Vec<String> = given.token.iter().chain(remote.token()).cloned().collect();
        let layers = Layers::read(given.config.as_deref()).unwrap_or_default();
        for layer in layers.iter() {
            collect("", &Value::Table(layer.table.clone()), &mut found);
        }
        found.extend(variables(|name| is_secret(name) || name.to_ascii_uppercase().ends_with("_KEY")));
        let addresses = given.otlp_endpoint.iter().chain(&given.ollama_url);
        found.extend(addresses.filter_map(|address| user_info(address)));
        found.retain(|secret| secret.len() >= SECRET_BYTES_MIN);
        // One may be part of another.
        found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(found)
    }

    pub(super) fn hide(&self, text: &str) -> String {
        let text = without_credentials(text);
        self.0.iter().fold(text, |text, secret| text.replace(secret.as_str(), HIDDEN))
    }
}

/// What stands before the `@` of an address, or of what should have been one.
fn user_info(text: &str) -> Option<String> {
    let (before, _) = text.rsplit_once('@')?;
    Some(before.split_once("://").map_or(before, |(_, info)| info).to_owned())
}

/// The values of variables of the environment that are wanted by their names.
fn variables(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let named = std::env::vars_os().filter(|(name, _)| wanted(&name.to_string_lossy()));
    named.map(|(_, value)| value.to_string_lossy().into_owned()).collect()
}

fn collect(name: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| collect(key, value, found)),
        Value::Array(items) => items.iter().for_each(|item| collect(name, item, found)),
        Value::String(text) if is_secret(name) => found.push(text.clone()),
        Value::String(variable) if name.ends_with("_env") => found.extend(variables(|name| name == variable)),
        Value::String(address) => found.extend(user_info(address)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_hidden_wherever_it_stands() {
        let secrets = Secrets(vec!["longer-secret".into(), "secret".into()]);
        let hidden =
            secrets.hide("x=longer-secret, y=secret; see http://u:p@host:1/a?b=c and https://host/d.");
        assert_eq!(
            hidden,
            "x=(hidden), y=(hidden); see http://(hidden)@host:1/a?(hidden) and https://host/d."
        );
    }
}
