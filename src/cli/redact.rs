//! Keeping secrets out of what is printed about settings.
//!
//! A setting is hidden by its name, wherever it stands; and whatever text is printed is searched once more for the secrets
//! that are known, and for credentials inside addresses.

use toml::Value;

use super::remote::Remote;
use crate::config::RawConfig;
use crate::settings::Layers;

const HIDDEN: &str = "(hidden)";
/// Parts of names, in small letters.
const SECRET_NAMES: [&str; 8] =
    ["token", "secret", "password", "passwd", "api_key", "apikey", "authorization", "credential"];
/// Shorter values are no secrets worth the name, and would tear unrelated words apart.
const SECRET_BYTES_MIN: usize = 4;

/// Whether a setting or variable of this name holds a secret. The name of a variable that holds one does not.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !name.ends_with("_env") && SECRET_NAMES.iter().any(|word| name.contains(word))
}

/// The value of a setting as it may be shown: secrets at any depth are hidden.
pub(super) fn shown(name: &str, value: &Value) -> Value {
    let last = name.rsplit('.').next().unwrap_or(name);
    if is_secret(last) {
        return Value::String(HIDDEN.to_owned());
    }
    match value {
        Value::Table(table) => {
            Value::Table(table.iter().map(|(key, value)| (key.clone(), shown(key, value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| shown(name, item)).collect()),
        Value::String(text) => Value::String(without_credentials(text)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => value.clone(),
    }
}

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
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

/// Addresses without the user and password, and without the query, which often holds a key.
fn without_credentials(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ']' | ')' | '>');
        let (address, rest) = part.split_at(part.find(is_end).unwrap_or(part.len()));
        let (address, query) = match address.split_once('?') {
            Some((address, _)) => (address, format!("?{HIDDEN}")),
            None => (address, String::new()),
        };
        let host_end = address.find('/').unwrap_or(address.len());
        let (host, path) = address.split_at(host_end);
        let host =
            host.rsplit_once('@').map_or_else(|| host.to_owned(), |(_, host)| format!("{HIDDEN}@{host}"));
        shown.extend(["://", &host, path, &query, rest]);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_at_any_depth() {
        let text = r#"
            token = "s1"
            public_url = "https://ada:s2@example.org/in?key=s3"
            [[models.endpoints]]
            name = "e"
            api_key = "s4"
            api_key_env = "OPENAI_API_KEY"
            [webhooks]
            secret = "s5"
        "#;
        let table: toml::Table = toml::from_str(text).unwrap();
        let shown = shown("", &Value::Table(table)).to_string();
        for secret in ["s1", "s2", "s3", "s4", "s5", "ada"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        assert!(shown.contains("example.org/in") && shown.contains("\"OPENAI_API_KEY\""), "{shown}");
    }

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
