//! A start whose clock stands far ahead of the newest event. A machine without a battery for its clock, or with a wrong one,
//! believes any time until somebody tells it the right one; another was off for months. Nobody can tell them apart at
//! once, so what would be given up for good by its age is kept until the clock has had time to be set.

use crate::core::ids::Timestamp;

/// No server that is in use goes without an event for so long.
const LEAP_MS: u64 = 30 * 86_400_000;
/// A machine that is connected learns the time within minutes of its start.
const TRUSTED_AFTER_MS: u64 = 3_600_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leap {
    /// The newest event before it.
    pub from: Timestamp,
    /// The latest start since then.
    pub to: Timestamp,
}

impl Leap {
    /// What a start at `at` makes of it, where `newest` is the event before. A start before the time was over begins anew:
    /// whoever goes off and on again has not learned the time.
    pub(in crate::core) fn at_start(before: Option<Self>, newest: Timestamp, at: Timestamp) -> Option<Self> {
        if newest > Timestamp::default() && at.since(newest) > LEAP_MS {
            return Some(Self { from: newest, to: at });
        }
        before.filter(|leap| at < leap.trusted_from()).map(|leap| Self { to: at, ..leap })
    }

    /// From then on the clock counts.
    pub const fn trusted_from(self) -> Timestamp {
        self.to.plus(TRUSTED_AFTER_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_trusted_after_an_hour_without_a_restart() {
        let day = 86_400_000;
        let newest = Timestamp(1_000 * day);
        assert_eq!(Leap::at_start(None, Timestamp(0), newest), None, "a new log has nothing to lose");
        assert_eq!(Leap::at_start(None, newest, newest.plus(30 * day)), None);
        let far = newest.plus(1_095 * day);
        let leap = Leap::at_start(None, newest, far);
        assert_eq!(leap, Some(Leap { from: newest, to: far }));
        let soon = far.plus(TRUSTED_AFTER_MS - 1);
        let again = Leap::at_start(leap, far, soon);
        assert_eq!(again, Some(Leap { from: newest, to: soon }));
        assert_eq!(Leap::at_start(again, soon, soon.plus(TRUSTED_AFTER_MS)), None);
    }
}
