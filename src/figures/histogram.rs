//! Histograms with fixed buckets, four to each doubling: a quantile is off by an eighth at most.

use std::sync::atomic::{AtomicU64, Ordering};

/// Up to 2^37: 38 hours in microseconds. Whatever is larger counts in the last one.
const BUCKETS: usize = 144;

/// Counts values by their magnitude. Recording is two additions, and waits for nobody.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| AtomicU64::new(0)), sum: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts a value on behalf of the only thread that ever does: loads and stores are a quarter of the price of locked
    /// additions. Values of a second thread could be lost.
    pub fn record(&self, value: u64) {
        let bucket = self.bucket(value);
        bucket.store(bucket.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.sum.store(self.sum.load(Ordering::Relaxed).wrapping_add(value), Ordering::Relaxed);
    }

    /// Counts a value; any thread may.
    pub fn record_shared(&self, value: u64) {
        self.bucket(value).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    fn bucket(&self, value: u64) -> &AtomicU64 {
        self.buckets.get(place_of(value)).expect("the last bucket takes all large values")
    }

    /// What has been counted so far.
    pub fn counts(&self) -> Counts {
        let buckets = self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed));
        Counts { buckets: Box::new(buckets), sum: self.sum.load(Ordering::Relaxed) }
    }
}

/// The bucket of a value. Bounds belong to the bucket below, as `le` wants it.
#[expect(clippy::cast_possible_truncation, reason = "the parts of a number that are taken are below four")]
const fn place_of(value: u64) -> usize {
    let below = value.saturating_sub(1);
    if below < 4 {
        return below as usize;
    }
    let doublings = below.ilog2() as usize;
    let quarter = (below >> (doublings - 2)) as usize & 3;
    let place = (doublings - 1) * 4 + quarter;
    if place < BUCKETS { place } else { BUCKETS - 1 }
}

/// The largest value of a bucket.
const fn bound_of(place: usize) -> u64 {
    if place < 4 {
        return place as u64 + 1;
    }
    (5 + place as u64 % 4) << (place / 4 - 1)
}

/// What a histogram held at one moment, or between two of them.
#[derive(Debug, Clone)]
pub struct Counts {
    buckets: Box<[u64; BUCKETS]>,
    sum: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self { buckets: Box::new([0; BUCKETS]), sum: 0 }
    }
}

impl Counts {
    /// How many values there are.
    pub fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All values together.
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// How many values are at most `2^doublings`.
    pub fn up_to(&self, doublings: u32) -> u64 {
        let bound = 1 << doublings;
        let places = (0..BUCKETS).take_while(|place| bound_of(*place) <= bound).count();
        self.buckets.iter().take(places).sum()
    }

    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.buckets.iter_mut().zip(other.buckets.iter()) {
            *sum += more;
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// What has come since `earlier`, which is of the same histogram.
    #[must_use]
    pub fn since(mut self, earlier: &Self) -> Self {
        for (sum, before) in self.buckets.iter_mut().zip(earlier.buckets.iter()) {
            *sum = sum.saturating_sub(*before);
        }
        self.sum = self.sum.wrapping_sub(earlier.sum);
        self
    }

    /// The value that this many permille of all values do not exceed, spread evenly inside its bucket; nothing
    /// without values.
    pub fn quantile(&self, permille: u64) -> Option<f64> {
        let rank = (self.total() * permille).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (place, count) in self.buckets.iter().enumerate() {
            if seen + count >= rank {
                let low = if place == 0 { 0 } else { bound_of(place - 1) };
                return Some(within(low, bound_of(place), rank - seen, *count));
            }
            seen += count;
        }
        None
    }
}

#[expect(clippy::cast_precision_loss, reason = "a bucket is known to an eighth, a double to 2^-53")]
fn within(low: u64, high: u64, part: u64, whole: u64) -> f64 {
    low as f64 + (high - low) as f64 * (part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_ascend_and_belong_to_the_bucket_below() {
        for place in 0..BUCKETS {
            let bound = bound_of(place);
            assert_eq!(place_of(bound), place, "{bound}");
            assert_eq!(place_of(bound + 1), (place + 1).min(BUCKETS - 1), "{bound} and one");
        }
        assert_eq!((place_of(0), place_of(1), place_of(u64::MAX)), (0, 0, BUCKETS - 1));
        assert_eq!(bound_of(BUCKETS - 1), 1 << 37);
    }

    #[test]
    fn each_doubling_is_a_bound() {
        let histogram = Histogram::default();
        for value in [1, 2, 3, 4, 5, 1_024, 1_025, 1 << 37] {
            histogram.record(value);
        }
        let counts = histogram.counts();
        let up_to: Vec<u64> = [0, 1, 2, 3, 10, 11, 37].map(|doublings| counts.up_to(doublings)).into();
        assert_eq!(up_to, [1, 2, 4, 5, 6, 7, 8]);
        assert_eq!((counts.total(), counts.sum()), (8, 2_064 + (1 << 37)));
    }

    #[test]
    fn quantiles_are_right_to_an_eighth() {
        let histogram = Histogram::default();
        for value in 1..=10_000 {
            histogram.record_shared(value);
        }
        let counts = histogram.counts();
        for (permille, right) in [(500, 5_000.0), (950, 9_500.0), (990, 9_900.0), (1_000, 10_000.0)] {
            let found = counts.quantile(permille).unwrap();
            assert!((found / right - 1.0).abs() < 0.125, "{permille}: {found}");
        }
        assert_eq!(Counts::default().quantile(500), None);
    }

    #[test]
    fn a_difference_holds_what_came_between() {
        let histogram = Histogram::default();
        histogram.record(10);
        let before = histogram.counts();
        histogram.record(1_000_000);
        let between = histogram.counts().since(&before);
        assert_eq!((between.total(), between.sum()), (1, 1_000_000));
        assert!(between.quantile(500).unwrap() > 800_000.0);
    }
}
