//! Users and keys: what is refused, and what becomes of orders.

use super::*;
use crate::core::errors::{
    ACCESS_CONFLICT, ACCESS_SUBJECT_NOT_FOUND, INVALID_ARGUMENT, LAST_ADMIN, REQUIRED_FIELD_MISSING,
};
use crate::core::event::Record;
use crate::core::ids::Timestamp;
use crate::core::rejection::Rejection;

/// A state, and what becomes of orders in it.
#[derive(Default)]
struct Office {
    state: State,
    now: u64,
}

impl Office {
    fn order(&mut self, order: &AccessOrder) -> Result<usize, Rejection> {
        let inputs = Inputs { now: Timestamp(self.now), ..Inputs::default() };
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

fn revoke(id: u128) -> AccessOrder {
    AccessOrder::RevokeKey { id: KeyId(id) }
}

/// An admin key that expires.
fn lasting(id: u128, owner: &str, ms: u64) -> AccessOrder {
    let mut order = key(id, owner, Role::Admin, &[]);
    if let AccessOrder::CreateKey { key, .. } = &mut order {
        key.lasts_ms = Some(ms);
    }
    order
}

fn key(id: u128, owner: &str, role: Role, services: &[&str]) -> AccessOrder {
    let scope =
        Scope { services: services.iter().map(|name| Arc::from(*name)).collect(), capabilities: [].into() };
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
    office.order(&lasting(2, "root", 10)).unwrap();
    assert_eq!(office.order(&revoke(1)).unwrap(), 1);
    assert_eq!(office.order(&revoke(1)).unwrap(), 0, "the same again");
    office.refused(&begin(3), ACCESS_CONFLICT);
    office.now += 10;
    let again = AccessOrder::Begin { user: "root".into(), id: KeyId(3), digest: KeyDigest::of("another") };
    assert_eq!(office.order(&again).unwrap(), 1);
}

#[test]
fn there_is_always_an_admin_key() {
    let mut office = Office::default();
    office.order(&begin(1)).unwrap();
    office.refused(&revoke(1), LAST_ADMIN);
    office.order(&user("anna", Role::Admin)).unwrap();
    office.order(&key(2, "anna", Role::Operator, &[])).unwrap();
    let lower = AccessOrder::ChangeRole { user: "root".into(), role: Role::User };
    let remove = AccessOrder::RemoveUser { user: "root".into() };
    for order in [&revoke(1), &lower, &remove] {
        office.refused(order, LAST_ADMIN);
    }
    office.order(&revoke(2)).unwrap();
    office.order(&lasting(3, "anna", 10)).unwrap();
    office.now += 10;
    office.refused(&revoke(1), LAST_ADMIN);
    office.order(&revoke(3)).unwrap();
    office.order(&lasting(4, "anna", 10)).unwrap();
    office.order(&lower).unwrap();
    office.refused(&revoke(4), LAST_ADMIN);
    office.order(&AccessOrder::ChangeRole { user: "root".into(), role: Role::Admin }).unwrap();
    office.order(&AccessOrder::RemoveUser { user: "anna".into() }).unwrap();
    office.refused(&remove, LAST_ADMIN);
}

#[test]
fn there_is_always_an_admin() {
    let mut office = Office::default();
    office.order(&begin(1)).unwrap();
    let lower = AccessOrder::ChangeRole { user: "root".into(), role: Role::User };
    office.refused(&lower, LAST_ADMIN);
    office.refused(&AccessOrder::RemoveUser { user: "root".into() }, LAST_ADMIN);
    office.order(&user("anna", Role::Admin)).unwrap();
    office.order(&key(2, "anna", Role::Admin, &[])).unwrap();
    office.order(&AccessOrder::RemoveUser { user: "root".into() }).unwrap();
    let left: Vec<KeyId> = office.state.access.keys.keys().copied().collect();
    assert_eq!(left, [KeyId(2)], "the keys of a user go along");
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
    office.refused(&revoke(9), ACCESS_SUBJECT_NOT_FOUND);
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
