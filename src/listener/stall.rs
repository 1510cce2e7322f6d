//! Notices when something makes no progress.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Runs while nothing moves. It costs nothing as long as everything does.
#[derive(Debug)]
pub(super) struct Stall {
    bound: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    pub(super) const fn new(bound: Duration) -> Self {
        Self { bound, alarm: None }
    }

    /// Something moves.
    pub(super) fn over(&mut self) {
        self.alarm = None;
    }

    /// Nothing moves. Says whether it has been so for too long, and wakes the task of `context` when it is.
    pub(super) fn is_too_long(&mut self, context: &mut Context<'_>) -> bool {
        let bound = self.bound;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(bound)));
        matches!(alarm.as_mut().poll(context), Poll::Ready(()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[tokio::test]
    async fn only_what_stands_still_for_the_whole_time_is_stalled() {
        let mut nobody = Context::from_waker(Waker::noop());
        let mut patient = Stall::new(Duration::from_hours(1));
        assert!(!patient.is_too_long(&mut nobody) && !patient.is_too_long(&mut nobody));
        let mut stall = Stall::new(Duration::from_millis(1));
        while !stall.is_too_long(&mut nobody) {
            tokio::task::yield_now().await;
        }
        stall.bound = Duration::from_hours(1);
        stall.over();
        assert!(!stall.is_too_long(&mut nobody), "it begins anew");
    }
}
