//! Who is let in: looks keys up without a word to the engine, and sends those away for a while who try one after the
//! other.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::{debug, info};

use super::handle::EngineHandle;
use crate::core::access::{Access, AccessOrder, Actor, KeyDigest, Principal};
use crate::core::command::Command;
use crate::core::errors;
use crate::core::ids::{KeyId, Timestamp};
use crate::core::rejection::Rejection;

/// Wrong keys that one address may show within [`WINDOW_MS`]: a program that was given the wrong one and tries again
/// each few seconds is told so each time.
const WRONG_KEYS_MAX: u32 = 30;
const WINDOW_MS: u64 = 60_000;
/// Addresses that are remembered, at some 40 bytes each. Beyond it those go that began first.
const ADDRESSES_MAX: usize = 10_000;
/// How often the uses of keys are looked through, and how much later than the one that is written down the latest must be
/// to be written down as well.
const USES_ROUND: Duration = Duration::from_mins(10);
const USES_APART_MS: u64 = 3_600_000;
/// Keys whose uses one record holds, at 24 bytes each.
const USES_PER_RECORD: usize = 1_000;
/// How keys begin that this server makes, and how long they are. Nobody can guess one.
const MADE_PREFIX: &str = "gzt_";
const MADE_BYTES: usize = 47;

/// Stands at the door of REST and of the sockets. Clones share what it knows.
#[derive(Debug, Clone)]
pub struct Doorkeeper {
    engine: EngineHandle,
    access: watch::Receiver<Arc<Access>>,
    /// Of the configuration.
    token: Option<KeyDigest>,
    memory: Arc<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    uses: Mutex<BTreeMap<KeyId, Timestamp>>,
    wrong: Mutex<WrongKeys>,
}

impl Doorkeeper {
    /// `token` acts as the key of an admin.
    pub fn new(engine: EngineHandle, token: Option<&str>) -> Self {
        let access = engine.access();
        Self { engine, access, token: token.map(KeyDigest::of), memory: Arc::default() }
    }

    /// Whether anybody has to show anything.
    pub fn is_guarded(&self) -> bool {
        self.token.is_some() || self.access.borrow().has_begun()
    }

    /// Users and keys as they are now.
    pub fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.borrow())
    }

    /// Whoever shows `key` from `address`, which stands for its whole network; nobody has to show one where there is none.
    ///
    /// # Errors
    /// When there is no such key, or it counts no longer, or too many wrong ones came from there.
    pub fn admit(&self, key: Option<&str>, address: Option<IpAddr>) -> Result<Principal, Rejection> {
        if !self.is_guarded() {
            return Ok(Principal::admin(Actor::LOCAL));
        }
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            let message = "the request carries no key, and this server asks for one";
            return Err(Rejection::new(errors::AUTHENTICATION_REQUIRED, message));
        };
        let now = self.engine.now();
        // A key that was made here cannot be guessed, so its owner is let in whoever else is behind the address.
        if let Some(address) = address.filter(|_| !is_made(key)) {
            self.memory.wrong().check(address, now)?;
        }
        let admitted = self.look_up(&KeyDigest::of(key), now);
        if let (Err(refused), Some(address)) = (&admitted, address) {
            debug!(%address, code = %refused.code, "a wrong key was shown");
            let mut wrong = self.memory.wrong();
            wrong.check(address, now)?;
            if wrong.note(address, now) {
                info!(%address, "{WRONG_KEYS_MAX} wrong keys came from an address, which has to wait now");
            }
        }
        admitted
    }

    fn look_up(&self, digest: &KeyDigest, now: Timestamp) -> Result<Principal, Rejection> {
        if self.token.is_some_and(|token| token.is_same(digest)) {
            return Ok(Principal::admin(Actor::TOKEN));
        }
        let principal = self.access.borrow().admit(digest, self.engine.times())?;
        if let Some(id) = principal.actor.key {
            self.memory.uses().insert(id, now);
        }
        Ok(principal)
    }

    /// When the key was last shown, as far as this process or the log knows.
    pub fn used_at(&self, id: KeyId) -> Option<Timestamp> {
        let written = self.access.borrow().keys.get(&id).and_then(|key| key.used_at);
        written.max(self.memory.uses().get(&id).copied())
    }

    /// Whether somebody who was let in may still stay: as long as the key is worth the same.
    ///
    /// # Errors
    /// What has become of the key.
    pub fn check(&self, principal: &Principal) -> Result<(), Rejection> {
        let Some(id) = principal.actor.key else { return Ok(()) };
        if self.access.borrow().standing(id, self.engine.times())? == *principal {
            return Ok(());
        }
        let message = format!("what key {id} may do has changed: authenticate again");
        Err(Rejection::new(errors::API_KEY_INVALID, message))
    }

    /// Comes back when somebody may no longer stay.
    pub async fn until_expelled(&self, principal: &Principal) {
        let mut access = self.access.clone();
        loop {
            // Looked at before the principal is, so that nothing falls between the two.
            let key = principal.actor.key;
            let left_ms = key.and_then(|id| access.borrow_and_update().left_ms(id, self.engine.times()));
            if self.check(principal).is_err() {
                return;
            }
            let left = Duration::from_millis(left_ms.unwrap_or(u64::MAX).max(1));
            let ended = tokio::time::timeout(left, access.changed()).await;
            if matches!(ended, Ok(Err(_))) {
                // The engine has stopped, and with it whatever this is about.
                return;
            }
        }
    }

    /// Comes back after something has happened to users and keys, or after a while.
    pub async fn changed(&mut self, at_most: Duration) {
        let changed = tokio::time::timeout(at_most, self.access.changed()).await;
        if matches!(changed, Ok(Err(_))) {
            // The engine has stopped: nothing more will happen.
            tokio::time::sleep(at_most).await;
        }
    }

    /// Writes down now and then when keys were last shown, for as long as the process runs.
    pub async fn keep_uses(self) {
        loop {
            tokio::time::sleep(USES_ROUND).await;
            self.write_uses(USES_APART_MS).await;
        }
    }

    /// Writes down when keys were last shown, before a stop lets the process forget it.
    pub async fn write_last_uses(&self) {
        self.write_uses(1).await;
    }

    async fn write_uses(&self, apart_ms: u64) {
        for uses in self.fresh_uses(apart_ms).chunks(USES_PER_RECORD) {
            let order = AccessOrder::NoteUses { uses: uses.to_vec() };
            let by = Actor::without_key(Actor::LOCAL);
            if let Err(rejection) = self.engine.submit(Command::OrderAccess { by, order }).await {
                debug!(%rejection, "when keys were used is not written down now");
            }
        }
    }

    fn fresh_uses(&self, apart_ms: u64) -> Vec<(KeyId, Timestamp)> {
        let access = self.access();
        let mut uses = self.memory.uses();
        uses.retain(|id, _| access.keys.contains_key(id));
        let written = |id: &KeyId| access.keys.get(id).and_then(|key| key.used_at).unwrap_or_default();
        let is_fresh = |(id, used): &(&KeyId, &Timestamp)| used.since(written(id)) >= apart_ms;
        uses.iter().filter(is_fresh).map(|(id, used)| (*id, *used)).collect()
    }
}

impl Memory {
    fn uses(&self) -> std::sync::MutexGuard<'_, BTreeMap<KeyId, Timestamp>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong(&self) -> std::sync::MutexGuard<'_, WrongKeys> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a text has the form of a key that was made here.
fn is_made(key: &str) -> bool {
    key.len() == MADE_BYTES && key.starts_with(MADE_PREFIX)
}

/// How many wrong keys each address has shown lately.
#[derive(Debug, Default)]
struct WrongKeys {
    windows: BTreeMap<IpAddr, Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Timestamp,
    count: u32,
}

impl Window {
    fn left_ms(self, now: Timestamp) -> u64 {
        self.began.plus(WINDOW_MS).since(now)
    }
}

impl WrongKeys {
    fn check(&self, address: IpAddr, now: Timestamp) -> Result<(), Rejection> {
        let Some(window) = self.windows.get(&address) else { return Ok(()) };
        let left = window.left_ms(now);
        if window.count < WRONG_KEYS_MAX || left == 0 {
            return Ok(());
        }
        let message = format!("{address} has shown {WRONG_KEYS_MAX} wrong keys within a minute");
        Err(Rejection::new(errors::TOO_MANY_WRONG_KEYS, message).retry_after(left))
    }

    /// Says whether that was the last one that is looked at for now.
    fn note(&mut self, address: IpAddr, now: Timestamp) -> bool {
        if self.windows.len() >= ADDRESSES_MAX && !self.windows.contains_key(&address) {
            self.make_room(now);
        }
        let window = self.windows.entry(address).or_insert(Window { began: now, count: 0 });
        if window.left_ms(now) == 0 {
            *window = Window { began: now, count: 0 };
        }
        window.count = window.count.saturating_add(1);
        window.count == WRONG_KEYS_MAX
    }

    fn make_room(&mut self, now: Timestamp) {
        self.windows.retain(|_, window| window.left_ms(now) > 0);
        if self.windows.len() >= ADDRESSES_MAX {
            let oldest = self.windows.iter().min_by_key(|(_, window)| window.began);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.windows.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::errors::TOO_MANY_WRONG_KEYS;

    fn address(last: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + last).into())
    }

    #[test]
    fn an_address_waits_after_too_many_wrong_keys_and_no_other_does() {
        let mut wrong = WrongKeys::default();
        for count in 1..=WRONG_KEYS_MAX {
            wrong.check(address(1), Timestamp(5)).unwrap();
            assert_eq!(wrong.note(address(1), Timestamp(5)), count == WRONG_KEYS_MAX);
        }
        let refused = wrong.check(address(1), Timestamp(6)).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_ms), (TOO_MANY_WRONG_KEYS, Some(WINDOW_MS - 1)));
        wrong.check(address(2), Timestamp(6)).unwrap();
        wrong.check(address(1), Timestamp(5 + WINDOW_MS)).unwrap();
        assert!(!wrong.note(address(1), Timestamp(5 + WINDOW_MS)), "it begins anew");
    }

    #[test]
    fn the_table_of_addresses_is_bounded() {
        let mut wrong = WrongKeys::default();
        for last in 0..u32::try_from(ADDRESSES_MAX).unwrap() + 10 {
            wrong.note(address(last), Timestamp(u64::from(last)));
        }
        assert_eq!(wrong.windows.len(), ADDRESSES_MAX);
        assert!(!wrong.windows.contains_key(&address(0)) && wrong.windows.contains_key(&address(10)));
    }
}
