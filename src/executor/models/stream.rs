//! An answer that comes in pieces: lines out of a body, and the text they add up to.

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::live::Live;
use super::trouble::Trouble;

/// How often watchers are told something new. Fast enough to read along, and a dozen messages a second at most.
const TELL_EVERY: Duration = Duration::from_millis(75);
/// What has gathered is told at once beyond this, so that a fast model's piece fits into a message.
const TOLD_BYTES_MAX: usize = 16 << 10;
/// A token and what the server says of it; models that are asked for none of their inner state stay far below.
const LINE_BYTES_MAX: usize = 1 << 20;
/// The end of a body follows its last line at once, or is not worth waiting for.
const END_WITHIN: Duration = Duration::from_millis(100);

/// The lines of a body, as they arrive.
#[derive(Debug)]
struct Lines {
    response: reqwest::Response,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of a line.
    searched: usize,
    ended: bool,
}

impl Lines {
    fn new(response: reqwest::Response) -> Self {
        Self { response, buffer: BytesMut::new(), searched: 0, ended: false }
    }

    /// The next line without its end; nothing at the end of the body. May be dropped and called again.
    async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            let fresh = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = fresh.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + at).freeze();
                self.buffer.advance(1);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.searched > LINE_BYTES_MAX {
                return Err(Trouble::Unreadable(format!("a line has more than {LINE_BYTES_MAX} bytes")));
            }
            if self.ended {
                self.searched = 0;
                let rest = self.buffer.split().freeze();
                return Ok(Some(rest).filter(|rest| !rest.is_empty()));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                Ok(None) => self.ended = true,
                Err(error) if error.is_timeout() => return Err(Trouble::of_transport(&error)),
                Err(_) => {
                    return Err(Trouble::BrokenOff(
                        "the connection ended in the middle of an answer".to_owned(),
                    ));
                }
            }
        }
    }
}

/// An answer in the making.
#[derive(Debug)]
pub struct Reply<'a> {
    lines: Lines,
    live: &'a Live,
    text: String,
    text_bytes_max: usize,
    /// Bytes of the text that watchers have been told, and how many characters these are.
    told: usize,
    told_chars: u64,
    ticks: Interval,
    asked_at: Instant,
    /// From the question to the first line of the answer.
    first_after: Option<Duration>,
}

impl<'a> Reply<'a> {
    pub fn new(
        response: reqwest::Response,
        live: &'a Live,
        text_bytes_max: usize,
        asked_at: Instant,
    ) -> Self {
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            lines: Lines::new(response),
            live,
            text: String::new(),
            text_bytes_max,
            told: 0,
            told_chars: 0,
            ticks,
            asked_at,
            first_after: None,
        }
    }

    /// The next line of the answer; meanwhile watchers are told what has gathered.
    ///
    /// # Errors
    /// That the connection broke off or fell silent.
    pub async fn line(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            let has_news = self.text.len() > self.told;
            tokio::select! {
                line = self.lines.next() => {
                    self.first_after.get_or_insert_with(|| self.asked_at.elapsed());
                    return line;
                }
                _ = self.ticks.tick(), if has_news => self.tell(),
            }
        }
    }

    /// # Errors
    /// That the answer has become longer than a result may be.
    pub fn push(&mut self, piece: &str) -> Result<(), Trouble> {
        self.text.push_str(piece);
        if self.text.len() > self.text_bytes_max {
            let message =
                format!("the answer has more than {} bytes, which is the limit", self.text_bytes_max);
            return Err(Trouble::TooLong(message));
        }
        if self.text.len() - self.told > TOLD_BYTES_MAX {
            self.tell();
        }
        Ok(())
    }

    fn tell(&mut self) {
        let fresh = self.text.get(self.told..).unwrap_or_default();
        self.live.piece(self.told_chars, fresh);
        self.told_chars += fresh.chars().count() as u64;
        self.told = self.text.len();
    }

    /// The whole text, and how soon it began. Its end is told as well, so that whoever reads along misses nothing.
    pub async fn finish(mut self) -> (String, Duration) {
        if self.text.len() > self.told {
            self.tell();
        }
        // A body that was read to its end leaves a connection for the next question.
        let _ = timeout(END_WITHIN, self.lines.next()).await;
        (self.text, self.first_after.unwrap_or_default())
    }
}
