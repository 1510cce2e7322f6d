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
        AccessOrder::ChangeRole { user, role } => change_role(access, user, *role)?,
        AccessOrder::RemoveUser { user } => {
            known_user(access, user)?;
            keep_an_admin(access, user)?;
            vec![AccessFact::UserRemoved { user: Arc::clone(user) }]
        }
        AccessOrder::CreateKey { id, key } => vec![create_key(access, inputs, *id, key)?],
        AccessOrder::RevokeKey { id } => revoke(access, *id)?,
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
    if let Some((known, key)) = access.admin_key(inputs.now) {
        let message = format!(
            "{} has an admin key already ({}, {known}); make others with it: `gleitzeit auth key create`",
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

fn change_role(access: &Access, user: &Arc<str>, role: Role) -> Result<Vec<AccessFact>, Rejection> {
    if known_user(access, user)? == role {
        return Ok(Vec::new());
    }
    keep_an_admin(access, user)?;
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

fn revoke(access: &Access, id: KeyId) -> Result<Vec<AccessFact>, Rejection> {
    let key = access
        .keys
        .get(&id)
        .ok_or_else(|| Rejection::new(errors::ACCESS_SUBJECT_NOT_FOUND, format!("there is no key {id}")))?;
    // The same again.
    let fresh = key.revoked_at.is_none();
    Ok(fresh.then_some(AccessFact::KeyRevoked { id }).into_iter().collect())
}

fn known_user(access: &Access, user: &Arc<str>) -> Result<Role, Rejection> {
    let known = access.users.get(user).map(|known| known.role);
    known.ok_or_else(|| Rejection::new(errors::ACCESS_SUBJECT_NOT_FOUND, format!("there is no user {user}")))
}

/// Without an admin nobody could ever change anything again.
fn keep_an_admin(access: &Access, leaving: &Arc<str>) -> Result<(), Rejection> {
    let mut admins = access.admins();
    match (admins.next(), admins.next()) {
        (Some(only), None) if only == leaving => {
            Err(conflict(format!("{leaving} is the only admin; make another user an admin first")))
        }
        (_, _) => Ok(()),
    }
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
mod tests {
    use super::*;
    use crate::core::errors::{
        ACCESS_CONFLICT, ACCESS_SUBJECT_NOT_FOUND, INVALID_ARGUMENT, REQUIRED_FIELD_MISSING,
    };
    use crate::core::event::Record;
    use crate::core::ids::Timestamp;
    use crate::core::rejection::Rejection;

    /// A state, and what becomes of orders in it.
    #[derive(Default)]
    struct Office {
        state: State,
    }

    impl Office {
        fn order(&mut self, order: &AccessOrder) -> Result<usize, Rejection> {
            let inputs = Inputs { now: Timestamp(1_000), ..Inputs::default() };
            let decision = decide(&self.state, &inputs, &Actor::without_key(Actor::LOCAL), order)?;
            let count = decision.events.len();
            for event in decision.events {
                self.state.apply(&Record { at: inputs.now, event });
            }
            crate::core::invariants::check(&self.state).unwrap();
            Ok(count)
        }

        fn refused(&mut self, order: &AccessOrder, code: errors::Code) {
            assert_eq!(self.order(order).unwrap_err().code, code, "{order:?}");
        }
    }

    fn begin(id: u128) -> AccessOrder {
        AccessOrder::Begin { user: "root".into(), id: KeyId(id), digest: KeyDigest::of("first") }
    }

    fn key(id: u128, owner: &str, role: Role, services: &[&str]) -> AccessOrder {
        let scope = Scope {
            services: services.iter().map(|name| Arc::from(*name)).collect(),
            capabilities: [].into(),
        };
        let key = NewKey {
            digest: KeyDigest::of(&id.to_string()),
            owner: owner.into(),
            name: "k".into(),
            role,
            scope: (!services.is_empty()).then(|| Arc::new(scope)),
            lasts_ms: None,
        };
        AccessOrder::CreateKey { id: KeyId(id), key }
    }

    fn user(name: &str, role: Role) -> AccessOrder {
        AccessOrder::AddUser { user: name.into(), role }
    }

    #[test]
    fn the_first_key_is_made_once_and_again_when_it_is_lost() {
        let mut office = Office::default();
        assert_eq!(office.order(&begin(1)).unwrap(), 2);
        office.refused(&begin(2), ACCESS_CONFLICT);
        assert_eq!(office.order(&AccessOrder::RevokeKey { id: KeyId(1) }).unwrap(), 1);
        assert_eq!(office.order(&AccessOrder::RevokeKey { id: KeyId(1) }).unwrap(), 0, "the same again");
        let again = AccessOrder::Begin { user: "root".into(), id: KeyId(2), digest: KeyDigest::of("second") };
        assert_eq!(office.order(&again).unwrap(), 1);
    }

    #[test]
    fn there_is_always_an_admin() {
        let mut office = Office::default();
        office.order(&begin(1)).unwrap();
        let lower = AccessOrder::ChangeRole { user: "root".into(), role: Role::User };
        office.refused(&lower, ACCESS_CONFLICT);
        office.refused(&AccessOrder::RemoveUser { user: "root".into() }, ACCESS_CONFLICT);
        office.order(&user("anna", Role::Admin)).unwrap();
        office.order(&AccessOrder::RemoveUser { user: "root".into() }).unwrap();
        assert!(office.state.access.keys.is_empty(), "the keys of a user go along");
    }

    #[test]
    fn keys_fit_their_owners() {
        let mut office = Office::default();
        office.order(&begin(1)).unwrap();
        office.order(&user("ops", Role::Operator)).unwrap();
        office.refused(&user("ops", Role::User), ACCESS_CONFLICT);
        for name in ["", "Anna", "token", "local", "a b", &"x".repeat(200)] {
            office.refused(&user(name, Role::User), INVALID_ARGUMENT);
        }
        office.refused(&key(2, "ops", Role::Admin, &[]), INVALID_ARGUMENT);
        office.refused(&key(2, "ops", Role::User, &["echo"]), INVALID_ARGUMENT);
        office.refused(&key(2, "ops", Role::Service, &[]), REQUIRED_FIELD_MISSING);
        office.refused(&key(2, "nobody", Role::User, &[]), ACCESS_SUBJECT_NOT_FOUND);
        office.refused(&AccessOrder::RevokeKey { id: KeyId(9) }, ACCESS_SUBJECT_NOT_FOUND);
        office.order(&key(2, "ops", Role::Service, &["echo"])).unwrap();
        office.refused(&key(2, "ops", Role::Service, &["echo"]), ACCESS_CONFLICT);
    }

    #[test]
    fn there_is_a_limit_to_users() {
        let mut office = Office::default();
        office.order(&begin(1)).unwrap();
        for count in 1..USERS_MAX {
            office.order(&user(&format!("u{count}"), Role::User)).unwrap();
        }
        office.refused(&user("one-more", Role::User), ACCESS_CONFLICT);
    }
}
