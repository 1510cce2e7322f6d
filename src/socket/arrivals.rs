//! Sockets that are about to open: no page of somebody else opens one, there is a bounded number of them, and whoever has shown no
//! key where one is asked for may not send much.
//!
//! socketioxide keeps every engine.io connection that was begun, and takes whatever it sends. So each carries an [`Arrival`] among
//! the parts of its first request, which live as long as it does: a place among those that are about to open, until it is welcome.

mod step;

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Ready;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::Either;
use socketioxide::socket::Socket;
use tower::{Layer, Service};
use tracing::debug;

use self::step::Step;
use super::SocketConfig;
use crate::config::Origins;
use crate::core::errors::{ORIGIN_NOT_ALLOWED, OVERLOADED, PAYLOAD_TOO_LARGE};
use crate::core::rejection::Rejection;
use crate::listener::{Full, Most, Pause, Peer, Place, Places, Rates};
use crate::protocol::rest::Problem;

/// What somebody may send before it has shown a key: a key has 47 bytes, pings and the frames around all of it a few hundred.
const STRANGER_BYTES: usize = 64 << 10;
/// Attempts of one connection to go on as a websocket.
const LINES_MAX: usize = 8;
/// Of one address beside those of this machine, unless a setting says otherwise.
const PER_ADDRESS: usize = 500;
/// A client that finds no place tries again after this time. By then others have joined, or been sent away.
const RETRY_MS: u64 = 2_000;
/// The first packet of a connection is shorter than this.
const FIRST_PACKET_BYTES: usize = 4 << 10;

/// The layer around all others of the sockets.
#[derive(Debug, Clone)]
pub struct Arrivals(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    origins: Origins,
    rates: Arc<Rates>,
    places: Places,
    strangers: Strangers,
    /// Those who began with polling, by the id of their connection.
    begun: Mutex<HashMap<String, Weak<Arrival>>>,
}

/// What is thought of those who have shown no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strangers {
    /// Everybody is welcome.
    Welcome,
    Limited,
}

/// A connection that has begun.
#[derive(Debug)]
struct Arrival {
    shared: Arc<Shared>,
    stage: Mutex<Stage>,
    /// What it goes on as a websocket on.
    lines: Mutex<Vec<Peer>>,
    /// How long what it sends over polling has to wait.
    pause: Pause,
    sid: OnceLock<String>,
}

#[derive(Debug)]
enum Stage {
    /// It takes a place among those that are about to open.
    Waiting(Place),
    Welcome,
    /// It was sent away, and keeps its place until it is gone, if it still had one.
    Dismissed(Option<Place>),
}

impl Arrivals {
    pub(super) fn new(config: &SocketConfig) -> Self {
        let bounds = &config.bounds;
        let most =
            Most { all: bounds.opening_max, per_address: bounds.opening_per_address, elsewhere: PER_ADDRESS };
        let strangers = if config.doorkeeper.is_guarded() { Strangers::Limited } else { Strangers::Welcome };
        let (rates, places) = (Arc::clone(&config.rates), Places::new(most));
        let origins = config.origins.clone();
        Self(Arc::new(Shared { origins, rates, places, strangers, begun: Mutex::default() }))
    }
}

/// The client of this socket has come in.
pub(super) fn welcome(socket: &Socket) {
    if let Some(arrival) = socket.req_parts().extensions.get::<Arc<Arrival>>() {
        arrival.welcome();
    }
}

/// The client of this socket was sent away. The connection below it ends with the next word that comes on it, because leaving the
/// namespace alone would end nothing.
pub(super) fn dismiss(socket: &Socket) {
    if let Some(arrival) = socket.req_parts().extensions.get::<Arc<Arrival>>() {
        arrival.dismiss();
    }
}

/// The client of this socket sends too much: nothing more is read of it before that has passed.
pub(super) fn slow_down(socket: &Socket, wait: Duration) {
    if let Some(arrival) = socket.req_parts().extensions.get::<Arc<Arrival>>() {
        arrival.pause.hold(wait);
        arrival.lines().iter().for_each(|line| line.pause().hold(wait));
    }
}

impl Shared {
    /// A browser says where a page came from. A foreign page must not speak to a server in its visitor's name, and browsers ask
    /// nobody before they open a websocket.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("(not text)"));
        let checked = self.origins.check(text(header::ORIGIN), text(header::HOST));
        checked.map_err(|foreign| Rejection::new(ORIGIN_NOT_ALLOWED, foreign.to_string()))
    }

    /// Counts a request of somebody who has not come in yet.
    fn count(&self, step: &Step, peer: Option<&Peer>) -> Result<(), Rejection> {
        let Some(address) = peer.map(Peer::network).filter(|address| self.rates.counts(*address)) else {
            return Ok(());
        };
        let is_welcome = |sid: &str| self.named(sid).is_some_and(|arrival| arrival.is_welcome());
        if step.sid().is_some_and(is_welcome) { Ok(()) } else { self.rates.stranger(Some(address)) }
    }

    fn begin(self: &Arc<Self>, peer: Option<&Peer>) -> Result<Arc<Arrival>, Rejection> {
        let address = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), Peer::network);
        let place = self.places.take(address).map_err(|full| {
            let message = match full {
                Full::All { max } => format!("{max} sockets are about to open, which is the limit"),
                Full::Address { max } => {
                    format!("{max} sockets of {address} are about to open, which is the limit")
                }
            };
            Rejection::new(OVERLOADED, message).retry_after(RETRY_MS)
        })?;
        let stage = Mutex::new(Stage::Waiting(place));
        Ok(Arc::new(Arrival {
            shared: Arc::clone(self),
            stage,
            lines: Mutex::default(),
            pause: Pause::default(),
            sid: OnceLock::new(),
        }))
    }

    fn named(&self, sid: &str) -> Option<Arc<Arrival>> {
        self.begun().get(sid).and_then(Weak::upgrade)
    }

    fn begun(&self) -> MutexGuard<'_, HashMap<String, Weak<Arrival>>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrival {
    fn welcome(&self) {
        let lines = self.lines();
        let mut stage = self.stage();
        if matches!(*stage, Stage::Waiting(_)) {
            *stage = Stage::Welcome;
            lines.iter().for_each(Peer::lift_limit);
        }
    }

    fn dismiss(&self) {
        let lines = self.lines();
        let mut stage = self.stage();
        let place = match std::mem::replace(&mut *stage, Stage::Welcome) {
            Stage::Waiting(place) => Some(place),
            Stage::Welcome => None,
            Stage::Dismissed(place) => place,
        };
        *stage = Stage::Dismissed(place);
        lines.iter().for_each(|line| line.limit_input(0));
    }

    fn is_welcome(&self) -> bool {
        matches!(*self.stage(), Stage::Welcome)
    }

    /// How many bytes it may send at once, where that is limited.
    fn allowance(&self) -> Option<usize> {
        match &*self.stage() {
            Stage::Dismissed(_) => Some(0),
            Stage::Waiting(_) if self.shared.strangers == Strangers::Limited => Some(STRANGER_BYTES),
            Stage::Waiting(_) | Stage::Welcome => None,
        }
    }

    /// The connection goes on as a websocket there. A client does that once; further attempts lead nowhere.
    fn moves_to(&self, peer: Option<&Peer>) {
        let Some(peer) = peer else { return };
        let mut lines = self.lines();
        if lines.len() >= LINES_MAX {
            peer.limit_input(0);
            return;
        }
        if let Some(bytes) = self.allowance() {
            peer.limit_input(bytes as u64);
        }
        lines.push(peer.clone());
    }

    fn go_by(self: &Arc<Self>, sid: &str) {
        if self.sid.set(sid.to_owned()).is_ok() {
            self.shared.begun().insert(sid.to_owned(), Arc::downgrade(self));
        }
    }

    /// Taken before the stage, where both are.
    fn lines(&self) -> MutexGuard<'_, Vec<Peer>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if let Some(sid) = self.sid.get() {
            self.shared.begun().remove(sid);
        }
    }
}

impl<S> Layer<S> for Arrivals {
    type Service = Arriving<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Arriving { inner, shared: Arc::clone(&self.0) }
    }
}

#[derive(Debug, Clone)]
pub struct Arriving<S> {
    inner: S,
    shared: Arc<Shared>,
}

type Answered = Result<Response, Infallible>;
type Later = Pin<Box<dyn Future<Output = Answered> + Send>>;

impl<S> Service<Request> for Arriving<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Either<Ready<Answered>, Later>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let step = Step::of(&request);
        if step == Step::Other {
            return Either::Left(self.inner.call(request));
        }
        let peer = request.extensions().get::<Peer>();
        let checked = self.shared.check_origin(request.headers());
        if let Err(refused) = checked.and_then(|()| self.shared.count(&step, peer)) {
            return Either::Right(Either::Left(std::future::ready(Ok(refusal(&refused)))));
        }
        match step {
            Step::Other | Step::Poll(_) | Step::Odd => Either::Left(self.inner.call(request)),
            Step::MoveToWebsocket(sid) => {
                if let Some(arrival) = self.shared.named(&sid) {
                    arrival.moves_to(peer);
                }
                Either::Left(self.inner.call(request))
            }
            Step::Send(sid) => {
                let arrival = self.shared.named(&sid);
                if let Some(bytes) = arrival.as_ref().and_then(|arrival| arrival.allowance()) {
                    let sending = send_little(self.inner.clone(), request, bytes);
                    return Either::Right(Either::Right(Box::pin(sending)));
                }
                let Some(left) = arrival.and_then(|arrival| arrival.pause.left()) else {
                    return Either::Left(self.inner.call(request));
                };
                let mut inner = self.inner.clone();
                Either::Right(Either::Right(Box::pin(async move {
                    tokio::time::sleep(left).await;
                    inner.call(request).await
                })))
            }
            step @ (Step::Begin | Step::BeginAsWebsocket) => match self.shared.begin(peer) {
                Err(refused) => Either::Right(Either::Left(std::future::ready(Ok(refusal(&refused))))),
                Ok(arrival) if step == Step::BeginAsWebsocket => {
                    arrival.moves_to(peer);
                    request.extensions_mut().insert(arrival);
                    Either::Left(self.inner.call(request))
                }
                Ok(arrival) => {
                    request.extensions_mut().insert(Arc::clone(&arrival));
                    let answering = self.inner.call(request);
                    Either::Right(Either::Right(Box::pin(
                        async move { name(&arrival, answering.await?).await },
                    )))
                }
            },
        }
    }
}

/// Hands on what a stranger sends, if it is short.
async fn send_little<S>(mut inner: S, request: Request, bytes_max: usize) -> Answered
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let (parts, body) = request.into_parts();
    match to_bytes(body, bytes_max).await {
        Ok(bytes) => inner.call(Request::from_parts(parts, Body::from(bytes))).await,
        Err(error) => {
            debug!(%error, "what a stranger sent was not taken");
            let message =
                format!("before it has shown a key a client may send {bytes_max} bytes at once at most");
            Ok(refusal(&Rejection::new(PAYLOAD_TOO_LARGE, message)))
        }
    }
}

/// Notes the id that a connection was given.
async fn name(arrival: &Arc<Arrival>, response: Response) -> Answered {
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    // It is whole already.
    let packet = to_bytes(body, FIRST_PACKET_BYTES).await.unwrap_or_default();
    if let Some(sid) = sid_of(&packet) {
        arrival.go_by(sid);
    }
    Ok(Response::from_parts(parts, Body::from(packet)))
}

/// The id in the packet that opens a connection.
fn sid_of(packet: &Bytes) -> Option<&str> {
    let text = std::str::from_utf8(packet).ok()?.strip_prefix("0{")?;
    text.split_once("\"sid\":\"")?.1.split('"').next()
}

fn refusal(rejection: &Rejection) -> Response {
    let problem = Problem::from(rejection);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let retry_after = problem.retry_after_ms.map(|ms| ms.div_ceil(1_000));
    let mut response = (status, Json(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_connection_stands_in_its_first_packet() {
        let sid = |text: &str| sid_of(&Bytes::copy_from_slice(text.as_bytes())).map(str::to_owned);
        assert_eq!(sid("0{\"sid\":\"AB-c_1\",\"upgrades\":[]}"), Some("AB-c_1".to_owned()));
        assert_eq!(sid("40{\"sid\":\"AB\"}"), None);
    }
}
