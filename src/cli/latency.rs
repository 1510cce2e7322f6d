//! Latencies, in a memory that does not grow with their number.

use std::time::Duration;

/// Buckets per power of two: a figure that is read back is at most 1.6 % above the measured one.
const STEPS: u64 = 64;
/// Powers of two above the first `STEPS` microseconds; the last bucket begins at 38 hours.
const POWERS: u64 = 32;

/// Counts by duration, in microseconds.
#[derive(Debug, Clone)]
pub struct Latency {
    counts: Vec<u64>,
    total: u64,
    max: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        let buckets = usize::try_from(STEPS * (POWERS + 1)).expect("a few thousand");
        Self { counts: vec![0; buckets], total: 0, max: Duration::ZERO }
    }
}

impl Latency {
    pub fn note(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = bucket_of(micros).min(self.counts.len() - 1);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(took);
    }

    /// The duration that `share` of all (0 to 1) did not exceed; zero without any.
    pub fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank between 0 and the number of measurements, which is far below 2^52"
        )]
        let rank = ((self.total as f64) * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(upper_end(bucket)).min(self.max);
            }
        }
        self.max
    }

    pub fn max(&self) -> Duration {
        self.max
    }
}

/// The first `STEPS` buckets hold one microsecond each; every further power of two has `STEPS` buckets.
fn bucket_of(micros: u64) -> usize {
    let power = micros.checked_div(STEPS).and_then(u64::checked_ilog2).map_or(0, |log| u64::from(log) + 1);
    let within = if power == 0 { micros } else { (micros >> (power - 1)) - STEPS };
    usize::try_from(power * STEPS + within).expect("the number of buckets is small")
}

fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let (power, within) = (bucket / STEPS, bucket % STEPS);
    if power == 0 { within } else { ((within + STEPS + 1) << (power - 1)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_bucket() {
        for micros in (0..10_000).chain([1 << 20, (1 << 20) + 1, 123_456_789]) {
            let end = upper_end(bucket_of(micros));
            assert!(end >= micros && end <= micros + micros / STEPS, "{micros} is read back as {end}");
        }
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.5), Duration::ZERO);
        for micros in 1..=50 {
            latency.note(Duration::from_micros(micros));
        }
        latency.note(Duration::from_secs(1));
        assert_eq!(latency.quantile(0.5), Duration::from_micros(26));
        assert_eq!(latency.quantile(0.99), Duration::from_secs(1));
        assert_eq!(latency.max(), Duration::from_secs(1));
    }

    #[test]
    fn what_is_beyond_all_measure_is_counted_too() {
        let mut latency = Latency::default();
        latency.note(Duration::MAX);
        assert_eq!(latency.quantile(0.5), Duration::from_micros(upper_end(latency.counts.len() - 1)));
    }
}
