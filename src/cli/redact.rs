//! Keeping secrets out of what is printed about settings.
//!
//! A setting is hidden by its name, wherever it stands, and so are credentials inside addresses.

use toml::Value;

use crate::settings::without_user_info;

pub(super) use crate::core::secret_parameters::HIDDEN;

/// Parts of names, in small letters.
const SECRET_NAMES: [&str; 8] =
    ["token", "secret", "password", "passwd", "api_key", "apikey", "authorization", "credential"];

/// Whether a setting or variable of this name holds a secret. The name of a variable that holds one does not.
pub(super) fn is_secret(name: &str) -> bool {
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
        Value::String(text) => Value::String(without_credentials(&without_user_info(text))),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => value.clone(),
    }
}

/// Addresses without the user and password, and without the query, which often holds a key.
pub(super) fn without_credentials(text: &str) -> String {
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
}
