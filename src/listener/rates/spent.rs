//! Until when each has used up its rate, for a bounded number of them.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;

/// Those who come at the same time seldom meet at the same lock.
const SHARDS: usize = 16;
/// Of one shard, at some 60 bytes each: 4 MiB in all. Strangers who have more networks than that share a rate.
const SHARD_MAX: usize = 4_096;
/// Fewer are not worth looking through.
const SWEPT_MIN: usize = 64;
/// How far two looks through a shard are apart, one of which takes 10 microseconds.
const SWEEP_APART_NS: u64 = 1_000_000_000;

/// A clone knows the same.
#[derive(Debug, Clone)]
pub(super) struct Spent<K> {
    shards: Arc<[Mutex<Shard<K>>; SHARDS]>,
    /// Nobody can choose addresses that meet in one shard.
    hasher: RandomState,
}

#[derive(Debug)]
struct Shard<K> {
    until: HashMap<K, Nanos>,
    /// Of all those together for whom there is no room.
    of_others: Option<Nanos>,
    swept_at: Nanos,
}

impl<K> Default for Spent<K> {
    fn default() -> Self {
        let shard = |_| {
            let (until, swept_at) = (HashMap::new(), Nanos::from(0));
            Mutex::new(Shard { until, of_others: None, swept_at })
        };
        Self { shards: Arc::new(std::array::from_fn(shard)), hasher: RandomState::new() }
    }
}

impl<K: Hash + Eq + Clone> StateStore for Spent<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let place = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or_default();
        let shard = self.shards.get(place).expect("the remainder is below the number of shards");
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = shard.until.get_mut(key) {
            let (decision, next) = decide(Some(*until))?;
            *until = next;
            return Ok(decision);
        }
        let (decision, next) = decide(None)?;
        shard.sweep(next);
        if shard.until.len() >= SHARD_MAX {
            let (decision, next) = decide(shard.of_others)?;
            shard.of_others = Some(next);
            return Ok(decision);
        }
        shard.until.insert(key.clone(), next);
        Ok(decision)
    }
}

impl<K: Hash + Eq> Shard<K> {
    /// Forgets those who have used up nothing by the time at which `next` is what somebody has used up who has just come.
    fn sweep(&mut self, next: Nanos) {
        if self.until.len() < SWEPT_MIN || next < self.swept_at + Nanos::from(SWEEP_APART_NS) {
            return;
        }
        self.swept_at = next;
        self.until.retain(|_, until| *until >= next);
        self.until.shrink_to(SWEPT_MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What somebody does at `now` which takes 1 ns of a rate that may be used up for 2 ns ahead.
    fn come(spent: &Spent<u32>, who: u32, now: u64) -> Result<(), ()> {
        spent.measure_and_replace(&who, |until| {
            let until = until.map_or(now, Nanos::as_u64).max(now);
            if until < now + 2 { Ok(((), Nanos::from(until + 1))) } else { Err(()) }
        })
    }

    fn known(spent: &Spent<u32>) -> usize {
        spent.shards.iter().map(|shard| shard.lock().unwrap().until.len()).sum()
    }

    #[test]
    fn each_has_its_own_and_those_without_room_share_one() {
        let spent = Spent::default();
        let all = u32::try_from(SHARDS * SHARD_MAX).unwrap() * 2;
        let first = (0..all).filter(|who| come(&spent, *who, 5).is_ok()).count();
        assert_eq!(known(&spent), SHARDS * SHARD_MAX, "the shards are full");
        assert_eq!(first, SHARDS * (SHARD_MAX + 2), "of each shard two more were let in");
        let again = (0..all).filter(|who| come(&spent, *who, 5).is_ok()).count();
        assert_eq!(again, SHARDS * SHARD_MAX, "those who are known are not concerned");
    }

    #[test]
    fn who_has_used_up_nothing_is_forgotten() {
        let spent = Spent::default();
        for who in 0..50_000 {
            come(&spent, who, 5).unwrap();
        }
        let later = 10 * SWEEP_APART_NS;
        for who in 50_000..51_000 {
            come(&spent, who, later).unwrap();
        }
        assert_eq!(known(&spent), 1_000, "one of each shard's newcomers has it swept");
    }
}
