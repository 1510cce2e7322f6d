//! What somebody wants of users and keys.

use std::sync::Arc;

use super::{KeyDigest, Role, Scope};
use crate::core::ids::{KeyId, Timestamp};

#[derive(Debug, Clone)]
pub enum AccessOrder {
    /// The first admin, with a key: only where nobody has an admin's key.
    Begin {
        user: Arc<str>,
        id: KeyId,
        digest: KeyDigest,
    },
    AddUser {
        user: Arc<str>,
        role: Role,
    },
    ChangeRole {
        user: Arc<str>,
        role: Role,
    },
    RemoveUser {
        user: Arc<str>,
    },
    CreateKey {
        id: KeyId,
        key: NewKey,
    },
    RevokeKey {
        id: KeyId,
    },
    /// When keys were last shown.
    NoteUses {
        uses: Vec<(KeyId, Timestamp)>,
    },
    /// Something is about to be done that leaves no other record.
    NoteAct {
        what: Arc<str>,
    },
}

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub digest: KeyDigest,
    pub owner: Arc<str>,
    pub name: Arc<str>,
    pub role: Role,
    pub scope: Option<Arc<Scope>>,
    /// For ever, where it is not said.
    pub lasts_ms: Option<u64>,
}
