//! From where a browser may speak to the server.
//!
//! A page of somebody else must not act in the name of its visitor: browsers send its requests along, and only the
//! server can tell them from its own. Programs send no `Origin` and are not concerned.

use std::net::IpAddr;

/// The pages that may speak to the server beside its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// Such as `https://example.org`.
    allowed: Vec<String>,
    /// Without keys only this machine may connect, so every name that a page can give the address is refused but
    /// its own: a name may lead here today that led elsewhere when the page was loaded.
    local_names_only: bool,
    own: OwnScheme,
}

/// How the addresses of the server's own pages begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnScheme {
    /// The server speaks plain HTTP, as it does behind a proxy whose pages come by TLS.
    #[default]
    Either,
    /// The server speaks TLS itself: whatever came without it came from somebody else.
    Https,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    #[error(
        "pages of {0} may not speak to this server; name them in `allowed_origins` of its configuration if they should"
    )]
    Page(String),
    #[error(
        "`{0}` is not a name of this machine, and without keys the server answers to no other; make one, name \
         the address in `allowed_origins`, or use 127.0.0.1"
    )]
    Host(String),
}

/// An origin as browsers write it: in small letters, without a slash behind it and without the port that its scheme has anyway.
///
/// # Errors
/// Why no page has it, and what to write.
pub(super) fn parse_origin(text: &str) -> Result<String, String> {
    let plain = text.to_ascii_lowercase();
    let Some((scheme, rest)) = plain.split_once("://") else {
        let host = plain.rsplit('@').next().unwrap_or_default();
        let host =
            host.split(['/', '?']).next().filter(|host| host.contains('.')).unwrap_or("flows.example.org");
        return Err(format!("has no scheme: write \"https://{host}\""));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let bare = host.strip_suffix(default_port).unwrap_or(host);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    // A user or a password is no part of an origin, also where a slash in it looks like the end of the name.
    let is_whole = !rest.contains('@') && scheme.bytes().all(is_scheme);
    if scheme.is_empty() || !is_whole || bare.is_empty() || !bare.bytes().all(is_name) {
        let example = "https://flows.example.org";
        return Err(format!("is no origin: write a scheme, a name in ASCII and a port, as \"{example}\""));
    }
    if !["", "/"].contains(&rest.strip_prefix(host).unwrap_or_default()) {
        return Err(format!(
            "has a path, and the pages of an origin are all let in: write \"{scheme}://{bare}\""
        ));
    }
    Ok(format!("{scheme}://{bare}"))
}

impl Origins {
    pub const fn new(allowed: Vec<String>, local_names_only: bool, own: OwnScheme) -> Self {
        Self { allowed, local_names_only, own }
    }

    /// Checks the headers `Origin` and `Host` of a request.
    ///
    /// # Errors
    /// Which of them is foreign.
    pub fn check(&self, origin: Option<&str>, host: Option<&str>) -> Result<(), Foreign> {
        let host_is_known =
            |host: &str| is_local(host) || self.allowed.iter().any(|allowed| host_of(allowed) == host);
        if let Some(host) = host.filter(|host| self.local_names_only && !host_is_known(host)) {
            return Err(Foreign::Host(host.to_owned()));
        }
        let Some(origin) = origin else { return Ok(()) };
        let is_own = host.is_some_and(|host| self.is_own(origin, host));
        if is_own || self.allowed.iter().any(|allowed| allowed == origin) {
            return Ok(());
        }
        Err(Foreign::Page(origin.to_owned()))
    }
}

impl Origins {
    /// Whether a page came from this server, which goes by the name of `host`.
    fn is_own(&self, origin: &str, host: &str) -> bool {
        let Some((scheme, name)) = origin.split_once("://") else { return false };
        let fits = match self.own {
            OwnScheme::Either => ["http", "https"].contains(&scheme),
            OwnScheme::Https => scheme == "https",
        };
        fits && name == host
    }
}

fn host_of(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

/// Whether a `Host` names this machine by an address, which no other name can stand for, or as `localhost`.
fn is_local(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Origins, OwnScheme, parse_origin};

    #[test]
    fn what_is_listed_is_what_browsers_say() {
        for (text, origin) in [
            ("https://Flows.example.org/", "https://flows.example.org"),
            ("HTTPS://flows.example.org:443", "https://flows.example.org"),
            ("http://flows.example.org:80/", "http://flows.example.org"),
            ("http://flows.example.org:443", "http://flows.example.org:443"),
            ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            assert_eq!(parse_origin(text).as_deref(), Ok(origin));
        }
        for (text, advice) in [
            ("Flows.example.org", "no scheme: write \"https://flows.example.org\""),
            ("flows.example.org/app", "no scheme: write \"https://flows.example.org\""),
            ("*", "no scheme: write"),
            ("", "no scheme: write"),
            ("https://flows.example.org/app", "has a path"),
            ("https://flows.example.org:443/app", "write \"https://flows.example.org\""),
            ("https://flows.example.org?app", "has a path"),
            ("https://", "is no origin"),
            ("https://:443", "is no origin"),
            ("https://*.example.org", "is no origin"),
            ("https://user@example.org", "is no origin"),
            ("https://user:pass/word@example.org", "is no origin"),
            ("user:pass@https://example.org/x", "is no origin"),
        ] {
            let why = parse_origin(text).expect_err(text);
            assert!(why.contains(advice), "{text}: {why}");
        }
    }

    #[test]
    fn only_own_and_named_pages_are_let_in() {
        let allowed = || vec!["https://flows.example.org".to_owned()];
        let (guarded, open) = (
            Origins::new(allowed(), false, OwnScheme::Either),
            Origins::new(allowed(), true, OwnScheme::Either),
        );
        let cases = [
            // Origin, Host, with a token, without one.
            (None, Some("127.0.0.1:8000"), true, true),
            (None, Some("[::1]:8000"), true, true),
            (None, Some("localhost:8000"), true, true),
            (None, None, true, true),
            (None, Some("flows.example.org"), true, true),
            (None, Some("rebound.example.com:8000"), true, false),
            (None, Some("localhost.example.com"), true, false),
            (Some("http://127.0.0.1:8000"), Some("127.0.0.1:8000"), true, true),
            (Some("https://flows.example.org"), Some("127.0.0.1:8000"), true, true),
            (Some("http://127.0.0.1:9000"), Some("127.0.0.1:8000"), false, false),
            (Some("https://evil.example.com"), Some("127.0.0.1:8000"), false, false),
            (Some("https://rebound.example.com"), Some("rebound.example.com"), true, false),
            (Some("null"), Some("127.0.0.1:8000"), false, false),
            (Some("https://127.0.0.1:8000"), Some("127.0.0.1:8000"), true, true),
            (Some("ftp://127.0.0.1:8000"), Some("127.0.0.1:8000"), false, false),
            (Some("127.0.0.1:8000"), Some("127.0.0.1:8000"), false, false),
            (Some(""), Some("127.0.0.1:8000"), false, false),
            (Some("http://127.0.0.1:8000"), None, false, false),
        ];
        for (origin, host, with_token, without) in cases {
            assert_eq!(guarded.check(origin, host).is_ok(), with_token, "{origin:?} {host:?}");
            assert_eq!(open.check(origin, host).is_ok(), without, "{origin:?} {host:?}");
        }
    }

    #[test]
    fn pages_that_came_without_tls_are_not_those_of_a_server_with_it() {
        let origins = Origins::new(Vec::new(), false, OwnScheme::Https);
        let check = |origin| origins.check(Some(origin), Some("127.0.0.1:8000")).is_ok();
        assert!(check("https://127.0.0.1:8000") && !check("http://127.0.0.1:8000"));
    }
}
