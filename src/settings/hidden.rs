//! What messages about settings leave out: values may be secrets, and so may what stands before the `@` of an address.

const HIDDEN: &str = "(hidden)";

/// A value as a message may repeat it, also where it is no URL that anything could parse: without what may be a user, a password
/// or a query.
pub fn without_user_info(text: &str) -> String {
    // What begins like a path is one. Two slashes may have been meant to follow a scheme.
    if text.starts_with(['.', '~']) || (text.starts_with('/') && !text.starts_with("//")) {
        return text.to_owned();
    }
    let is_scheme =
        |scheme: &&str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let plain = match text.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map(|(scheme, _)| scheme).filter(is_scheme);
            let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
            format!("{scheme}{HIDDEN}@{host}")
        }
        None => text.to_owned(),
    };
    match plain.split_once('?') {
        Some((address, query)) if !query.is_empty() => format!("{address}?{HIDDEN}"),
        Some(_) | None => plain,
    }
}

/// Where and why a file is no TOML, or not the one that is wanted, without the text that stands there.
pub fn place_and_reason(text: &str, error: &toml::de::Error) -> String {
    let reason = plain_reason(error);
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return reason };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {reason}")
}

/// The reason alone. What was found is told by its kind: the rest of it is a value.
pub fn plain_reason(error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    for beginning in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) =
            message.strip_prefix(beginning).and_then(|rest| rest.rsplit_once(", expected "))
        {
            let kind = found.split([' ', '`', '"']).next().unwrap_or_default();
            return format!("{beginning}{kind}, expected {expected}");
        }
    }
    if message.starts_with("unknown variant `")
        && let Some((_, expected)) = message.rsplit_once("`, expected ")
    {
        return format!("unknown value, expected {expected}");
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_what_may_be_secret() {
        for (text, shown) in [
            ("http://u:p@host:1/a", "http://(hidden)@host:1/a"),
            ("http://u:p/s@s@host", "http://(hidden)@host"),
            ("u:p@host", "(hidden)@host"),
            ("http:/u:p@host", "(hidden)@host"),
            ("//u:p@host", "(hidden)@host"),
            ("u://p://x@host", "u://(hidden)@host"),
            ("http://host?key=s", "http://host?(hidden)"),
            ("/srv/a@b?", "/srv/a@b?"),
            ("info", "info"),
        ] {
            assert_eq!(without_user_info(text), shown);
        }
    }

    #[test]
    fn a_reason_has_a_place_and_no_value() {
        for (text, expected) in [
            ("port = 1\ntoken = canary", "line 2, column 9: "),
            ("token = \"canary", "line 1, column "),
            ("token = \"\"\"\nQUJD=canary", "line "),
            ("port = \"canary\"", "line 1, column 8: invalid type: string, expected u16"),
            ("port = \"x, expected canary, or\"", "invalid type: string, expected u16"),
            ("port = 990077", "invalid value: integer, expected u16"),
        ] {
            #[derive(Debug, serde::Deserialize)]
            struct Wanted {
                #[expect(dead_code, reason = "only whether it can be read matters")]
                port: Option<u16>,
            }
            let error = toml::from_str::<Wanted>(text).expect_err(text);
            let told = place_and_reason(text, &error);
            assert!(told.contains(expected), "{text}: {told}");
            assert!(!told.contains("canary") && !told.contains("990077") && !told.contains("QUJD"), "{told}");
        }
    }
}
