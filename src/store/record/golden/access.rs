//! One sample of everything that can happen to users and keys.

use std::sync::Arc;

use super::{AT, LATER};
use crate::core::access::{AccessFact, Actor, Key, KeyDigest, Role, Scope, User};
use crate::core::event::Event;
use crate::core::ids::KeyId;

fn key() -> Key {
    Key {
        digest: KeyDigest([9; 32]),
        owner: Arc::from("o"),
        name: Arc::from("k"),
        role: Role::Service,
        scope: Some(Arc::new(Scope {
            services: [Arc::from("s")].into(),
            capabilities: [Arc::from("c")].into(),
        })),
        created_at: AT,
        expires_at: Some(LATER),
        revoked_at: None,
        used_at: Some(LATER),
    }
}

pub fn samples() -> Vec<Event> {
    let (user, id) = (Arc::<str>::from("u"), KeyId(7));
    let added = Role::ALL.map(|role| AccessFact::UserAdded { user: Arc::clone(&user), role });
    let others = [
        AccessFact::RoleChanged { user: Arc::clone(&user), role: Role::User },
        AccessFact::UserRemoved { user: Arc::clone(&user) },
        AccessFact::KeyCreated { id, key: Box::new(key()) },
        AccessFact::KeyRevoked { id },
        AccessFact::KeysUsed { uses: vec![(id, LATER)] },
        AccessFact::Acted { what: Arc::from("POST /x") },
        AccessFact::UserCarried { user, known: User { role: Role::Admin, created_at: AT } },
        AccessFact::KeyCarried { id, key: Box::new(Key { scope: None, expires_at: None, ..key() }) },
    ];
    let by = Actor { user: Arc::from("a"), key: Some(KeyId(8)) };
    added.into_iter().chain(others).map(|fact| Event::Access { by: by.clone(), fact }).collect()
}
