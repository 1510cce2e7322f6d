//! Services that do not come in, told in the log: whoever runs the server looks there first, and the service may show nothing.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::caller::Caller;
use crate::clock;
use crate::core::rejection::Rejection;
use crate::listener::Peer;

/// Lines in one [`SPAN`], so that whoever tries for ever does not fill the disk. What is left out is counted.
const LINES_MAX: u32 = 10;
const SPAN: Duration = Duration::from_mins(1);

/// Names as long as this are told whole.
const NAME_BYTES_MAX: usize = 80;

/// How much was told of late.
#[derive(Debug, Default)]
pub(super) struct TurnedAway(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Told {
    /// How many lines were left out before this one, unless it is left out itself.
    fn next(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now.duration_since(since) >= SPAN) {
            (self.since, self.lines) = (Some(now), 0);
        }
        if self.lines >= LINES_MAX {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

impl TurnedAway {
    /// A registration, or the key before it, was refused. `node` is what the service calls itself.
    pub(super) fn tell(&self, caller: &Caller, node: Option<&str>, rejection: &Rejection) {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner).next(clock::instant());
        let Some(left_out) = told else { return };
        let connection = &caller.connection;
        let address = connection.socket.req_parts().extensions.get::<Peer>().map(Peer::address);
        let node = node.map(|name| name.get(..name.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default());
        warn!(
            session = connection.session.id.0,
            address = address.map(tracing::field::display),
            node,
            reason = %rejection,
            left_out,
            "a service was turned away"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_until_there_is_room_again() {
        let now = clock::instant();
        let mut told = Told::default();
        for _ in 0..LINES_MAX {
            assert_eq!(told.next(now), Some(0));
        }
        assert_eq!((told.next(now), told.next(now + SPAN / 2)), (None, None));
        assert_eq!(told.next(now + SPAN), Some(2));
        assert_eq!(told.next(now + SPAN), Some(0));
    }
}
