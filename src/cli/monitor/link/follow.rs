//! Follows the events of the server at a pace that a person can watch, and that costs a busy server little.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::News;
use crate::cli::monitor::model::Told;
use crate::client::{Client, EventStream, FeedEvent, FeedFilter};
use crate::clock;

/// Events before the present that are shown at first.
const BEFORE: u64 = 200;
/// Beyond this the middle is left out: nobody reads it, and the server has better things to do.
const BEHIND_MAX: u64 = 2_000;
/// So many events are read in one period.
const PERIOD: Duration = Duration::from_secs(1);
const PERIOD_EVENTS: u32 = 1_000;
/// Between two attempts to follow.
const PAUSE: Duration = Duration::from_millis(500);

fn now() -> Instant {
    Instant::from_std(clock::instant())
}

struct Follower {
    client: Client,
    teller: mpsc::Sender<News>,
    /// Where the log ends, as far as is known.
    end: watch::Receiver<Option<u64>>,
    /// The latest end that the follower has taken notice of.
    noticed: u64,
    /// The next position.
    next: u64,
}

/// Nobody listens any more.
struct Gone;

/// Ends when nobody listens any more.
pub async fn run(client: Client, teller: mpsc::Sender<News>, mut end: watch::Receiver<Option<u64>>) {
    // The first look says where the log ends.
    let Ok(end_now) = end.wait_for(Option::is_some).await.map(|end| end.unwrap_or(0)) else { return };
    let next = (end_now + 1).saturating_sub(BEFORE);
    let mut follower = Follower { client, teller, end, noticed: end_now, next };
    while follower.attempt().await.is_ok() {
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = follower.teller.closed() => return,
        }
    }
}

impl Follower {
    /// Follows until the connection ends, or until it pays to open another one further on.
    async fn attempt(&mut self) -> Result<(), Gone> {
        // While there was no connection the log may have become another one, or much longer.
        self.jump().await?;
        let filter = FeedFilter { since: Some(self.next), workflow: None };
        match self.client.events(&filter).await {
            Ok(stream) => self.read(stream).await,
            Err(error) => {
                // Retention has released this position.
                if error.code() == Some("GZ5011") {
                    self.next = self.log_end().saturating_add(1);
                }
                Ok(())
            }
        }
    }

    async fn read(&mut self, mut stream: EventStream) -> Result<(), Gone> {
        let mut period = now() + PERIOD;
        let mut left = PERIOD_EVENTS;
        loop {
            tokio::select! {
                event = stream.next() => {
                    let Ok(Some(event)) = event else { return Ok(()) };
                    self.tell(event).await?;
                    left -= 1;
                }
                changed = self.end.changed() => {
                    changed.map_err(|_| Gone)?;
                    if self.jump().await? {
                        return Ok(());
                    }
                }
            }
            if left == 0 {
                sleep_until(period).await;
            }
            if left == 0 || now() >= period {
                (period, left) = (now() + PERIOD, PERIOD_EVENTS);
            }
        }
    }

    async fn tell(&mut self, event: FeedEvent) -> Result<(), Gone> {
        self.next = event.seq + 1;
        self.teller.send(News::Told(Told::Happened(event))).await.map_err(|_| Gone)
    }

    /// Goes on close to the end of the log where it is too far away; whether it did.
    async fn jump(&mut self) -> Result<bool, Gone> {
        let end = self.log_end();
        // Logs only grow: one that ends earlier than before is another one.
        let is_other = end < self.noticed;
        self.noticed = end;
        let behind = (end + 1).saturating_sub(self.next);
        if !is_other && behind <= BEHIND_MAX {
            return Ok(false);
        }
        let next = (end + 1).saturating_sub(BEFORE);
        let skipped = next.saturating_sub(self.next);
        self.next = next;
        self.teller.send(News::Told(Told::Skipped(skipped))).await.map_err(|_| Gone)?;
        Ok(true)
    }

    fn log_end(&self) -> u64 {
        self.end.borrow().unwrap_or(0)
    }
}
