//! A body that no route looks at. A connection can only go on behind its end, so it is read all the same: otherwise whoever
//! sends one would lose the connection, or not, by how fast the body comes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::timeout;

/// A new connection costs less than to read more.
const BYTES_MAX: u64 = 64 << 10;
/// Whoever sends so little has sent it by then.
const PATIENCE: Duration = Duration::from_secs(5);

/// The body of a request, for whoever wants it.
#[derive(Debug)]
pub(super) struct Coming(Arc<Mutex<Held>>);

/// What is left of the body when the request is answered.
#[derive(Debug)]
pub(super) struct Leftover(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    body: Incoming,
    is_looked_at: bool,
    is_over: bool,
}

/// What became of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// All of it has come, or somebody still reads it.
    Read,
    Unread,
}

pub(super) fn split(body: Incoming) -> (Coming, Leftover) {
    let held = Arc::new(Mutex::new(Held { body, is_looked_at: false, is_over: false }));
    (Coming(Arc::clone(&held)), Leftover(held))
}

impl Coming {
    fn with<T>(&self, work: impl FnOnce(&mut Held) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.with(|held| {
            held.is_looked_at = true;
            let frame = Pin::new(&mut held.body).poll_frame(context);
            held.is_over |= matches!(frame, Poll::Ready(None));
            frame
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|held| held.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|held| held.body.size_hint())
    }
}

impl Leftover {
    /// Reads a body that nobody has looked at and nobody will, unless it is too much or does not come.
    pub(super) async fn read(self) -> Rest {
        let Some(held) = Arc::into_inner(self.0) else { return Rest::Read };
        let Held { body, is_looked_at, is_over } = held.into_inner().unwrap_or_else(PoisonError::into_inner);
        if is_over || body.is_end_stream() {
            return Rest::Read;
        }
        if is_looked_at || body.size_hint().lower() > BYTES_MAX {
            return Rest::Unread;
        }
        // Where it takes too long, the connection ends behind the answer.
        timeout(PATIENCE, drain(body)).await.unwrap_or(Rest::Unread)
    }
}

async fn drain(mut body: Incoming) -> Rest {
    let mut count = 0;
    while count <= BYTES_MAX {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let Some(Ok(frame)) = frame else { return Rest::Read };
        count += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    Rest::Unread
}
