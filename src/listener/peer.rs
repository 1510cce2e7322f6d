//! Who is at the other end of a connection, and what the connection waits for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::pause::Pause;
use crate::clock;
use crate::config::ConnectionsConfig;

/// The other end of the connection that a request came on. Every request carries one in its extensions.
#[derive(Debug, Clone)]
pub struct Peer {
    address: SocketAddr,
    line: Arc<Line>,
}

/// What a connection waits for, and since when.
#[derive(Debug)]
struct Line {
    opened_at: Instant,
    /// The phase in the lowest two bits, above them the milliseconds after the opening at which it began.
    phase: AtomicU64,
    /// How many more bytes may come.
    allowance: AtomicU64,
    /// While it lasts nothing is read.
    pause: Pause,
    /// A request was answered before its body had come.
    still_sends: AtomicBool,
}

/// More than ever comes on one connection.
const WITHOUT_LIMIT: u64 = u64::MAX;

/// A request has come and is not answered yet, or the connection belongs to somebody else by now.
const BUSY: u64 = 0;
/// All requests are answered.
const IDLE: u64 = 1;
/// A request has begun to come, or should as the first one of a new connection.
const HEAD: u64 = 2;
const PHASES: u64 = 0b11;

impl Peer {
    pub(super) fn new(address: SocketAddr) -> Self {
        let line = Line {
            opened_at: clock::instant(),
            phase: AtomicU64::new(HEAD),
            allowance: AtomicU64::new(WITHOUT_LIMIT),
            pause: Pause::default(),
            still_sends: AtomicBool::new(false),
        };
        Self { address, line: Arc::new(line) }
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stands for the address where addresses are counted.
    pub fn network(&self) -> IpAddr {
        network(self.address.ip())
    }

    /// From now on no more than so many bytes may come, or the connection ends.
    pub fn limit_input(&self, bytes: u64) {
        self.line.allowance.store(bytes, Ordering::Relaxed);
    }

    /// Whoever it is may send what it likes.
    pub fn lift_limit(&self) {
        self.line.allowance.store(WITHOUT_LIMIT, Ordering::Relaxed);
    }

    /// Until when nothing more is read.
    pub fn pause(&self) -> &Pause {
        &self.line.pause
    }

    /// Something has come: the beginning of a request if none is under way. Says whether it may.
    pub(super) fn note_input(&self, bytes: usize) -> bool {
        if self.line.phase.load(Ordering::Relaxed) & PHASES == IDLE {
            self.enter(HEAD);
        }
        let left = self.line.allowance.load(Ordering::Relaxed);
        if left == WITHOUT_LIMIT {
            return true;
        }
        let left = left.checked_sub(bytes as u64);
        // The limit may have been lifted meanwhile, and must stay so.
        let spent = |allowance| (allowance != WITHOUT_LIMIT).then_some(left.unwrap_or(0));
        let was_limited =
            self.line.allowance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent).is_ok();
        left.is_some() || !was_limited
    }

    pub(super) fn note_request(&self) {
        self.line.phase.store(BUSY, Ordering::Relaxed);
    }

    /// The rest of a body is not read, so the connection ends behind the answer.
    pub(super) fn note_unread(&self) {
        self.line.still_sends.store(true, Ordering::Relaxed);
    }

    pub(super) fn still_sends(&self) -> bool {
        self.line.still_sends.load(Ordering::Relaxed)
    }

    pub(super) fn note_answered(&self) {
        self.enter(IDLE);
    }

    fn enter(&self, phase: u64) {
        self.line.phase.store((self.age_ms() << 2) | phase, Ordering::Relaxed);
    }

    /// How long the connection may go on waiting as it does now; nothing when that time is over.
    pub(super) fn patience(&self, bounds: &ConnectionsConfig) -> Option<Duration> {
        let value = self.line.phase.load(Ordering::Relaxed);
        let bound = match value & PHASES {
            HEAD => bounds.header,
            IDLE => bounds.idle,
            _ => return Some(bounds.header),
        };
        let waited = Duration::from_millis(self.age_ms().saturating_sub(value >> 2));
        let left = bound.checked_sub(waited).filter(|left| !left.is_zero())?;
        // Whoever is idle may begin to speak at any moment, and has to come to an end soon from then on.
        Some(left.min(bounds.header))
    }

    fn age_ms(&self) -> u64 {
        let age = clock::instant().duration_since(self.line.opened_at);
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX >> 2)
    }
}

/// Whoever has one address of the sixth version has 64 bits of them.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        v6 @ IpAddr::V6(_) if v6.is_loopback() => v6,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn bounds(header: Duration, idle: Duration) -> ConnectionsConfig {
        ConnectionsConfig { header, idle, ..ConnectionsConfig::default() }
    }

    #[test]
    fn each_phase_has_its_own_bound() {
        let peer = Peer::new(([127, 0, 0, 1], 1).into());
        let (strict, lenient) = (bounds(Duration::ZERO, HOUR), bounds(HOUR, Duration::ZERO));
        let is_over = |bounds: &ConnectionsConfig| peer.patience(bounds).is_none();
        assert!(is_over(&strict) && !is_over(&lenient), "the first request has to come");
        peer.note_request();
        assert!(!is_over(&strict) && !is_over(&lenient), "the server works");
        assert!(peer.note_input(1));
        assert!(!is_over(&strict), "a body comes");
        peer.note_answered();
        assert!(is_over(&lenient) && !is_over(&bounds(HOUR, HOUR)), "idle for too long");
        assert!(peer.note_input(1));
        assert!(is_over(&strict) && !is_over(&lenient), "the next request has to come");
    }

    #[test]
    fn whoever_is_limited_may_send_so_much_and_no_more() {
        let peer = Peer::new(([127, 0, 0, 1], 1).into());
        assert!(peer.note_input(1_000));
        peer.limit_input(10);
        assert!(peer.note_input(7) && peer.note_input(3) && !peer.note_input(1));
        peer.lift_limit();
        assert!(peer.note_input(1_000));
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert!(of("::1").is_loopback() && of("::ffff:127.0.0.1").is_loopback());
    }

    #[test]
    fn an_idle_connection_is_looked_at_as_often_as_one_that_speaks() {
        let peer = Peer::new(([127, 0, 0, 1], 1).into());
        peer.note_answered();
        let soon = Duration::from_secs(7);
        assert_eq!(peer.patience(&bounds(soon, HOUR)), Some(soon));
    }
}
