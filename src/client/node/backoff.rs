//! How long to wait before the next attempt to connect.

use std::time::Duration;

use uuid::Uuid;

/// The first delays are short, because most interruptions are restarts of the server.
const BASE: Duration = Duration::from_millis(250);

/// A server that comes back is found again within this time.
const CAP: Duration = Duration::from_secs(15);

/// Capped exponential backoff; counts failures since the last success.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(super) fn next_delay(&mut self) -> Duration {
        let delay = delay(self.failures, random_fraction());
        self.failures = self.failures.saturating_add(1);
        delay
    }
}

/// Between a half and the whole of the step, so that services that fell together do not return together.
fn delay(failures: u32, fraction: f64) -> Duration {
    let step = BASE.saturating_mul(2_u32.saturating_pow(failures)).min(CAP);
    step.mul_f64(0.5 + fraction / 2.0)
}

/// In `[0, 1)`, from the random bits of a version 4 UUID.
fn random_fraction() -> f64 {
    let [high, low, ..] = Uuid::new_v4().into_bytes();
    f64::from(u16::from_be_bytes([high, low])) / 65_536.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_cap_and_no_further() {
        assert_eq!(delay(0, 1.0), BASE);
        assert_eq!(delay(1, 0.0), BASE);
        assert_eq!(delay(3, 1.0), BASE * 8);
        assert_eq!(delay(40, 1.0), CAP);
        assert!((0.0..1.0).contains(&random_fraction()));
    }
}
