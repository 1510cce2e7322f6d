//! Answers to polls in pieces that python-engineio takes.
//!
//! It gives up on an answer with more than 16 packets, and a server with much to tell easily has more of them waiting. What is
//! too much for one answer is kept for the next poll of the same connection. Others take any number, and get it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::{Either, Map};
use tower::{Layer, Service};

use super::detached::detached;
use super::{PING_INTERVAL, PING_TIMEOUT};
use crate::clock;

/// What python-engineio takes unless it is told otherwise.
const PACKETS_MAX: usize = 16;
/// Between the packets of an answer. Inside a packet JSON escapes it.
const SEPARATOR: u8 = 0x1e;
/// A client that has not polled for so long is gone for the other side as well.
const KEPT: Duration = PING_INTERVAL.saturating_add(PING_TIMEOUT);

/// The layer around the Socket.IO one.
#[derive(Debug, Clone, Default)]
pub struct ShortPolls {
    leftovers: Arc<Leftovers>,
}

/// By connection: what its next poll is answered with. There is one answer for each at most, no longer than the payload limit.
#[derive(Debug, Default)]
struct Leftovers(Mutex<HashMap<String, (Bytes, Instant)>>);

impl Leftovers {
    fn take(&self, sid: &str) -> Option<Bytes> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(sid).map(|(packets, _)| packets)
    }

    /// The part of an answer that may be sent now.
    fn first_of(&self, sid: &str, packets: Bytes, now: Instant) -> Bytes {
        let Some(end) = end_of_first(&packets) else { return packets };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (_, since)| now.duration_since(*since) < KEPT);
        kept.insert(sid.to_owned(), (packets.slice(end + 1..), now));
        packets.slice(..end)
    }
}

/// Where the packets that fit into one answer end, if there are more.
fn end_of_first(packets: &[u8]) -> Option<usize> {
    let ends = packets.iter().enumerate().filter(|(_, byte)| **byte == SEPARATOR);
    ends.map(|(place, _)| place).nth(PACKETS_MAX - 1)
}

impl<S> Layer<S> for ShortPolls {
    type Service = ShortPolling<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ShortPolling { inner, leftovers: Arc::clone(&self.leftovers) }
    }
}

#[derive(Debug, Clone)]
pub struct ShortPolling<S> {
    inner: S,
    leftovers: Arc<Leftovers>,
}

type Answered<B> = Result<Response<B>, Infallible>;
type Answering = Pin<Box<dyn Future<Output = Answered<Body>> + Send>>;

impl<S, B> Service<Request> for ShortPolling<S>
where
    S: Service<Request, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Map<S::Future, fn(Answered<B>) -> Answered<Body>>, Answering>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Some(sid) = polled_by_python(&request) else {
            return Either::Left(
                self.inner.call(detached(request)).map(|answered| answered.map(|it| it.map(Body::new))),
            );
        };
        let sid = sid.to_owned();
        if let Some(kept) = self.leftovers.take(&sid) {
            let packets = self.leftovers.first_of(&sid, kept, clock::instant());
            return Either::Right(Box::pin(async { Ok(answer(packets)) }));
        }
        let (leftovers, answering) = (Arc::clone(&self.leftovers), self.inner.call(request));
        Either::Right(Box::pin(async move {
            let response = answering.await?.map(Body::new);
            if response.status() != StatusCode::OK {
                return Ok(response);
            }
            let (mut parts, body) = response.into_parts();
            // It is whole already, and no longer than the limit of payloads.
            let Ok(packets) = to_bytes(body, usize::MAX).await else { return Ok(answer(Bytes::new())) };
            let packets = leftovers.first_of(&sid, packets, clock::instant());
            parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(packets.len()));
            Ok(Response::from_parts(parts, Body::from(packets)))
        }))
    }
}

/// The connection whose packets a Python client asks for. It does so only where it has no websocket for good, so that nothing
/// is kept that should have followed it there.
fn polled_by_python(request: &Request) -> Option<&str> {
    if request.method() != Method::GET || !request.uri().path().starts_with("/socket.io") {
        return None;
    }
    let agent = request.headers().get(header::USER_AGENT)?.to_str().ok()?;
    let python = agent.starts_with("Python/") || agent.starts_with("python-");
    let query = request.uri().query().filter(|_| python)?;
    query.split('&').find_map(|pair| pair.strip_prefix("sid="))
}

fn answer(packets: Bytes) -> Response {
    let mut response = Response::new(Body::from(packets));
    let text = HeaderValue::from_static("text/plain; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(count: usize) -> Bytes {
        let packets: Vec<String> = (0..count).map(|number| format!("42/cluster,[\"e\",{number}]")).collect();
        packets.join("\u{1e}").into()
    }

    #[test]
    fn many_packets_come_in_pieces_and_in_their_order() {
        let leftovers = Leftovers::default();
        let now = clock::instant();
        let mut pieces = vec![leftovers.first_of("a", packets(40), now)];
        while let Some(kept) = leftovers.take("a") {
            pieces.push(leftovers.first_of("a", kept, now));
        }
        let counts: Vec<usize> =
            pieces.iter().map(|piece| piece.split(|byte| *byte == SEPARATOR).count()).collect();
        assert_eq!(counts, [16, 16, 8]);
        assert_eq!(pieces.join(&SEPARATOR), packets(40));
    }

    #[test]
    fn what_fits_is_left_alone() {
        let leftovers = Leftovers::default();
        for count in [0, 1, 16] {
            assert_eq!(leftovers.first_of("a", packets(count), clock::instant()), packets(count));
        }
        assert_eq!(leftovers.take("a"), None);
    }

    #[test]
    fn what_nobody_fetches_is_dropped() {
        let leftovers = Leftovers::default();
        let now = clock::instant();
        leftovers.first_of("gone", packets(17), now);
        leftovers.first_of("here", packets(17), now + KEPT);
        assert_eq!(leftovers.take("gone"), None);
        assert_eq!(leftovers.take("here"), Some("42/cluster,[\"e\",16]".into()));
    }

    #[test]
    fn only_polls_of_python_are_looked_at() {
        let asked = |method: &str, uri: &str, agent: &str| {
            let request = Request::builder().method(method).uri(uri).header(header::USER_AGENT, agent);
            let request = request.body(Body::empty()).unwrap();
            polled_by_python(&request).map(str::to_owned)
        };
        let poll = "/socket.io/?transport=polling&EIO=4&sid=abc&t=1";
        assert_eq!(asked("GET", poll, "Python/3.11 aiohttp/3.14.5"), Some("abc".to_owned()));
        assert_eq!(asked("GET", poll, "python-requests/2.32"), Some("abc".to_owned()));
        assert_eq!(asked("GET", poll, "node-XMLHttpRequest"), None);
        assert_eq!(asked("POST", poll, "Python/3.11 aiohttp/3.14.5"), None);
        assert_eq!(asked("GET", "/socket.io/?transport=polling&EIO=4", "Python/3.11 aiohttp/3"), None);
        assert_eq!(asked("GET", "/api/v1/workflows?sid=abc", "Python/3.11 aiohttp/3"), None);
    }
}
