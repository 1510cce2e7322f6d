//! People who say who may do what.

use std::sync::Arc;

use gleitzeit::core::access::{AccessOrder, Actor, KeyDigest, NewKey, Role, Scope};
use gleitzeit::core::command::Command;
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
