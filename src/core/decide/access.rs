//! What people want of users and keys. Whoever asks has been let in already; here it is seen that it fits together.

use std::sync::Arc;

use super::{Decision, Inputs};
use crate::core::access::{
    ACCESS_NAME_BYTES_MAX, Access, AccessFact, AccessOrder, Actor, KEYS_MAX, Key, KeyDigest, NewKey, Role,
    SCOPE_MAX, Scope, USERS_MAX,
};
use crate::core::effect::Effect;
use crate::core::errors;
use crate::core::event::Event;
use crate::core::ids::KeyId;
use crate::core::rejection::Rejection;
use crate::core::state::State;

/// What the first admin key is called.
const FIRST_KEY: &str = "first admin key";

pub(super) fn decide(
    state: &State,
    inputs: &Inputs,
    by: &Actor,
    order: &AccessOrder,
) -> Result<Decision, Rejection> {
    let access = &*state.access;
    let facts = match order {
        AccessOrder::Begin { user, id, digest } => begin(access, inputs, user, *id, *digest)?,
        AccessOrder::AddUser { user, role } => vec![add_user(access, user, *role)?],
        AccessOrder::ChangeRole { user, role } => change_role(access, inputs, user, *role)?,
        AccessOrder::RemoveUser { user } => {
            known_user(access, user)?;
            keep_an_admin(access, inputs, user)?;
            vec![AccessFact::UserRemoved { user: Arc::clone(user) }]
        }
        AccessOrder::CreateKey { id, key } => vec![create_key(access, inputs, *id, key)?],
        AccessOrder::RevokeKey { id } => revoke(access, inputs, *id)?,
        AccessOrder::NoteUses { uses } => {
            let known = uses.iter().filter(|(id, _)| access.keys.contains_key(id)).copied().collect();
            vec![AccessFact::KeysUsed { uses: known }]
        }
        AccessOrder::NoteAct { what } => vec![AccessFact::Acted { what: Arc::clone(what) }],
    };
    let changes = facts.iter().any(|fact| !matches!(fact, AccessFact::Acted { .. }));
    let effects = if changes { vec![Effect::PublishAccess] } else { Vec::new() };
    let events = facts.into_iter().map(|fact| Event::Access { by: by.clone(), fact }).collect();
    Ok(Decision { effects, ..Decision::events(events) })
}

/// Everything that is known of users and keys, so that the log before it can be released.
pub(super) fn carried(state: &State) -> impl Iterator<Item = Event> {
    let users = state
        .access
        .users
        .iter()
        .map(|(user, known)| AccessFact::UserCarried { user: Arc::clone(user), known: *known });
    let keys = state
        .access
        .keys
        .iter()
        .map(|(id, key)| AccessFact::KeyCarried { id: *id, key: Box::new(key.clone()) });
    users.chain(keys).map(|fact| Event::Access { by: Actor::without_key(Actor::LOCAL), fact })
}

fn begin(
    access: &Access,
    inputs: &Inputs,
    user: &Arc<str>,
    id: KeyId,
    digest: KeyDigest,
) -> Result<Vec<AccessFact>, Rejection> {
    if let Some((known, key)) = access.admin_keys(inputs.now).next() {
        let message = format!(
            "{} has an admin key already ({}, {known}); make others with it: `gleitzeit auth key create`. Where it is \
             lost, start the server once with a token, `GLEITZEIT_TOKEN`, and make another key with that",
            key.owner, key.name
        );
        return Err(conflict(message));
    }
    let admin = match access.users.get(user).map(|known| known.role) {
        Some(Role::Admin) => None,
        Some(Role::Readonly | Role::User | Role::Service | Role::Operator) => {
            Some(AccessFact::RoleChanged { user: Arc::clone(user), role: Role::Admin })
        }
        None => Some(add_user(access, user, Role::Admin)?),
    };
    let key = Key {
        digest,
        owner: Arc::clone(user),
        name: Arc::from(FIRST_KEY),
        role: Role::Admin,
        scope: None,
        created_at: inputs.now,
        expires_at: None,
        revoked_at: None,
        used_at: None,
    };
    Ok(admin.into_iter().chain([AccessFact::KeyCreated { id, key: Box::new(key) }]).collect())
}

fn add_user(access: &Access, user: &Arc<str>, role: Role) -> Result<AccessFact, Rejection> {
    check_user_name(user)?;
    if let Some(known) = access.users.get(user) {
        return Err(conflict(format!("there is a user {user} already, with the role {}", known.role.name())));
    }
    if access.users.len() >= USERS_MAX {
        return Err(conflict(format!("there are {USERS_MAX} users, which is the limit")));
    }
    Ok(AccessFact::UserAdded { user: Arc::clone(user), role })
}

fn change_role(
    access: &Access,
    inputs: &Inputs,
    user: &Arc<str>,
    role: Role,
) -> Result<Vec<AccessFact>, Rejection> {
    if known_user(access, user)? == role {
        return Ok(Vec::new());
    }
    keep_an_admin(access, inputs, user)?;
    Ok(vec![AccessFact::RoleChanged { user: Arc::clone(user), role }])
}

fn create_key(access: &Access, inputs: &Inputs, id: KeyId, key: &NewKey) -> Result<AccessFact, Rejection> {
    let owner = known_user(access, &key.owner)?;
    check_name("the name of a key", &key.name)?;
    if !owner.covers(key.role) {
        let message = format!(
            "{} has the role {}, which does not reach as far as a key of the role {}",
            key.owner,
            owner.name(),
            key.role.name()
        );
        return Err(Rejection::new(errors::INVALID_ARGUMENT, message));
    }
    check_scope(key.role, key.scope.as_deref())?;
    let counting = access.keys.values().filter(|known| known.revoked_at.is_none()).count();
    if counting >= KEYS_MAX {
        return Err(conflict(format!("there are {KEYS_MAX} keys, which is the limit; revoke some")));
    }
    if access.keys.contains_key(&id) || access.by_digest.contains_key(&key.digest) {
        return Err(conflict("there is such a key already"));
    }
    let made = Key {
        digest: key.digest,
        owner: Arc::clone(&key.owner),
        name: Arc::clone(&key.name),
        role: key.role,
        scope: key.scope.clone(),
        created_at: inputs.now,
        expires_at: key.lasts_ms.map(|ms| inputs.now.plus(ms)),
        revoked_at: None,
        used_at: None,
    };
    Ok(AccessFact::KeyCreated { id, key: Box::new(made) })
}

fn revoke(access: &Access, inputs: &Inputs, id: KeyId) -> Result<Vec<AccessFact>, Rejection> {
    let key = access
        .keys
        .get(&id)
        .ok_or_else(|| Rejection::new(errors::ACCESS_SUBJECT_NOT_FOUND, format!("there is no key {id}")))?;
    if key.revoked_at.is_some() {
        // The same again.
        return Ok(Vec::new());
    }
    if is_last(access, inputs, |known, _| known == id) {
        let Key { owner, name, .. } = key;
        let message = format!("key {id} ({name}) of {owner} is the last admin key that counts");
        return Err(Rejection::new(errors::LAST_ADMIN, message));
    }
    Ok(vec![AccessFact::KeyRevoked { id }])
}

fn known_user(access: &Access, user: &Arc<str>) -> Result<Role, Rejection> {
    let known = access.users.get(user).map(|known| known.role);
    known.ok_or_else(|| Rejection::new(errors::ACCESS_SUBJECT_NOT_FOUND, format!("there is no user {user}")))
}

/// Without an admin, and a key of one, nobody could ever change anything again.
fn keep_an_admin(access: &Access, inputs: &Inputs, leaving: &Arc<str>) -> Result<(), Rejection> {
    let mut admins = access.admins();
    let message = match (admins.next(), admins.next()) {
        (Some(only), None) if only == leaving => {
            format!("{leaving} is the only admin; make another user an admin first")
        }
        (_, _) if is_last(access, inputs, |_, key| key.owner == *leaving) => {
            format!("no admin but {leaving} has an admin key that counts")
        }
        (_, _) => return Ok(()),
    };
    Err(Rejection::new(errors::LAST_ADMIN, message))
}

/// Whether admin keys count now, all of them among those that leave. One that expires counts until then.
fn is_last(access: &Access, inputs: &Inputs, leaves: impl Fn(KeyId, &Key) -> bool) -> bool {
    let mut keys = access.admin_keys(inputs.now).peekable();
    keys.peek().is_some() && keys.all(|(id, key)| leaves(id, key))
}

/// Whoever reads a list of acts must be able to tell users from each other, and from those who have no key.
fn check_user_name(user: &str) -> Result<(), Rejection> {
    check_name("the name of a user", user)?;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._@-".contains(&byte);
    if !user.bytes().all(is_plain) || [Actor::TOKEN, Actor::LOCAL].contains(&user) {
        let message = format!(
            "`{user}` is no name of a user: it may have small letters, digits and `._@-`, and may be neither \
             `{}` nor `{}`",
            Actor::TOKEN,
            Actor::LOCAL
        );
        return Err(Rejection::new(errors::INVALID_ARGUMENT, message));
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<(), Rejection> {
    let fits = !name.trim().is_empty() && name.len() <= ACCESS_NAME_BYTES_MAX;
    if fits && !name.contains(char::is_control) {
        return Ok(());
    }
    let message = format!("{what} has 1 to {ACCESS_NAME_BYTES_MAX} bytes and no control characters");
    Err(Rejection::new(errors::INVALID_ARGUMENT, message))
}

fn check_scope(role: Role, scope: Option<&Scope>) -> Result<(), Rejection> {
    let scope = match (role, scope) {
        (Role::Service, Some(scope)) if !scope.services.is_empty() => scope,
        (Role::Service, _) => {
            let message = "a key of the role service is bound to services: name at least one in `services`";
            return Err(Rejection::new(errors::REQUIRED_FIELD_MISSING, message));
        }
        (Role::Readonly | Role::User | Role::Operator | Role::Admin, Some(_)) => {
            let message = "only keys of the role service are bound to services and capabilities";
            return Err(Rejection::new(errors::INVALID_ARGUMENT, message));
        }
        (Role::Readonly | Role::User | Role::Operator | Role::Admin, None) => return Ok(()),
    };
    if scope.services.len().max(scope.capabilities.len()) > SCOPE_MAX {
        let message = format!("a key may be bound to {SCOPE_MAX} services and {SCOPE_MAX} capabilities");
        return Err(Rejection::new(errors::INVALID_ARGUMENT, message));
    }
    scope
        .services
        .iter()
        .chain(&scope.capabilities)
        .try_for_each(|name| check_name("what a key is bound to", name))
}

fn conflict(message: impl Into<String>) -> Rejection {
    Rejection::new(errors::ACCESS_CONFLICT, message)
}

#[cfg(test)]
mod tests;
