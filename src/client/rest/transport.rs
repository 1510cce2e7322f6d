//! Requests and answers, below the meaning of any of them.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Body, Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::time::sleep;

use super::error::{ClientError, Problem};
use super::{Client, DEFAULT_CONNECT_TIMEOUT};
use crate::client::Tls;
use crate::client::tls::{Distrust, distrust};
use crate::crypto;

/// A request that may be repeated is tried this often in all.
const ATTEMPTS: u32 = 4;

/// The delay before the second attempt; it doubles.
const RETRY_BASE: Duration = Duration::from_millis(200);

/// A server that asks for a longer pause is left to the caller.
const RETRY_CAP: Duration = Duration::from_secs(5);

/// How much of the first line of an answer that is not understood goes into the message.
const SHOWN_CHARS: usize = 200;

/// The connections. Without a timeout for answers that take as long as they take.
pub(super) fn http(
    base: &Url,
    token: Option<&str>,
    trust: &Tls,
    timeout: Option<Duration>,
) -> Result<reqwest::Client, ClientError> {
    crypto::install_crypto_provider();
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
            ClientError::Config("the token has characters that no header can carry".to_owned())
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let builder = || {
        let builder = reqwest::Client::builder()
            .default_headers(headers.clone())
            .user_agent(concat!("gleitzeit/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(DEFAULT_CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            // As the websocket does: a proxy in the environment is not meant for a server on loopback.
            .no_proxy();
        match timeout {
            Some(timeout) => builder.timeout(timeout),
            None => builder,
        }
    };
    let connections = match trust.config() {
        Some(config) => builder().tls_backend_preconfigured(config.as_ref().clone()).build(),
        // A machine without any certificates still speaks to a server that is not encrypted.
        None if base.scheme() == "http" => {
            builder().build().or_else(|_| builder().tls_certs_only([]).build())
        }
        None => builder().build(),
    };
    connections.map_err(|error| ClientError::Config(chain(&error)))
}

/// A request, whole before it is sent, so that it can be sent again.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Sending it twice has the effect of sending it once.
    pub(super) repeatable: bool,
    /// How much longer than usual the answer may take.
    pub(super) patience: Duration,
}

impl Client {
    /// The address of an endpoint. Segments are escaped, so an id may hold anything.
    pub(super) fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("an http address has a path").pop_if_empty().extend(segments);
        url
    }

    pub(super) fn get(&self, segments: &[&str]) -> Request {
        self.request(Method::GET, segments, true)
    }

    pub(super) fn post(&self, segments: &[&str]) -> Request {
        self.request(Method::POST, segments, false)
    }

    fn request(&self, method: Method, segments: &[&str], repeatable: bool) -> Request {
        Request {
            method,
            url: self.at(segments),
            headers: HeaderMap::new(),
            body: Vec::new(),
            repeatable,
            patience: Duration::ZERO,
        }
    }

    /// Sends, again where that is harmless, and reads the answer.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, request: Request) -> Result<T, ClientError> {
        let mut usual = RETRY_BASE;
        for _ in 1..ATTEMPTS {
            match self.fetch_once(&request).await {
                Err(error) if request.repeatable => match error.retry_delay(usual) {
                    Some(delay) if delay <= RETRY_CAP => sleep(delay).await,
                    Some(_) | None => return Err(error),
                },
                answer => return answer,
            }
            usual *= 2;
        }
        self.fetch_once(&request).await
    }

    async fn fetch_once<T: DeserializeOwned>(&self, request: &Request) -> Result<T, ClientError> {
        read(self.send(&self.http, request).await?).await
    }

    /// Sends once; an answer that says no is an error.
    pub(super) async fn send(
        &self,
        http: &reqwest::Client,
        request: &Request,
    ) -> Result<Response, ClientError> {
        let response = self.exchange(http, request).await?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }

    /// Sends once, with a body that is not the request's own; an answer that says no is an error.
    pub(super) async fn send_body(
        &self,
        http: &reqwest::Client,
        request: &Request,
        body: Body,
    ) -> Result<Response, ClientError> {
        let response = self.exchange_body(http, request, Some(body)).await?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }

    /// Sends once; any answer will do.
    pub(super) async fn exchange(
        &self,
        http: &reqwest::Client,
        request: &Request,
    ) -> Result<Response, ClientError> {
        let body = (!request.body.is_empty()).then(|| request.body.clone().into());
        self.exchange_body(http, request, body).await
    }

    async fn exchange_body(
        &self,
        http: &reqwest::Client,
        request: &Request,
        body: Option<Body>,
    ) -> Result<Response, ClientError> {
        let mut builder = http.request(request.method.clone(), request.url.clone());
        builder = builder.headers(request.headers.clone());
        if let Some(body) = body {
            builder = builder.body(body);
        }
        if !request.patience.is_zero() {
            builder = builder.timeout(self.timeout.saturating_add(request.patience));
        }
        builder.send().await.map_err(|error| unreachable(&request.url, &error))
    }
}

pub(super) async fn read<T: DeserializeOwned>(response: Response) -> Result<T, ClientError> {
    let (url, status) = (response.url().clone(), response.status());
    let body = response.bytes().await.map_err(|error| unreachable(&url, &error))?;
    serde_json::from_slice(&body).map_err(|error| match error.classify() {
        Category::Data => ClientError::Decode { url: url.to_string(), reason: error.to_string() },
        // It is no JSON: what somebody else says there tells more than where it stops being any.
        Category::Syntax | Category::Eof | Category::Io => {
            unexpected(url.to_string(), status, &String::from_utf8_lossy(&body))
        }
    })
}

async fn refusal(response: Response) -> ClientError {
    let (url, status) = (response.url().to_string(), response.status());
    let retry_after_ms = retry_after_ms(response.headers());
    let body = match response.text().await {
        Ok(body) => body,
        Err(error) => return ClientError::Unreachable { url, reason: chain(&error) },
    };
    match serde_json::from_str::<Problem>(&body) {
        Ok(problem) if !problem.code.is_empty() || !problem.title.is_empty() => {
            let retry_after_ms = problem.retry_after_ms.or(retry_after_ms);
            ClientError::Problem(Box::new(Problem { status: status.as_u16(), retry_after_ms, ..problem }))
        }
        Ok(_) | Err(_) => unexpected(url, status, &body),
    }
}

fn unexpected(url: String, status: StatusCode, body: &str) -> ClientError {
    let line = body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    ClientError::Unexpected { url, status: status.as_u16(), body: line.chars().take(SHOWN_CHARS).collect() }
}

/// What proxies say; the server itself is exact in the body.
fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    seconds.checked_mul(1_000)
}

pub(super) fn unreachable(url: &Url, error: &reqwest::Error) -> ClientError {
    let url = url.to_string();
    match distrust(error) {
        Some(Distrust { reason, fix }) => ClientError::Untrusted { url, reason, fix },
        None => ClientError::Unreachable { url, reason: chain(error) },
    }
}

/// The outermost message of this library says only that sending failed; the reason is below.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
