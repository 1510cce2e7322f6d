//! What happens to users and keys.

use std::sync::Arc;

use crate::core::access::{Access, AccessFact, KEYS_MAX, Key, User};
use crate::core::ids::{KeyId, Timestamp};
use crate::core::state::State;

impl State {
    /// Facts about unknown users and keys are those of a released prefix, or came after their removal.
    pub(super) fn access_fact(&mut self, fact: &AccessFact, at: Timestamp) {
        match fact {
            AccessFact::Acted { .. } => return,
            AccessFact::UserAdded { .. }
            | AccessFact::RoleChanged { .. }
            | AccessFact::UserRemoved { .. }
            | AccessFact::KeyCreated { .. }
            | AccessFact::KeyRevoked { .. }
            | AccessFact::KeysUsed { .. }
            | AccessFact::UserCarried { .. }
            | AccessFact::KeyCarried { .. } => {}
        }
        Arc::make_mut(&mut self.access).follow(fact, at);
    }
}

impl Access {
    fn follow(&mut self, fact: &AccessFact, at: Timestamp) {
        match fact {
            AccessFact::UserAdded { user, role } => {
                self.restore_user(Arc::clone(user), User { role: *role, created_at: at });
            }
            AccessFact::RoleChanged { user, role } => {
                if let Some(known) = self.users.get_mut(user) {
                    known.role = *role;
                }
            }
            AccessFact::UserRemoved { user } => {
                self.users.remove(user);
                let theirs = self.keys.values().filter(|key| key.owner == *user);
                for digest in theirs.map(|key| key.digest).collect::<Vec<_>>() {
                    self.by_digest.remove(&digest);
                }
                self.keys.retain(|_, key| key.owner != *user);
            }
            AccessFact::KeyCreated { id, key } => {
                self.restore_key(*id, Key::clone(key));
                self.forget_one();
            }
            AccessFact::KeyRevoked { id } => {
                if let Some(key) = self.keys.get_mut(id) {
                    key.revoked_at = Some(at);
                }
            }
            AccessFact::KeysUsed { uses } => {
                for (id, used_at) in uses {
                    if let Some(key) = self.keys.get_mut(id) {
                        key.used_at = key.used_at.max(Some(*used_at));
                    }
                }
            }
            AccessFact::UserCarried { user, known } => self.restore_user(Arc::clone(user), *known),
            AccessFact::KeyCarried { id, key } => self.restore_key(*id, Key::clone(key)),
            AccessFact::Acted { .. } => {}
        }
    }

    /// Where there are too many keys, the oldest of the revoked ones goes.
    fn forget_one(&mut self) {
        if self.keys.len() > KEYS_MAX {
            let revoked = |(_, key): &(&KeyId, &Key)| key.revoked_at.is_some();
            let oldest = self.keys.iter().find(revoked).map(|(id, key)| (*id, key.digest));
            if let Some((id, digest)) = oldest {
                self.keys.remove(&id);
                self.by_digest.remove(&digest);
            }
        }
    }
}
