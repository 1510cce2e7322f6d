//! Somebody who is to be slower, and for how long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock;

/// Nobody is held up for longer at once, so that pings are answered in time.
const PAUSE_MAX: Duration = Duration::from_secs(5);

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
    /// Makes it so much longer.
    pub fn extend(&self, by: Duration) {
        let now = self.now_us();
        let longer = |end: u64| Some((end.max(now) + micros(by)).min(now + micros(PAUSE_MAX)));
        // It never says no.
        let _ = self.end_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, longer);
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
    fn pauses_add_up_to_a_bound() {
        let pause = Pause::default();
        assert_eq!(pause.left(), None);
        pause.extend(Duration::from_secs(2));
        pause.extend(Duration::from_secs(2));
        assert!(pause.left().is_some_and(|left| left <= Duration::from_secs(4)));
        for _ in 0..100 {
            pause.extend(Duration::from_secs(2));
        }
        assert!(pause.left().is_some_and(|left| left <= PAUSE_MAX));
    }
}
