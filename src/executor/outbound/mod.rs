//! Requests to URLs that users name. Everything that such a request may do to the server or its network is
//! bounded here: where it goes, how long it takes, how much it brings back.
//!
//! A name is resolved once, by a resolver that checks the addresses and hands exactly those to the connector.
//! Redirects are followed by a loop of our own, so that each hop is checked like the first. Nothing in the
//! environment (proxies) has a say.

mod address;
mod error;
mod request;
mod resolve;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, LOCATION};
use tracing::warn;

pub use error::OutboundError;
pub use request::{REDIRECTS_DEFAULT, Request};

use crate::config::{Allowed, HttpConfig};
use crate::crypto::install_crypto_provider;
use address::closed;
use resolve::{CheckedResolver, ClosedHost, HostAddress, open_ones};

/// Kept open for the next request to the same host; more would only hold descriptors.
const IDLE_CONNECTIONS_PER_HOST: usize = 8;
const IDLE_CONNECTION_LIFE: Duration = Duration::from_secs(30);
/// Grows with what really arrives; a stated length is only believed up to this.
const BODY_RESERVE_BYTES: usize = 64 << 10;

/// A client for URLs that users name. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    allowed: Arc<Allowed>,
    connect_timeout: Duration,
    /// Made for the first request: the certificates of the machine are read then.
    client: OnceLock<reqwest::Client>,
}

/// What came back, whatever its status.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Where it came from, after redirects.
    pub url: Url,
}

impl Outbound {
    pub fn new(config: &HttpConfig) -> Self {
        Self {
            shared: Arc::new(Shared {
                allowed: Arc::new(config.allow.clone()),
                connect_timeout: Duration::from_millis(config.connect_timeout_ms),
                client: OnceLock::new(),
            }),
        }
    }

    /// Sends the request and reads the whole response. Dropping the future drops the connection.
    ///
    /// # Errors
    /// What kept the response from coming. A response with a status of 400 and above is a response.
    pub async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        let (to, ms) = (request.target(), request.timeout_ms);
        let answered = tokio::time::timeout(Duration::from_millis(ms), self.follow(request)).await;
        answered.unwrap_or(Err(OutboundError::TimedOut { to, ms }))
    }

    async fn follow(&self, mut request: Request) -> Result<Response, OutboundError> {
        let limit = request.redirects;
        for _ in 0..=limit {
            let response = self.exchange(&request).await?;
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let status = response.status().as_u16();
            match location {
                Some(location) if limit > 0 && matches!(status, 301 | 302 | 303 | 307 | 308) => {
                    let location = location.to_owned();
                    request = request.redirected(status, &location)?;
                }
                Some(_) | None => return read(&request, response).await,
            }
        }
        Err(OutboundError::TooManyRedirects { to: request.target(), limit })
    }

    /// Whether the request may be sent, as far as its text tells: a name is only resolved when it is sent.
    ///
    /// # Errors
    /// [`OutboundError::Denied`]: its host is an address that no request may go to.
    pub fn check(&self, request: &Request) -> Result<(), OutboundError> {
        self.check_literal(&request.url).map_err(|closed| OutboundError::denied(request.target(), &closed))
    }

    /// Whether a request to this URL is bound to fail, as far as its text tells. Beside addresses these are the names that
    /// every machine has for itself (RFC 6761): no other name is looked up.
    ///
    /// # Errors
    /// [`OutboundError::Invalid`] and [`OutboundError::Denied`], as the request would have them.
    pub fn foresee(&self, url: &str) -> Result<(), OutboundError> {
        let request = Request::new("GET", url, 0)?;
        let host = request.url.host_str().unwrap_or_default();
        let checked = if host == "localhost" || host.ends_with(".localhost") {
            let itself = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            open_ones(host, &[itself], &self.shared.allowed).map(drop)
        } else {
            self.check_literal(&request.url)
        };
        checked.map_err(|closed| OutboundError::denied(request.place(), &closed))
    }

    async fn exchange(&self, request: &Request) -> Result<reqwest::Response, OutboundError> {
        self.check(request)?;
        let sending = self
            .client()
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone());
        sending.send().await.map_err(|error| OutboundError::from_client(request.target(), error))
    }

    /// The connector asks no resolver about a host that is an address. The parser of URLs has brought all
    /// notations of IPv4 (octal, hexadecimal, one number) to the common one.
    fn check_literal(&self, url: &Url) -> Result<(), ClosedHost> {
        let host = url.host_str().unwrap_or_default();
        let Ok(address) = host.trim_matches(['[', ']']).parse() else { return Ok(()) };
        match closed(address, &self.shared.allowed) {
            Some(what) => Err(ClosedHost { host: HostAddress { name: address.to_string(), address }, what }),
            None => Ok(()),
        }
    }

    fn client(&self) -> &reqwest::Client {
        self.shared.client.get_or_init(|| {
            install_crypto_provider();
            let with_machine_roots = self.builder().build();
            with_machine_roots.unwrap_or_else(|reason| {
                warn!(
                    %reason,
                    "this machine has no certificates to trust, so https requests will fail: install ca-certificates"
                );
                let without_roots = self.builder().tls_certs_only([]).build();
                without_roots.expect("a client that trusts nobody needs nothing of the machine")
            })
        })
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .user_agent(concat!("gleitzeit/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.shared.connect_timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
            .pool_idle_timeout(IDLE_CONNECTION_LIFE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(CheckedResolver { allowed: Arc::clone(&self.shared.allowed) })
    }
}

/// Reads at most what the request allows. The rest of a longer body is never read: the connection is dropped.
async fn read(request: &Request, mut response: reqwest::Response) -> Result<Response, OutboundError> {
    let limit = request.max_bytes;
    let too_large = || OutboundError::TooLarge { to: request.target(), limit };
    let stated = response.content_length().unwrap_or_default();
    if usize::try_from(stated).map_or(true, |stated| stated > limit) {
        return Err(too_large());
    }
    let mut body =
        Vec::with_capacity(limit.min(BODY_RESERVE_BYTES).min(usize::try_from(stated).unwrap_or(limit)));
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| OutboundError::from_client(request.target(), error))?
    {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body, url: request.url.clone() })
}
