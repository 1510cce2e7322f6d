//! What people ask of users and keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;

use super::words;
use crate::core::access::{KeyDigest, NewKey, Role, Scope};
use crate::core::errors::INVALID_ARGUMENT;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;

/// A hundred years: what is meant to last longer lasts for ever.
const LASTS_SECONDS_MAX: u64 = 100 * 365 * 24 * 3_600;

/// `POST /users`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    pub name: String,
    #[schema(schema_with = words::role)]
    role: String,
}

/// `PATCH /users/{name}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleRequest {
    #[schema(schema_with = words::role)]
    role: String,
}

/// `POST /keys`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// Whose key it is to be.
    user: String,
    /// What it is for.
    name: String,
    #[schema(schema_with = words::role)]
    role: String,
    /// Services that a key of the role `service` is bound to.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    services: BTreeSet<Arc<str>>,
    /// What these may offer; without any: anything.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    capabilities: BTreeSet<Arc<str>>,
    /// For ever, where it is not said.
    expires_in_seconds: Option<u64>,
}

impl UserRequest {
    /// # Errors
    /// When there is no such role.
    pub fn role(&self) -> Result<Role, Rejection> {
        role(&self.role)
    }
}

impl RoleRequest {
    /// # Errors
    /// When there is no such role.
    pub fn role(&self) -> Result<Role, Rejection> {
        role(&self.role)
    }
}

impl KeyRequest {
    /// # Errors
    /// What is wrong with which member.
    pub fn key(self, digest: KeyDigest) -> Result<NewKey, Rejection> {
        let lasts = self.expires_in_seconds;
        if lasts.is_some_and(|seconds| seconds == 0 || seconds > LASTS_SECONDS_MAX) {
            return Err(invalid(format!("`expires_in_seconds` may be 1 to {LASTS_SECONDS_MAX}")));
        }
        let bound = !(self.services.is_empty() && self.capabilities.is_empty());
        let scope = Scope { services: self.services, capabilities: self.capabilities };
        Ok(NewKey {
            digest,
            owner: Arc::from(self.user),
            name: Arc::from(self.name),
            role: role(&self.role)?,
            scope: bound.then(|| Arc::new(scope)),
            lasts_ms: lasts.map(|seconds| seconds * 1_000),
        })
    }
}

fn role(text: &str) -> Result<Role, Rejection> {
    Role::parse(text).ok_or_else(|| {
        let near = suggestion(text, Role::ALL.map(Role::name));
        let known = Role::ALL.map(Role::name).join(", ");
        invalid(format!("`{text}` is no role{near}; there are {known}"))
    })
}

fn invalid(message: impl Into<String>) -> Rejection {
    Rejection::new(INVALID_ARGUMENT, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(body: &str) -> Result<NewKey, Rejection> {
        let request: KeyRequest = serde_json::from_str(body).expect("the body has the form");
        request.key(KeyDigest::of("secret"))
    }

    #[test]
    fn a_key_has_a_known_role_and_a_time_that_makes_sense() {
        let made = key(r#"{"user": "a", "name": "n", "role": "user", "expires_in_seconds": 60}"#).unwrap();
        assert_eq!((made.role, made.lasts_ms, made.scope), (Role::User, Some(60_000), None));
        let bound = key(r#"{"user": "a", "name": "n", "role": "service", "services": ["s", "s"]}"#).unwrap();
        assert_eq!(bound.scope.map(|scope| scope.services.len()), Some(1));
        for wrong in [
            r#"{"user": "a", "name": "n", "role": "oprator"}"#,
            r#"{"user": "a", "name": "n", "role": "user", "expires_in_seconds": 0}"#,
            r#"{"user": "a", "name": "n", "role": "user", "expires_in_seconds": 18446744073709551615}"#,
        ] {
            assert_eq!(key(wrong).unwrap_err().code, INVALID_ARGUMENT, "{wrong}");
        }
        let message = key(r#"{"user": "a", "name": "n", "role": "oprator"}"#).unwrap_err().message;
        assert!(message.contains("did you mean `operator`"), "{message}");
    }
}
