//! Users and keys as REST shows them.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::words;
use crate::core::access::{AccessFact, Actor, Key, Principal, Scope, Times, User};
use crate::core::ids::{KeyId, Timestamp};
use crate::protocol::time::Rfc3339;

#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    pub name: String,
    #[schema(schema_with = words::role)]
    pub role: &'static str,
    pub created_at: Rfc3339,
    /// Keys that have not been revoked.
    pub keys: usize,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    pub id: String,
    pub name: String,
    pub user: String,
    #[schema(schema_with = words::role)]
    pub role: &'static str,
    /// Services that it is bound to; only keys of the role `service` are.
    pub services: Vec<String>,
    /// What these may offer; none: anything.
    pub capabilities: Vec<String>,
    /// `active`, `expired` or `revoked`.
    #[schema(schema_with = words::key_status)]
    pub status: &'static str,
    pub created_at: Rfc3339,
    pub expires_at: Option<Rfc3339>,
    pub revoked_at: Option<Rfc3339>,
    pub last_used_at: Option<Rfc3339>,
}

/// A key that has just been made.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyMade {
    #[serde(flatten)]
    pub key: KeyView,
    /// In this answer and in no other.
    pub secret: String,
    /// Position of the log at which this is true.
    pub seq: u64,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhoamiView {
    /// `local` where nobody has to show a key, `token` for the token of the configuration.
    pub user: String,
    #[schema(schema_with = words::role)]
    pub role: &'static str,
    /// Whether the server asks for keys.
    pub guarded: bool,
    pub key: Option<KeyView>,
}

impl UserView {
    pub fn of(name: &str, user: User, keys: usize) -> Self {
        Self { name: name.to_owned(), role: user.role.name(), created_at: Rfc3339(user.created_at), keys }
    }
}

impl KeyView {
    pub fn of(id: KeyId, key: &Key, used_at: Option<Timestamp>, now: Times) -> Self {
        let names = |of: fn(&Scope) -> &std::collections::BTreeSet<std::sync::Arc<str>>| {
            let scope = key.scope.as_deref();
            scope.map(|scope| of(scope).iter().map(ToString::to_string).collect()).unwrap_or_default()
        };
        let status = match key.revoked_at {
            Some(_) => "revoked",
            None if key.has_expired(now) => "expired",
            None => "active",
        };
        Self {
            id: id.to_string(),
            name: key.name.to_string(),
            user: key.owner.to_string(),
            role: key.role.name(),
            services: names(|scope| &scope.services),
            capabilities: names(|scope| &scope.capabilities),
            status,
            created_at: Rfc3339(key.created_at),
            expires_at: key.expires_at.map(Rfc3339),
            revoked_at: key.revoked_at.map(Rfc3339),
            last_used_at: used_at.map(Rfc3339),
        }
    }
}

impl WhoamiView {
    pub fn of(principal: &Principal, guarded: bool, key: Option<KeyView>) -> Self {
        Self { user: principal.actor.user.to_string(), role: principal.role.name(), guarded, key }
    }
}

/// The event of the log, as REST and the event stream show it.
pub(super) fn told(by: &Actor, fact: &AccessFact) -> (&'static str, Value) {
    let (kind, mut facts) = match fact {
        AccessFact::UserAdded { user, role } => ("user_added", json!({"user": &**user, "role": role.name()})),
        AccessFact::RoleChanged { user, role } => {
            ("user_role_changed", json!({"user": &**user, "role": role.name()}))
        }
        AccessFact::UserRemoved { user } => ("user_removed", json!({"user": &**user})),
        AccessFact::KeyCreated { id, key } => ("key_created", key_facts(*id, key)),
        AccessFact::KeyRevoked { id } => ("key_revoked", json!({"key": id.to_string()})),
        AccessFact::KeysUsed { uses } => ("keys_used", json!({"keys": uses.len()})),
        AccessFact::Acted { what } => ("acted", json!({"what": &**what})),
        AccessFact::UserCarried { user, .. } => ("user_carried", json!({"user": &**user})),
        AccessFact::KeyCarried { id, .. } => ("key_carried", json!({"key": id.to_string()})),
    };
    if let Some(facts) = facts.as_object_mut() {
        facts.insert("by".to_owned(), Value::from(&*by.user));
        facts.extend(by.key.map(|key| ("by_key".to_owned(), Value::from(key.to_string()))));
    }
    (kind, facts)
}

fn key_facts(id: KeyId, key: &Key) -> Value {
    json!({
        "key": id.to_string(), "name": &*key.name, "user": &*key.owner, "role": key.role.name(),
        "expires_at": key.expires_at.map(|end| Rfc3339(end).to_string()),
    })
}
