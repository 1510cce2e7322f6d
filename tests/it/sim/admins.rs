//! People who say who may do what, and a naive reading of what the log says of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gleitzeit::core::access::{AccessFact, AccessOrder, Actor, Key, KeyDigest, NewKey, Role, Scope};
use gleitzeit::core::command::Command;
use gleitzeit::core::event::{Event, Record};
use gleitzeit::core::ids::{KeyId, Timestamp};

use super::checker::Asked;
use super::world::World;

/// Few, so that orders meet: a user is removed whose key is just made, a key is revoked twice.
const USERS: [&str; 4] = ["root", "anna", "ben", "box"];
const KEYS: u64 = 12;

impl World {
    /// Somebody does something about users and keys.
    pub fn administer(&mut self) {
        let user: Arc<str> = Arc::from(*self.rng.pick(&USERS));
        let id = KeyId(u128::from(self.rng.range(1, KEYS)));
        let role = *self.rng.pick(&Role::ALL);
        // A key that was made once keeps its digest, as a secret that is told once does.
        let digest = KeyDigest::of(&format!("secret {id}"));
        let (asked, order) = match self.rng.range(0, 11) {
            0 | 1 => (Asked::CreateKey(id), AccessOrder::Begin { user, id, digest }),
            2 | 3 => (Asked::Other, AccessOrder::AddUser { user, role }),
            4 => (Asked::Other, AccessOrder::ChangeRole { user, role }),
            5 => (Asked::Other, AccessOrder::RemoveUser { user }),
            6..=8 => (Asked::CreateKey(id), AccessOrder::CreateKey { id, key: self.key(user, role, digest) }),
            9 => (Asked::RevokeKey(id), AccessOrder::RevokeKey { id }),
            10 => (Asked::Other, AccessOrder::NoteUses { uses: vec![(id, Timestamp(self.now))] }),
            _ => (Asked::Other, AccessOrder::NoteAct { what: Arc::from("POST /api/v1/shutdown") }),
        };
        self.demand(asked, Command::OrderAccess { by: Actor::without_key(Actor::LOCAL), order });
    }

    fn key(&mut self, owner: Arc<str>, role: Role, digest: KeyDigest) -> NewKey {
        let scope = Scope { services: [Arc::from("echo")].into(), capabilities: [].into() };
        let scope = (role == Role::Service).then(|| Arc::new(scope));
        let lasts_ms = self.rng.chance(300).then(|| self.rng.range(1, 600_000));
        NewKey { digest, owner, name: Arc::from("for a test"), role, scope, lasts_ms }
    }
}

/// Who is an admin, and the keys that are still worth something.
#[derive(Debug, Default)]
pub struct Admins {
    users: BTreeMap<Arc<str>, Role>,
    keys: BTreeMap<KeyId, Key>,
}

impl Admins {
    /// Somebody who could change users and keys a moment ago must not be the last one who could.
    pub fn follow(&mut self, record: &Record) -> Result<(), String> {
        let Event::Access { fact, .. } = &record.event else { return Ok(()) };
        let before = (self.admins(), self.ways_in(record.at));
        self.note(fact);
        let after = (self.admins(), self.ways_in(record.at));
        if (before.0 > 0 && after.0 == 0) || (before.1 > 0 && after.1 == 0) {
            return Err("nobody is left who may change users and keys".to_owned());
        }
        Ok(())
    }

    fn note(&mut self, fact: &AccessFact) {
        match fact {
            AccessFact::UserAdded { user, role } | AccessFact::RoleChanged { user, role } => {
                self.users.insert(Arc::clone(user), *role);
            }
            AccessFact::UserRemoved { user } => {
                self.users.remove(user);
                self.keys.retain(|_, key| key.owner != *user);
            }
            AccessFact::KeyCreated { id, key } => {
                self.keys.insert(*id, Key::clone(key));
            }
            AccessFact::KeyRevoked { id } => {
                self.keys.remove(id);
            }
            // What is written again is known already.
            AccessFact::KeysUsed { .. }
            | AccessFact::Acted { .. }
            | AccessFact::UserCarried { .. }
            | AccessFact::KeyCarried { .. } => {}
        }
    }

    fn admins(&self) -> usize {
        self.users.values().filter(|role| **role == Role::Admin).count()
    }

    /// Keys of admins, made for admins, that have not expired.
    fn ways_in(&self, now: Timestamp) -> usize {
        let of_admin = |key: &&Key| self.users.get(&key.owner) == Some(&Role::Admin);
        let lasts = |key: &&Key| key.expires_at.is_none_or(|end| end > now);
        self.keys.values().filter(|key| key.role == Role::Admin).filter(of_admin).filter(lasts).count()
    }
}
