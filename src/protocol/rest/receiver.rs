//! Receivers as they may be shown: with many of them the path is the secret.

use std::sync::Arc;

use serde::Deserialize;

/// What begins a template: a URL that is put together when its task runs is not known before.
const TEMPLATES: [&str; 2] = ["{{", "${"];

#[derive(Deserialize)]
struct Parameters {
    service_url: String,
}

/// Scheme, host and port of a URL, if it says so much.
pub(super) fn receiver_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next().filter(|host| !host.is_empty())?;
    let shown = format!("{scheme}://{host}");
    let is_known = !TEMPLATES.iter().any(|template| shown.contains(template));
    is_known.then_some(shown)
}

/// The receiver that the parameters of a task name.
pub fn receiver_in(parameters: &str) -> Option<Arc<str>> {
    let parameters: Parameters = serde_json::from_str(parameters).ok()?;
    receiver_of(&parameters.service_url).map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_shown_that_may_be_a_secret() {
        let shown = |url: &str| receiver_of(url);
        let all = [
            ("https://x.example:8443/hooks/secret?key=secret", Some("https://x.example:8443")),
            ("https://user:secret@x.example?secret", Some("https://x.example")),
            ("http://[::1]:9#secret", Some("http://[::1]:9")),
            ("http://{{Find.result.host}}/x", None),
            ("${Find.result}", None),
            ("http://x.example/{{Find.result}}", Some("http://x.example")),
            ("nothing", None),
            ("http:///secret", None),
        ];
        for (url, receiver) in all {
            assert_eq!(shown(url).as_deref(), receiver, "{url}");
        }
        assert_eq!(receiver_in(r#"{"service_url": "http://x/y", "a": 1}"#).as_deref(), Some("http://x"));
        assert_eq!(receiver_in(r#"{"service_url": 1}"#), None);
    }
}
