//! One figure for each combination of labels, as long as there are not too many of them.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rustc_hash::FxBuildHasher;

/// Combinations of labels that are told apart, first come first kept. Beyond it everything counts as [`OTHER`]: names of
/// services are what their users choose, and a collector stores every one of them for ever.
pub const LABELLED_MAX: usize = 128;
/// Every label of what is not told apart.
pub const OTHER: &str = "other";

/// Twice as many, so that a search meets an empty place soon.
const PLACES: usize = 256;

/// Finding a figure hashes the labels and compares them once or twice; nobody waits for anybody.
pub struct Labelled<T, const LABELS: usize> {
    places: Box<[OnceLock<Entry<T, LABELS>>]>,
    used: AtomicUsize,
    other: Arc<T>,
}

struct Entry<T, const LABELS: usize> {
    labels: [Arc<str>; LABELS],
    figure: Arc<T>,
}

impl<T: Default, const LABELS: usize> Default for Labelled<T, LABELS> {
    fn default() -> Self {
        let places = (0..PLACES).map(|_| OnceLock::new()).collect();
        Self { places, used: AtomicUsize::new(0), other: Arc::default() }
    }
}

impl<T: Default, const LABELS: usize> Labelled<T, LABELS> {
    /// The figure of these labels, or the one for all others.
    pub fn of(&self, labels: [&str; LABELS]) -> &Arc<T> {
        let start = hash(&labels);
        for step in 0..PLACES {
            let place = self.places.get((start + step) % PLACES).expect("a remainder is a place");
            let Some(entry) = place.get().or_else(|| self.fill(place, labels)) else { return &self.other };
            if entry.is(labels) {
                return &entry.figure;
            }
        }
        &self.other
    }

    /// Takes an empty place, unless there are enough. Another thread may take it first, for other labels.
    fn fill<'a>(
        &self,
        place: &'a OnceLock<Entry<T, LABELS>>,
        labels: [&str; LABELS],
    ) -> Option<&'a Entry<T, LABELS>> {
        if self.used.fetch_add(1, Ordering::Relaxed) >= LABELLED_MAX {
            self.used.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut taken = false;
        let entry = place.get_or_init(|| {
            taken = true;
            Entry { labels: labels.map(Arc::from), figure: Arc::default() }
        });
        if !taken {
            self.used.fetch_sub(1, Ordering::Relaxed);
        }
        Some(entry)
    }

    /// All figures that there are, in the order of their labels; the one for all others comes last, once there are
    /// others.
    pub fn all(&self) -> Vec<([Arc<str>; LABELS], Arc<T>)> {
        let used = self.places.iter().filter_map(OnceLock::get);
        let mut all: Vec<_> = used.map(|entry| (entry.labels.clone(), Arc::clone(&entry.figure))).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        if all.len() >= LABELLED_MAX {
            all.push((std::array::from_fn(|_| Arc::from(OTHER)), Arc::clone(&self.other)));
        }
        all
    }
}

impl<T, const LABELS: usize> Entry<T, LABELS> {
    fn is(&self, labels: [&str; LABELS]) -> bool {
        self.labels.iter().zip(labels).all(|(known, label)| **known == *label)
    }
}

fn hash(labels: &[&str]) -> usize {
    usize::try_from(FxBuildHasher.hash_one(labels) >> 32).expect("32 bits fit")
}

impl<T: fmt::Debug, const LABELS: usize> fmt::Debug for Labelled<T, LABELS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.places.iter().filter_map(OnceLock::get);
        f.debug_map().entries(used.map(|entry| (&entry.labels, &entry.figure))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Counter;

    #[test]
    fn only_so_many_are_told_apart() {
        let labelled: Labelled<Counter, 2> = Labelled::default();
        for number in 0..LABELLED_MAX + 7 {
            labelled.of(["http", &format!("service {number}")]).count();
        }
        labelled.of(["http", "service 3"]).count();
        let all = labelled.all();
        assert_eq!(all.len(), LABELLED_MAX + 1);
        let (labels, other) = all.last().unwrap();
        assert_eq!((&*labels[0], &*labels[1], other.get()), (OTHER, OTHER, 7));
        let third = all.iter().find(|(labels, _)| &*labels[1] == "service 3").unwrap();
        assert_eq!(third.1.get(), 2);
        assert_eq!(all.iter().map(|(_, counter)| counter.get()).sum::<u64>(), LABELLED_MAX as u64 + 8);
    }

    #[test]
    fn threads_that_meet_at_one_place_lose_nothing() {
        let labelled: Labelled<Counter, 1> = Labelled::default();
        let names: Vec<String> = (0..150).map(|number| number.to_string()).collect();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        for name in &names {
                            labelled.of([name]).count_shared();
                        }
                    }
                });
            }
        });
        let all = labelled.all();
        assert!(all.len() <= LABELLED_MAX + 1);
        assert_eq!(all.iter().map(|(_, counter)| counter.get()).sum::<u64>(), 4 * 50 * 150);
    }
}
