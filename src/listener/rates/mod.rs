//! How often somebody may come: strangers by their address, those who have shown a key by that.
//!
//! What is known of somebody is one time, until which the rate is used up. Whoever is not heard of for long has used up nothing, so
//! nothing needs to be known of it.

mod spent;

use std::convert::Infallible;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use super::pause::PAUSE_MAX;
use super::peer::network;
use crate::clock;
use crate::config::{RatesConfig, ThisMachine};
use crate::core::access::{Actor, Principal};
use crate::core::errors::RATE_LIMITED;
use crate::core::ids::KeyId;
use crate::core::rejection::Rejection;
use spent::Spent;

/// Everything that has a rate.
#[derive(Debug)]
pub struct Rates {
    connections: Rate<IpAddr>,
    strangers: Rate<IpAddr>,
    requests: Option<Rate<Shown>>,
    messages: Option<Rate<Shown>>,
    this_machine: ThisMachine,
}

/// What somebody has shown: a key, or the token of the configuration.
type Shown = Option<KeyId>;

impl Rates {
    pub fn new(config: &RatesConfig) -> Self {
        let rate = |what, per_second| Rate::new(what, per_second, config.burst_seconds, Since::now());
        let of_key = |what, per_second| Rate::new(what, per_second, config.burst_seconds, Since::now());
        Self {
            connections: rate("opens more than {} connections", config.connections_per_address),
            strangers: rate("sends more than {} requests without a key", config.requests_per_address),
            requests: config.requests_per_key.map(|most| of_key("sends more than {} requests", most)),
            messages: config.messages_per_key.map(|most| of_key("sends more than {} messages", most)),
            this_machine: config.this_machine,
        }
    }

    /// Counts a new connection.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn connection(&self, address: IpAddr) -> Result<(), Rejection> {
        let address = network(address);
        if !self.counts(address) {
            return Ok(());
        }
        self.connections.take(&address).map_err(|wait| self.connections.refusal(&address.to_string(), wait))
    }

    /// Whether the address has a rate.
    pub fn counts(&self, address: IpAddr) -> bool {
        self.this_machine == ThisMachine::Counted || !address.is_loopback()
    }

    /// Counts a request that shows no key. `address` stands for its whole network.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn stranger(&self, address: Option<IpAddr>) -> Result<(), Rejection> {
        let Some(address) = address.filter(|address| self.counts(*address)) else { return Ok(()) };
        self.strangers.take(&address).map_err(|wait| self.strangers.refusal(&address.to_string(), wait))
    }

    /// Counts a request of somebody who was let in, who is a stranger where nobody has to show anything.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn request(&self, who: &Principal, address: Option<IpAddr>) -> Result<(), Rejection> {
        let Some(shown) = shown(who) else { return self.stranger(address) };
        let Some(rate) = &self.requests else { return Ok(()) };
        rate.take(&shown).map_err(|wait| rate.refusal(&named(shown), wait))
    }

    /// Whether events on sockets are counted.
    pub const fn has_messages(&self) -> bool {
        self.messages.is_some()
    }

    /// Counts a request on a socket.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn message(&self, who: &Principal) -> Result<(), Rejection> {
        let (Some(rate), Some(shown)) = (&self.messages, shown(who)) else { return Ok(()) };
        rate.take(&shown).map_err(|wait| rate.refusal(&named(shown), wait))
    }

    /// Counts what a service says on a socket, which is never one too many. Says for how long nothing more is to be read there,
    /// if it came too early: until the next place that nobody else who shows this key has taken.
    pub fn report(&self, who: &Principal) -> Option<Duration> {
        let (rate, shown) = (self.messages.as_ref()?, shown(who)?);
        Some(rate.reserve(&shown)).filter(|wait| !wait.is_zero())
    }

    /// How many were one too many, of each kind.
    pub fn refused(&self) -> [(&'static str, u64); 4] {
        let of_key = |rate: &Option<Rate<Shown>>| rate.as_ref().map_or(0, Rate::refused);
        [
            ("connections", self.connections.refused()),
            ("requests_without_key", self.strangers.refused()),
            ("requests_with_key", of_key(&self.requests)),
            ("messages", of_key(&self.messages)),
        ]
    }
}

/// Nothing where nobody has to show anything.
fn shown(who: &Principal) -> Option<Shown> {
    let Actor { user, key } = &who.actor;
    (key.is_some() || **user != *Actor::LOCAL).then_some(*key)
}

fn named(shown: Shown) -> String {
    shown.map_or_else(|| "whoever has the token".to_owned(), |key| format!("key {key}"))
}

/// One rate of many.
struct Rate<K: Hash + Eq + Clone, C: Clock<Instant = Duration> = Since> {
    limiter: RateLimiter<K, Spent<K>, C, NoOpMiddleware<Duration>>,
    /// What the limiter keeps, for places that are taken ahead of their time.
    spent: Spent<K>,
    quota: Quota,
    /// From where the limiter counts.
    start: Duration,
    /// What somebody does who exceeds it, with `{}` for the number.
    what: &'static str,
    per_second: NonZeroU32,
    refused: AtomicU64,
}

impl<K: Hash + Eq + Clone, C: Clock<Instant = Duration>> Rate<K, C> {
    fn new(what: &'static str, per_second: u32, burst_seconds: u32, clock: C) -> Self {
        let number = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let (per_second, burst) = (number(per_second), number(per_second.saturating_mul(burst_seconds)));
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let (spent, start) = (Spent::default(), clock.now());
        let limiter = RateLimiter::new(quota, spent.clone(), clock);
        Self { limiter, spent, quota, start, what, per_second, refused: AtomicU64::new(0) }
    }

    /// How long is to be waited for where it is one too many.
    fn take(&self, who: &K) -> Result<(), Duration> {
        self.limiter.check_key(who).map_err(|not_until| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            not_until.wait_time_from(self.limiter.clock().now())
        })
    }

    /// Takes the next free place, and says how far away it is. It is not taken further ahead than anybody waits for it.
    fn reserve(&self, who: &K) -> Duration {
        let now = Nanos::from(self.limiter.clock().now().saturating_sub(self.start));
        let apart = Nanos::from(self.quota.replenish_interval());
        let ahead = apart * u64::from(self.quota.burst_size().get() - 1);
        let taken: Result<Nanos, Infallible> = self.spent.measure_and_replace(who, |until| {
            let until = until.unwrap_or(now).max(now);
            let latest = now + ahead + Nanos::from(PAUSE_MAX);
            Ok((until.saturating_sub(ahead).saturating_sub(now), (until + apart).min(latest)))
        });
        let Ok(wait) = taken;
        let wait = Duration::from(wait);
        if !wait.is_zero() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        wait
    }

    fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn refusal(&self, who: &str, wait: Duration) -> Rejection {
        let what = self.what.replace("{}", &self.per_second.to_string());
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Rejection::new(RATE_LIMITED, format!("{who} {what} a second")).retry_after(wait_ms.max(1))
    }
}

impl<K: Hash + Eq + Clone, C: Clock<Instant = Duration>> std::fmt::Debug for Rate<K, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rate").field("per_second", &self.per_second).finish_non_exhaustive()
    }
}

/// The time since a moment.
#[derive(Debug)]
struct Since(Instant);

impl Since {
    fn now() -> Self {
        Self(clock::instant())
    }
}

impl Clock for Since {
    type Instant = Duration;

    fn now(&self) -> Duration {
        clock::instant().duration_since(self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Time as a test has it.
    #[derive(Debug, Clone, Default)]
    struct Hand(Arc<AtomicU64>);

    impl Clock for Hand {
        type Instant = Duration;

        fn now(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn what_may_come_at_once_is_taken_and_then_the_rate() {
        let hand = Hand::default();
        let rate = Rate::new("sends {}", 10, 2, hand.clone());
        let taken = |who: &'static str| (0..100).filter(|_| rate.take(&who).is_ok()).count();
        assert_eq!(taken("a"), 20);
        assert_eq!(rate.take(&"a"), Err(Duration::from_millis(100)));
        hand.0.store(100, Ordering::Relaxed);
        assert_eq!((taken("a"), taken("b")), (1, 20), "nobody pays for others");
        hand.0.store(1_100, Ordering::Relaxed);
        assert_eq!(taken("a"), 10);
        hand.0.store(60_000, Ordering::Relaxed);
        assert_eq!((taken("a"), rate.refused()), (20, 80 + 1 + 99 + 80 + 90 + 80));
    }

    #[test]
    fn everybody_who_comes_too_early_has_a_place_of_its_own() {
        let hand = Hand::default();
        let rate = Rate::new("sends {}", 10, 1, hand.clone());
        let waits = |count: usize| (0..count).map(|_| rate.reserve(&"a").as_millis()).collect::<Vec<_>>();
        assert_eq!(waits(13), [[0; 10].as_slice(), &[100, 200, 300]].concat());
        assert_eq!(rate.take(&"a"), Err(Duration::from_millis(400)), "what is taken ahead counts for others");
        hand.0.store(300, Ordering::Relaxed);
        assert_eq!(waits(2), [100, 200]);
        let longest = waits(1_000).last().copied();
        assert_eq!(longest, Some(PAUSE_MAX.as_millis()));
        hand.0.store(60_000, Ordering::Relaxed);
        assert_eq!(waits(11), [[0; 10].as_slice(), &[100]].concat());
    }

    #[test]
    fn who_has_to_wait_is_told_who_it_is_and_for_how_long() {
        let rate: Rate<u8> = Rate::new("opens {} doors", 7, 1, Since::now());
        let refusal = rate.refusal("10.0.0.1", Duration::from_micros(10));
        assert_eq!((&*refusal.message, refusal.retry_after_ms), ("10.0.0.1 opens 7 doors a second", Some(1)));
    }

    #[test]
    fn this_machine_is_free_unless_it_is_counted() {
        let config = RatesConfig { connections_per_address: 1, burst_seconds: 1, ..RatesConfig::default() };
        let counted = RatesConfig { this_machine: ThisMachine::Counted, ..config.clone() };
        let taken = |config: &RatesConfig, address: &str| {
            let (rates, address) = (Rates::new(config), address.parse().unwrap());
            (0..5).filter(|_| rates.connection(address).is_ok()).count()
        };
        assert_eq!([taken(&config, "127.0.0.1"), taken(&config, "::ffff:127.0.0.1")], [5, 5]);
        assert_eq!([taken(&config, "192.0.2.1"), taken(&counted, "127.0.0.1")], [1, 1]);
        let rates = Rates::new(&config);
        let of = |last: u16| rates.connection(format!("2001:db8::{last:x}").parse().unwrap());
        assert!(of(1).is_ok() && of(2).is_err(), "the addresses of one network are one");
    }
}
