//! Somebody who is to be slower, and for how long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock;

/// Nobody is held up for longer at once, so that pings are answered in time.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Whoever was held up within this time is read in small pieces, since it comes too fast again as a rule.
const WARY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Pause {
    since: Instant,
    /// Microseconds after that moment at which it ends; 0 where there never was one.
    end_us: AtomicU64,
}

impl Default for Pause {
    fn default() -> Self {
        Self { since: clock::instant(), end_us: AtomicU64::new(0) }
    }
}

impl Pause {
    /// Lets it last for so long from now at least.
    pub fn hold(&self, wait: Duration) {
        self.end_us.fetch_max(self.now_us() + micros(wait.min(PAUSE_MAX)), Ordering::Relaxed);
    }

    /// Whether there is one, or was one not long ago.
    pub fn is_recent(&self) -> bool {
        let end = self.end_us.load(Ordering::Relaxed);
        end > 0 && self.now_us() < end + micros(WARY)
    }

    /// How much is left of it.
    pub fn left(&self) -> Option<Duration> {
        let end = self.end_us.load(Ordering::Relaxed);
        if end == 0 {
            return None;
        }
        let left = end.checked_sub(self.now_us()).filter(|left| *left > 0)?;
        Some(Duration::from_micros(left))
    }

    fn now_us(&self) -> u64 {
        micros(clock::instant().duration_since(self.since))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_counts_up_to_a_bound() {
        let pause = Pause::default();
        assert!(pause.left().is_none() && !pause.is_recent());
        pause.hold(Duration::from_secs(2));
        pause.hold(Duration::from_secs(1));
        let left = pause.left().expect("it has begun");
        assert!(left > Duration::from_secs(1) && left <= Duration::from_secs(2), "{left:?}");
        pause.hold(Duration::from_hours(1));
        assert!(pause.left().is_some_and(|left| left <= PAUSE_MAX) && pause.is_recent());
    }
}
