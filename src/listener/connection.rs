//! HTTP on one connection, until its end or until it becomes a websocket.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::{Error, Router};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::sleep;
use tower::Service;
use tower_http::timeout::TimeoutBody;
use tracing::debug;

use super::leftover::{self, Rest};
use super::peer::Peer;
use super::stream::Bounded;
use crate::config::ConnectionsConfig;

/// The head of a request, and what is read of a body at once. Four times what proxies let pass.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Answers what comes on one connection.
#[derive(Debug, Clone)]
pub(super) struct Serving {
    pub(super) router: Router,
    pub(super) peer: Peer,
    pub(super) bounds: Arc<ConnectionsConfig>,
}

impl Serving {
    pub(super) async fn run(self, stream: Bounded, mut closing: watch::Receiver<bool>) {
        let (peer, bounds) = (self.peer.clone(), Arc::clone(&self.bounds));
        let service = service_fn(move |request| self.answer(request));
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_BYTES_MAX);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
        let mut alarm = pin!(sleep(bounds.header));
        let mut is_closing = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        debug!(address = %peer.network(), %error, "a connection has failed");
                    }
                    return;
                }
                _ = closing.wait_for(|closing| *closing), if !is_closing => {
                    is_closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = &mut alarm => {
                    let Some(left) = peer.patience(&bounds) else {
                        debug!(address = %peer.network(), "a connection has kept the server waiting for too long");
                        return;
                    };
                    alarm.set(sleep(left));
                }
            }
        }
    }

    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + use<> {
        let peer = self.peer.clone();
        peer.note_request();
        let bound = self.bounds.body;
        // A body that waits for a word of the server does not come unless somebody wants it.
        let is_on_its_way = !request.headers().contains_key(header::EXPECT);
        let (head, body) = request.into_parts();
        let (body, leftover) = if body.is_end_stream() {
            (Body::empty(), None)
        } else {
            let (body, leftover) = leftover::split(body);
            (Body::new(TimeoutBody::new(bound, body)), Some(leftover).filter(|_| is_on_its_way))
        };
        let mut request = Request::from_parts(head, body);
        request.extensions_mut().insert(peer.clone());
        let answering = self.router.clone().call(request);
        async move {
            let response = answering.await?;
            if let Some(leftover) = leftover
                && leftover.read().await == Rest::Unread
            {
                peer.note_unread();
            }
            let goes_on = response.status() == StatusCode::SWITCHING_PROTOCOLS;
            Ok(response.map(|body| Answer { body, peer: (!goes_on).then_some(peer) }))
        }
    }
}

/// The body of an answer. Its end is the end of the request.
#[derive(Debug)]
struct Answer {
    body: Body,
    /// Nobody where the connection becomes something else.
    peer: Option<Peer>,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(peer) = &self.peer {
            peer.note_answered();
        }
    }
}
