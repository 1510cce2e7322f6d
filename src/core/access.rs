//! Who may do what: users, the keys that they hold, and what each role allows.
//!
//! A key is a secret that is told once. What is kept of it is its SHA-256, and a key is found by that: nothing is compared
//! letter by letter, and nothing that is stored opens anything.

mod order;
mod role;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::errors;
use super::ids::{KeyId, Timestamp};
use super::rejection::Rejection;

pub use order::{AccessOrder, NewKey};
pub use role::Role;

/// Users, each a few hundred bytes; more than a server of one team has.
pub const USERS_MAX: usize = 1_000;
/// Keys that are not revoked. At about half a KiB each they take 5 MiB.
pub const KEYS_MAX: usize = 10_000;
/// Services, or capabilities, that one key is bound to.
pub const SCOPE_MAX: usize = 32;
/// Names of users, keys, services and capabilities.
pub const ACCESS_NAME_BYTES_MAX: usize = 128;

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyDigest(pub [u8; 32]);

impl KeyDigest {
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Takes as long wherever the two differ.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(hidden)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub role: Role,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    pub digest: KeyDigest,
    /// The user whose key it is.
    pub owner: Arc<str>,
    /// What it is for, in the words of whoever made it.
    pub name: Arc<str>,
    /// At most this, and never more than the owner may.
    pub role: Role,
    /// What a service with this key may register. Keys of the role `service` have one, and no others do.
    pub scope: Option<Arc<Scope>>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// As far as it was written down, which is seldom.
    pub used_at: Option<Timestamp>,
}

/// What a service may call itself, and offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub services: BTreeSet<Arc<str>>,
    /// Capabilities and task types; where there are none, it may offer any.
    pub capabilities: BTreeSet<Arc<str>>,
}

/// Who asks for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub user: Arc<str>,
    /// The key that was shown. The token of the configuration is none, and neither is a seat at the machine itself.
    pub key: Option<KeyId>,
}

impl Actor {
    /// Whoever holds the token of the configuration.
    pub const TOKEN: &str = "token";
    /// Whoever sits at the machine.
    pub const LOCAL: &str = "local";

    pub fn without_key(name: &str) -> Self {
        Self { user: Arc::from(name), key: None }
    }
}

/// Who asks, and how far that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub actor: Actor,
    pub role: Role,
    pub scope: Option<Arc<Scope>>,
}

impl Principal {
    /// One that may do everything.
    pub fn admin(name: &str) -> Self {
        Self { actor: Actor::without_key(name), role: Role::Admin, scope: None }
    }

    /// What somebody is told who may not do `what`.
    pub fn denied(&self, what: &str, least: &str) -> Rejection {
        let (user, role) = (&self.actor.user, self.role.name());
        let message = format!("{what} asks for the role {least}, and this key of {user} has {role}");
        Rejection::new(errors::RBAC_PERMISSION_DENIED, message)
    }
}

/// What happened to users and keys, and what was done with the rights of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessFact {
    UserAdded {
        user: Arc<str>,
        role: Role,
    },
    RoleChanged {
        user: Arc<str>,
        role: Role,
    },
    /// With all keys.
    UserRemoved {
        user: Arc<str>,
    },
    KeyCreated {
        id: KeyId,
        key: Box<Key>,
    },
    KeyRevoked {
        id: KeyId,
    },
    /// When keys were last shown.
    KeysUsed {
        uses: Vec<(KeyId, Timestamp)>,
    },
    /// Something was asked for that changes the server and leaves no other record.
    Acted {
        what: Arc<str>,
    },
    /// Written again so that the log before it can be released.
    UserCarried {
        user: Arc<str>,
        known: User,
    },
    KeyCarried {
        id: KeyId,
        key: Box<Key>,
    },
}

impl AccessFact {
    /// Whether somebody did it, and it was not written down by the server for its own ends.
    pub const fn is_act(&self) -> bool {
        match self {
            Self::UserAdded { .. }
            | Self::RoleChanged { .. }
            | Self::UserRemoved { .. }
            | Self::KeyCreated { .. }
            | Self::KeyRevoked { .. }
            | Self::Acted { .. } => true,
            Self::KeysUsed { .. } | Self::UserCarried { .. } | Self::KeyCarried { .. } => false,
        }
    }
}

impl Key {
    pub fn has_expired(&self, now: Times) -> bool {
        self.expires_at.is_some_and(|end| end <= now.of(self))
    }
}

/// What the time is for whoever shows a key.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Of the engine, which never goes back, however wrong the clock was by which it went.
    pub engine: Timestamp,
    /// Of the machine, which may have been set right since.
    pub wall: Timestamp,
}

impl Times {
    /// The earlier of both, so that a clock that stood ahead once has ended no key for good. A clock from before the key was
    /// made is wrong itself.
    fn of(self, key: &Key) -> Timestamp {
        if self.wall < key.created_at { self.engine } else { self.engine.min(self.wall) }
    }
}

impl From<Timestamp> for Times {
    fn from(now: Timestamp) -> Self {
        Self { engine: now, wall: now }
    }
}

/// All users and keys. Readers share it; a change copies it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    pub users: BTreeMap<Arc<str>, User>,
    pub keys: BTreeMap<KeyId, Key>,
    pub(in crate::core) by_digest: FxHashMap<KeyDigest, KeyId>,
}

impl Access {
    /// Whether anybody has to show a key. There may be no admin among the users whom the token of the configuration made;
    /// [`AccessOrder::Begin`] makes one then.
    pub fn has_begun(&self) -> bool {
        !self.users.is_empty()
    }

    /// Whoever holds the key.
    ///
    /// # Errors
    /// When there is none, or it counts no longer.
    pub fn admit(&self, digest: &KeyDigest, now: impl Into<Times>) -> Result<Principal, Rejection> {
        let id = self.by_digest.get(digest).ok_or_else(|| invalid("this server has no such key"))?;
        self.standing(*id, now)
    }

    /// What a key is good for now.
    ///
    /// # Errors
    /// When it is gone, revoked or expired, or its owner may no longer do anything of it.
    pub fn standing(&self, id: KeyId, now: impl Into<Times>) -> Result<Principal, Rejection> {
        let key = self.keys.get(&id).ok_or_else(|| invalid("this server has no such key"))?;
        if key.revoked_at.is_some() {
            return Err(invalid(format!("key {id} ({}) was revoked", key.name)));
        }
        if key.has_expired(now.into()) {
            let message = format!("key {id} ({}) has expired", key.name);
            return Err(Rejection::new(errors::AUTH_TOKEN_EXPIRED, message));
        }
        let role = self.role_of(key).ok_or_else(|| {
            invalid(format!("key {id} ({}) is worth nothing: {} may no longer", key.name, key.owner))
        })?;
        let actor = Actor { user: Arc::clone(&key.owner), key: Some(id) };
        Ok(Principal { actor, role, scope: key.scope.clone() })
    }

    /// What is left of a key's role in the hands of its owner. A service without a scope could be any service.
    fn role_of(&self, key: &Key) -> Option<Role> {
        let role = key.role.within(self.users.get(&key.owner)?.role)?;
        (role != Role::Service || key.scope.is_some()).then_some(role)
    }

    /// How long the key still counts, unless something happens to it.
    pub fn left_ms(&self, id: KeyId, now: Times) -> Option<u64> {
        let key = self.keys.get(&id)?;
        Some(key.expires_at?.since(now.of(key)))
    }

    /// The users that are admins.
    pub fn admins(&self) -> impl Iterator<Item = &Arc<str>> {
        self.users.iter().filter(|(_, user)| user.role == Role::Admin).map(|(name, _)| name)
    }

    /// The keys with which everything can be done now.
    pub fn admin_keys(&self, now: Timestamp) -> impl Iterator<Item = (KeyId, &Key)> {
        let is_admin =
            move |id: KeyId| self.standing(id, now).is_ok_and(|principal| principal.role == Role::Admin);
        self.keys.iter().filter(move |(id, _)| is_admin(**id)).map(|(id, key)| (*id, key))
    }

    /// Puts users and keys back together, as a checkpoint holds them.
    pub fn restore_user(&mut self, name: Arc<str>, user: User) {
        self.users.insert(name, user);
    }

    pub fn restore_key(&mut self, id: KeyId, key: Key) {
        self.by_digest.insert(key.digest, id);
        self.keys.insert(id, key);
    }
}

fn invalid(message: impl Into<String>) -> Rejection {
    Rejection::new(errors::API_KEY_INVALID, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::errors::{API_KEY_INVALID, AUTH_TOKEN_EXPIRED, RBAC_PERMISSION_DENIED};

    fn key(role: Role, scope: Option<Scope>) -> Key {
        Key {
            digest: KeyDigest::of("secret"),
            owner: "anna".into(),
            name: "laptop".into(),
            role,
            scope: scope.map(Arc::new),
            created_at: Timestamp(1),
            expires_at: Some(Timestamp(100)),
            revoked_at: None,
            used_at: None,
        }
    }

    fn access(owner: Role, key: Key) -> Access {
        let mut access = Access::default();
        access.restore_user("anna".into(), User { role: owner, created_at: Timestamp(1) });
        access.restore_key(KeyId(1), key);
        access
    }

    #[test]
    fn a_key_counts_until_it_expires_or_is_revoked() {
        let mut access = access(Role::Admin, key(Role::User, None));
        let admit = |access: &Access, secret, now| access.admit(&KeyDigest::of(secret), Timestamp(now));
        let principal = admit(&access, "secret", 99).unwrap();
        assert_eq!((principal.role, &*principal.actor.user), (Role::User, "anna"));
        let denied = principal.denied("this", Role::Operator.name());
        assert_eq!(denied.code, RBAC_PERMISSION_DENIED);
        assert!(denied.message.contains("anna") && denied.message.contains("operator"), "{}", denied.message);
        assert_eq!(admit(&access, "secret", 100).unwrap_err().code, AUTH_TOKEN_EXPIRED);
        assert_eq!(admit(&access, "Secret", 1).unwrap_err().code, API_KEY_INVALID);
        access.keys.get_mut(&KeyId(1)).unwrap().revoked_at = Some(Timestamp(2));
        assert_eq!(admit(&access, "secret", 3).unwrap_err().code, API_KEY_INVALID);
    }

    #[test]
    fn a_clock_that_stood_ahead_once_ends_no_key_for_good() {
        let access = access(Role::Admin, key(Role::User, None));
        let counts = |engine, wall| {
            let now = Times { engine: Timestamp(engine), wall: Timestamp(wall) };
            assert_eq!(
                access.left_ms(KeyId(1), now).is_some_and(|left| left > 0),
                access.standing(KeyId(1), now).is_ok()
            );
            access.standing(KeyId(1), now).is_ok()
        };
        assert!(counts(5_000, 50), "the clock is right again, and the engine goes on by its own");
        assert!(!counts(5_000, 100) && !counts(100, 5_000));
        assert!(!counts(5_000, 0), "a clock that was reset ends what had ended");
    }

    #[test]
    fn a_key_is_never_worth_more_than_its_owner() {
        let worth =
            |owner, key: Key| access(owner, key).standing(KeyId(1), Timestamp(1)).ok().map(|p| p.role);
        assert_eq!(worth(Role::Readonly, key(Role::Admin, None)), Some(Role::Readonly));
        assert_eq!(worth(Role::Admin, key(Role::Readonly, None)), Some(Role::Readonly));
        let scope = || Some(Scope { services: ["a".into()].into(), capabilities: BTreeSet::new() });
        assert_eq!(worth(Role::Operator, key(Role::Service, scope())), Some(Role::Service));
        assert_eq!(worth(Role::User, key(Role::Service, scope())), None);
        // A service that is bound to nothing could take any other's place.
        assert_eq!(worth(Role::Service, key(Role::Operator, None)), None);
    }

    #[test]
    fn a_digest_is_compared_and_never_shown() {
        let (one, other) = (KeyDigest::of("a"), KeyDigest::of("b"));
        assert!(one.is_same(&KeyDigest::of("a")) && !one.is_same(&other));
        assert_eq!(format!("{one:?}"), "KeyDigest(hidden)");
    }
}
