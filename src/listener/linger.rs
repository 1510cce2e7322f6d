//! The end of a connection whose client still sends.
//!
//! The system throws away an answer that is on its way when a connection is closed with something unread, and tells a client that
//! writes that the connection is broken. So what comes is read on and dropped for a while, until the client has heard and closes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};

/// An answer has arrived by then, and its place is wanted by others.
const TIME_MAX: Duration = Duration::from_secs(1);
/// What is on its way when the answer arrives: more than the buffers of most systems hold.
const BYTES_MAX: usize = 1 << 20;
/// What is dropped at once.
const PIECE_BYTES: usize = 8 << 10;

#[derive(Debug)]
pub(super) struct Linger(Option<Going>);

#[derive(Debug)]
struct Going {
    end: Pin<Box<Sleep>>,
    left: usize,
}

impl Linger {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.0.is_some()
    }

    /// Ready when nothing more comes, or enough has.
    pub(super) fn poll<S>(&mut self, mut stream: Pin<&mut S>, context: &mut Context<'_>) -> Poll<()>
    where
        S: AsyncRead + ?Sized,
    {
        let begin = || Going { end: Box::pin(sleep(TIME_MAX)), left: BYTES_MAX };
        let going = self.0.get_or_insert_with(begin);
        if going.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut piece = [0; PIECE_BYTES];
        while going.left > 0 {
            let mut dropped = ReadBuf::new(&mut piece);
            match stream.as_mut().poll_read(context, &mut dropped) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !dropped.filled().is_empty() => {
                    going.left = going.left.saturating_sub(dropped.filled().len());
                }
                Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    }
}
