//! A request as the user asked for it, checked before anything is sent.

use std::fmt;

use bytes::Bytes;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::error::OutboundError;

/// Browsers stop here as well.
pub const REDIRECTS_DEFAULT: u32 = 10;
const TIMEOUT_DEFAULT_MS: u64 = 30_000;
/// Proxies and servers refuse more.
const URL_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 100;
const HEADER_VALUE_BYTES_MAX: usize = 64 << 10;

/// Set by the client, which alone knows the body and the connection: by hand they could smuggle a second request.
const KEPT_HEADERS: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
];

/// What another origin may see after a redirect. Any other header may carry a secret.
const HARMLESS_HEADERS: [HeaderName; 5] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE, header::RANGE, header::USER_AGENT];

/// How errors name a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NamedBy {
    /// Its URL without the query, which may hold a secret.
    Path,
    /// Scheme, host and port alone.
    Origin,
}

/// Set the public fields to other limits than the usual ones.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub body: Bytes,
    /// For all of it: look-up, connection, redirects, response.
    pub timeout_ms: u64,
    /// A response with a longer body is an error.
    pub max_bytes: usize,
    /// How many redirects are followed. With 0 a redirect is the response.
    pub redirects: u32,
    named_by: NamedBy,
}

/// Headers and bodies hold secrets, so only the target is shown.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target())
    }
}

impl Request {
    /// # Errors
    /// [`OutboundError::Invalid`]: the method or the URL cannot be used, and why.
    pub fn new(method: &str, url: &str, max_bytes: usize) -> Result<Self, OutboundError> {
        Ok(Self {
            method: parse_method(method)?,
            url: parse_url(url, NamedBy::Path)?,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout_ms: TIMEOUT_DEFAULT_MS,
            max_bytes,
            redirects: REDIRECTS_DEFAULT,
            named_by: NamedBy::Path,
        })
    }

    /// A post to a receiver of webhooks. With many of them the path is the secret, so no error shows it.
    ///
    /// # Errors
    /// [`OutboundError::Invalid`]: the URL cannot be used, and why.
    pub fn to_receiver(url: &str, max_bytes: usize) -> Result<Self, OutboundError> {
        Ok(Self {
            method: Method::POST,
            url: parse_url(url, NamedBy::Origin)?,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout_ms: TIMEOUT_DEFAULT_MS,
            max_bytes,
            // A redirected post would become another request, at another place.
            redirects: 0,
            named_by: NamedBy::Origin,
        })
    }

    /// Adds a header; one with the same name stays.
    ///
    /// # Errors
    /// [`OutboundError::Invalid`]: the name or the value could not stand in a request, such as one with a line
    /// break, or the client sets the header itself.
    pub fn header(&mut self, name: &str, value: &str) -> Result<(), OutboundError> {
        let refused =
            |why: &str| Err(OutboundError::Invalid(format!("the header `{}` {why}", name.escape_debug())));
        let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
            return refused("has a name with a character that no header name can hold");
        };
        if KEPT_HEADERS.contains(&parsed) {
            return refused("is set by the client and cannot be given");
        }
        if self.headers.len() >= HEADERS_MAX || value.len() > HEADER_VALUE_BYTES_MAX {
            return refused("is one too many (100), or has a value of more than 64 KiB");
        }
        let Ok(value) = HeaderValue::from_str(value) else {
            return refused("has a value with a line break or another character that no header can hold");
        };
        self.headers.append(parsed, value);
        Ok(())
    }

    pub fn has_header(&self, name: &HeaderName) -> bool {
        self.headers.contains_key(name)
    }

    /// Appends pairs to the query of the URL, escaped.
    pub fn query(&mut self, pairs: &[(String, String)]) {
        if !pairs.is_empty() {
            self.url.query_pairs_mut().extend_pairs(pairs);
        }
    }

    /// How errors name it, without what may hold a secret.
    pub fn target(&self) -> String {
        format!("{} {}", self.method, self.place())
    }

    pub(super) fn place(&self) -> String {
        match self.named_by {
            NamedBy::Path => {
                let mut shown = self.url.clone();
                shown.set_query(None);
                shown.set_fragment(None);
                shown.into()
            }
            NamedBy::Origin => self.url.origin().ascii_serialization(),
        }
    }

    /// The request that a redirect asks for, as browsers understand it (RFC 9110, 15.4).
    ///
    /// # Errors
    /// That `location` is no URL that a request may have.
    pub(super) fn redirected(mut self, status: u16, location: &str) -> Result<Self, OutboundError> {
        let next = self.url.join(location).map_err(|reason| {
            OutboundError::Invalid(format!("{} was redirected to no URL: {reason}", self.target()))
        })?;
        check_url(&next).map_err(|why| {
            OutboundError::Invalid(format!("{} was redirected to a URL that {why}", self.target()))
        })?;
        let becomes_get = match status {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            self.headers.remove(header::CONTENT_TYPE);
            self.headers.remove(header::CONTENT_ENCODING);
        }
        if next.origin() != self.url.origin() {
            self.headers = kept_for_strangers(&self.headers);
        }
        self.url = next;
        Ok(self)
    }
}

fn kept_for_strangers(headers: &HeaderMap) -> HeaderMap {
    let harmless = headers.iter().filter(|(name, _)| HARMLESS_HEADERS.contains(name));
    harmless.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn parse_method(text: &str) -> Result<Method, OutboundError> {
    let method = Method::from_bytes(text.to_ascii_uppercase().as_bytes());
    // CONNECT would open a tunnel, TRACE would send credentials back.
    match method {
        Ok(method) if method != Method::CONNECT && method != Method::TRACE => Ok(method),
        Ok(_) | Err(_) => Err(OutboundError::Invalid(format!(
            "`{}` is not a method that can be sent; use GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS",
            text.escape_debug()
        ))),
    }
}

fn parse_url(text: &str, named_by: NamedBy) -> Result<Url, OutboundError> {
    let refused = |why: &str| OutboundError::Invalid(format!("`{}` {why}", shown(text, named_by)));
    if text.len() > URL_BYTES_MAX {
        return Err(refused("has more than 64 KiB"));
    }
    // The parser would drop them in silence.
    if text.contains(char::is_control) {
        return Err(refused("has a line break or another control character"));
    }
    let url = Url::parse(text).map_err(|reason| refused(&format!("is not a URL: {reason}")))?;
    check_url(&url).map_err(refused)?;
    Ok(url)
}

fn check_url(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("does not begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or a password; send them in an `Authorization` header");
    }
    Ok(())
}

/// The part of a URL before anything secret, for a message.
fn shown(text: &str, named_by: NamedBy) -> String {
    const SHOWN_CHARS: usize = 100;
    let visible = match named_by {
        NamedBy::Path => text.split(['?', '#']).next().unwrap_or_default(),
        NamedBy::Origin => {
            let authority = text.find("://").map_or(0, |at| at + 3);
            let rest = &text[authority..];
            &text[..authority + rest.find(['/', '?', '#']).unwrap_or(rest.len())]
        }
    };
    let without_user = match (visible.find("://"), visible.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://...@{}", &visible[..scheme], &visible[at + 1..])
        }
        (_, _) => visible.to_owned(),
    };
    without_user.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect()
}
