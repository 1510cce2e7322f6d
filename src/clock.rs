//! The only place that reads a clock.

use crate::core::ids::Timestamp;

/// Engine time: the wall clock at the start, or the last logged time where that is later, and from then on the
/// boot-time clock alone. A jump of the wall clock changes nothing, a suspended machine is noticed.
#[cfg(feature = "server")]
#[derive(Debug, Clone, Copy)]
pub struct EngineClock {
    base: Timestamp,
    started: std::time::Duration,
}

#[cfg(feature = "server")]
impl EngineClock {
    pub fn start(last_logged: Timestamp) -> Self {
        Self { base: wall().max(last_logged), started: since_boot() }
    }

    pub fn now(&self) -> Timestamp {
        self.at(self.uptime())
    }

    /// Engine time after so much of this run.
    pub fn at(&self, uptime: std::time::Duration) -> Timestamp {
        self.base
            .plus(u64::try_from(uptime.as_millis()).expect("a process runs for less than 500 million years"))
    }

    /// Whole microseconds of this run since an uptime, the begun one included.
    pub fn micros_since(&self, uptime: std::time::Duration) -> u64 {
        whole_micros(self.uptime().saturating_sub(uptime))
    }

    /// How long this run has lasted.
    pub fn uptime(&self) -> std::time::Duration {
        since_boot().saturating_sub(self.started)
    }
}

#[cfg(feature = "server")]
fn since_boot() -> std::time::Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).expect("time since boot is positive");
    let nanos = u32::try_from(time.tv_nsec).expect("nanoseconds are below a second");
    std::time::Duration::new(seconds, nanos)
}

/// Wall-clock time. For display, and for the start of the engine's own time.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
pub fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).expect("milliseconds since 1970 fit"))
}

/// A moment for measuring how long something takes.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
pub fn instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// Whole microseconds since a moment, the begun one included.
#[cfg(feature = "server")]
pub fn micros_since(began: std::time::Instant) -> u64 {
    whole_micros(instant().saturating_duration_since(began))
}

#[cfg(feature = "server")]
fn whole_micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000)).expect("a process runs for less than 500,000 years")
}
