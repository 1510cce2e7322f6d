//! The bytes of one connection, for as long as it lasts, as a websocket too.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::linger::Linger;
use super::peer::Peer;
use super::places::Place;
use super::stall::Stall;

/// What is read at once of somebody who was too fast: one or two heartbeats. Nobody is held up for more than five seconds at once,
/// so this is what bounds many sockets that send without end.
const PIECE_BYTES: usize = 128;

/// Holds the connection's place, and ends it when nothing can be written for too long. Whoever reads a byte now and then, so that
/// the system never has room for more, is stalled as well: the system tells of room in pieces that would take minutes.
#[derive(Debug)]
pub(super) struct Bounded {
    stream: Transport,
    peer: Peer,
    stall: Stall,
    /// Set while nothing is read.
    pause: Option<Pin<Box<Sleep>>>,
    linger: Linger,
    _place: Place,
}

/// One type for both kinds, so that all of HTTP is there once.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// What the reader and the writer of either kind can do.
trait Both: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Both for S {}

impl Transport {
    fn both(&mut self) -> Pin<&mut dyn Both> {
        match self {
            Self::Plain(stream) => Pin::new(stream),
            Self::Encrypted(stream) => Pin::new(stream),
        }
    }
}

impl Bounded {
    pub(super) const fn new(stream: Transport, peer: Peer, unread: Duration, place: Place) -> Self {
        Self { stream, peer, stall: Stall::new(unread), pause: None, linger: Linger::new(), _place: place }
    }

    /// Whether nothing is to be read now; the task of `context` is woken when that is over.
    fn is_paused(&mut self, context: &mut Context<'_>) -> bool {
        let Some(left) = self.peer.pause().left() else {
            self.pause = None;
            return false;
        };
        let mut alarm = Box::pin(sleep(left));
        let is_paused = alarm.as_mut().poll(context).is_pending();
        self.pause = Some(alarm);
        is_paused
    }

    /// A whole buffer holds so many events that nobody could be held up for all of them.
    fn read_little(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut piece = [0; PIECE_BYTES];
        let room = piece.get_mut(..buffer.remaining().min(PIECE_BYTES)).unwrap_or_default();
        let mut little = ReadBuf::new(room);
        let read = self.stream.both().poll_read(context, &mut little);
        buffer.put_slice(little.filled());
        read
    }

    fn watched<T>(&mut self, context: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.stall.over();
        } else if self.stall.is_too_long(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        done
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_paused(context) {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = if self.peer.pause().is_recent() {
            self.read_little(context, buffer)
        } else {
            self.stream.both().poll_read(context, buffer)
        };
        let count = buffer.filled().len().saturating_sub(before);
        if count > 0 && !self.peer.note_input(count) {
            let reason = "more came than a stranger may send";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::QuotaExceeded, reason)));
        }
        read
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.both().poll_write(context, bytes);
        self.watched(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream.both().poll_flush(context) {
            // There was nothing to move.
            Poll::Ready(flushed) => Poll::Ready(flushed),
            Poll::Pending => self.watched(context, Poll::Pending),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.linger.has_begun() {
            let shut = this.stream.both().poll_shutdown(context);
            let shut = this.watched(context, shut);
            if !matches!(shut, Poll::Ready(Ok(()))) || !this.peer.still_sends() {
                return shut;
            }
        }
        this.linger.poll(this.stream.both(), context).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.both().poll_write_vectored(context, pieces);
        self.watched(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Encrypted(stream) => stream.is_write_vectored(),
        }
    }
}
