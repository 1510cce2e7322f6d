//! Parameters that are secrets: whoever runs the task gets them, and nobody else is shown them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};

/// What is shown in the place of a secret.
pub const HIDDEN: &str = "(hidden)";

/// Their names, at the top of a task's parameters. Whatever shows parameters goes by this list.
pub const SECRET_PARAMETERS: [&str; 1] = [
    // Signs a task that is handed on.
    "webhook_token",
];

/// A JSON object of parameters as it may be shown.
pub fn without_secrets(json: &str) -> Cow<'_, str> {
    with_each_as(json, &to_raw_value(HIDDEN).expect("a text is JSON"))
}

/// The same with null in the place of each secret, or of what was shown instead of it.
pub fn with_secrets_unset(json: &str) -> Cow<'_, str> {
    with_each_as(json, RawValue::NULL)
}

/// The first secret of an object whose value is only what was shown instead of it.
pub fn placeholder_in<'j>(value_of: impl Fn(&str) -> Option<&'j str>) -> Option<&'static str> {
    let is_placeholder =
        |value: &str| value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) == Some(HIDDEN);
    SECRET_PARAMETERS.into_iter().find(|name| value_of(name).is_some_and(is_placeholder))
}

fn with_each_as<'j>(json: &'j str, stand_in: &RawValue) -> Cow<'j, str> {
    // A text with escapes may spell a name in another way.
    if !json.contains('\\') && !SECRET_PARAMETERS.iter().any(|name| json.contains(name)) {
        return Cow::Borrowed(json);
    }
    let Ok(mut members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json) else {
        return Cow::Borrowed(json);
    };
    let mut found = false;
    for name in SECRET_PARAMETERS {
        if let Some(value) = members.get_mut(name) {
            *value = stand_in;
            found = true;
        }
    }
    if !found {
        return Cow::Borrowed(json);
    }
    Cow::Owned(serde_json::to_string(&members).expect("an object of JSON values is JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_however_their_names_are_spelt() {
        let hidden = r#"{"a":1.50,"webhook_token":"(hidden)"}"#;
        for json in [
            r#"{"a":1.50,"webhook_token":"s"}"#,
            r#"{"webhook\u005ftoken":"s","a":1.50}"#,
            r#"{"webhook_token":null,"a":1.50}"#,
            r#"{"webhook_token":"s","a":1.50,"webhook_token":"t"}"#,
        ] {
            assert_eq!(without_secrets(json), hidden, "{json}");
            assert_eq!(with_secrets_unset(json), r#"{"a":1.50,"webhook_token":null}"#);
        }
        for json in [r#"{"text":"webhook_token"}"#, r#"{"webhook_tokens":1}"#, r#"{"a":"\n"}"#, "[1]"] {
            assert!(matches!(without_secrets(json), Cow::Borrowed(same) if same == json), "{json}");
        }
    }

    #[test]
    fn what_was_shown_instead_of_a_secret_is_none() {
        let of = |value: &'static str| placeholder_in(move |_| Some(value));
        assert_eq!(of(r#""(hidden)""#), Some("webhook_token"));
        assert_eq!((of(r#""hidden""#), of("null"), placeholder_in(|_| None)), (None, None, None));
    }
}
