//! From the read loops of the connections to the one who judges: everything in one queue, in its order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::cli::conformance::peer::{Ear, Heard, Peer, Welcome};

/// Letters that wait to be read. A service that reports a full window of a thousand tasks needs a few thousand.
const WAITING_MAX: usize = 65_536;

#[derive(Debug)]
pub(super) enum Letter {
    Joined(Peer),
    Said {
        from: u64,
        name: String,
        arguments: Box<str>,
        ack_id: Option<i64>,
    },
    /// Binary, or an event without a name.
    Unreadable,
    Gone {
        from: u64,
    },
}

/// Where letters are put.
#[derive(Debug, Clone)]
pub(super) struct Post {
    letters: mpsc::Sender<Letter>,
    dropped: Arc<AtomicU64>,
}

impl Post {
    pub fn new() -> (Self, mpsc::Receiver<Letter>) {
        let (letters, box_of_letters) = mpsc::channel(WAITING_MAX);
        (Self { letters, dropped: Arc::default() }, box_of_letters)
    }

    /// Letters that found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn put(&self, letter: Letter) {
        if self.letters.try_send(letter).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Welcome for Post {
    type Ear = Line;

    fn welcome(&self, peer: Peer) -> Line {
        let from = peer.number;
        self.put(Letter::Joined(peer));
        Line { post: self.clone(), from }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Line {
    post: Post,
    from: u64,
}

impl Ear for Line {
    fn hear(&self, heard: Heard<'_>) {
        let from = self.from;
        self.post.put(match heard {
            Heard::Event { name, arguments, ack_id } => {
                Letter::Said { from, name: name.into_owned(), arguments: arguments.into(), ack_id }
            }
            Heard::Unreadable => Letter::Unreadable,
        });
    }

    fn gone(&self) {
        self.post.put(Letter::Gone { from: self.from });
    }
}
