//! The bytes of one connection, for as long as it lasts, as a websocket too.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::peer::Peer;
use super::places::Place;
use super::stall::Stall;

/// Holds the connection's place, and ends it when nothing can be written for too long. Whoever reads a byte now and then, so that
/// the system never has room for more, is stalled as well: the system tells of room in pieces that would take minutes.
#[derive(Debug)]
pub(super) struct Bounded<S> {
    stream: S,
    peer: Peer,
    stall: Stall,
    _place: Place,
}

impl<S> Bounded<S> {
    pub(super) const fn new(stream: S, peer: Peer, unread: Duration, place: Place) -> Self {
        Self { stream, peer, stall: Stall::new(unread), _place: place }
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

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = buffer.filled().len().saturating_sub(before);
        if count > 0 && !self.peer.note_input(count) {
            let reason = "more came than a stranger may send";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::QuotaExceeded, reason)));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            // There was nothing to move.
            Poll::Ready(flushed) => Poll::Ready(flushed),
            Poll::Pending => self.watched(context, Poll::Pending),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watched(context, shut)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watched(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
