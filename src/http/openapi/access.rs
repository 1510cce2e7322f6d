//! Users, keys, and who asks.

use serde_json::{Value, json};
use utoipa::openapi::Required;

use super::document::{Document, Tag};
use super::examples::{self, BEGAN, ENDED};
use crate::core::errors::{
    ACCESS_CONFLICT, ACCESS_SUBJECT_NOT_FOUND, DISK_SPACE_FULL, LAST_ADMIN, REQUIRED_FIELD_MISSING,
};
use crate::protocol::rest::{
    Done, KeyMade, KeyRequest, KeyView, RoleRequest, UserRequest, UserView, WhoamiView,
};

const KEY: &str = "019ac000-7a10-7b44-8c55-90d1e2f3a4b5";

pub fn whoami() -> Document {
    let example = json!({"user": "anna", "role": "operator", "guarded": true, "key": key()});
    Document::new(Tag::Access, "whoami", "Read whose key is shown")
        .describe("`local` is whoever asks a server that asks nobody for a key; `token` holds the token of its configuration.")
        .answers::<WhoamiView>(200, "Who asks, and with which key.", example)
        .without_engine()
}

pub fn users() -> Document {
    Document::new(Tag::Access, "list_users", "List users")
        .lists::<UserView>("All of them, by name.", &user())
        .without_engine()
}

pub fn add_user() -> Document {
    Document::new(Tag::Access, "add_user", "Add a user")
        .describe("It can do nothing before it has a key.")
        .takes::<UserRequest>(
            Required::True,
            &[("operator", "Somebody who runs the server", json!({"name": "anna", "role": "operator"}))],
        )
        .answers::<UserView>(201, "It is stored.", user())
        .refuses([ACCESS_CONFLICT, DISK_SPACE_FULL])
}

pub fn change_role() -> Document {
    of_user("change_role", "Give a user another role")
        .describe("Keys that reached further reach only as far as it does now.")
        .takes::<RoleRequest>(Required::True, &[("less", "One who only looks", json!({"role": "readonly"}))])
        .answers::<UserView>(200, "As it is now.", user())
        .refuses([ACCESS_CONFLICT, DISK_SPACE_FULL])
}

pub fn remove_user() -> Document {
    of_user("remove_user", "Remove a user")
        .describe("With all keys, which end what is open with them.")
        .answers::<Done>(200, "It is gone.", json!({"id": "anna", "status": "removed", "seq": 42}))
        .refuses([ACCESS_CONFLICT, DISK_SPACE_FULL])
}

pub fn keys() -> Document {
    Document::new(Tag::Access, "list_keys", "List keys")
        .lists::<KeyView>("All of them by the millisecond of their creation, revoked ones too.", &key())
        .without_engine()
}

pub fn create_key() -> Document {
    let user = json!({"user": "anna", "name": "laptop", "role": "user", "expires_in_seconds": 7_776_000});
    let service = json!({
        "user": "anna", "name": "ML box", "role": "service", "services": ["ML Service"],
        "capabilities": ["ml_training"],
    });
    let made = examples::with(
        key(),
        json!({"secret": "gzt_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "seq": 42}),
    );
    Document::new(Tag::Access, "create_key", "Make a key")
        .describe("Its `secret` is told in this answer and in no other.")
        .takes::<KeyRequest>(
            Required::True,
            &[("user", "For a person", user), ("service", "For a service, and for nothing else", service)],
        )
        .answers::<KeyMade>(201, "It is stored.", made)
        .refuses([ACCESS_CONFLICT, ACCESS_SUBJECT_NOT_FOUND, DISK_SPACE_FULL, REQUIRED_FIELD_MISSING])
}

pub fn revoke_key() -> Document {
    Document::new(Tag::Access, "revoke_key", "Revoke a key")
        .path("id", "The id of the key.", KEY)
        .describe("It counts no longer, and what is open with it ends.")
        .answers::<Done>(200, "It is revoked.", json!({"id": KEY, "status": "revoked", "seq": 42}))
        .refuses([ACCESS_CONFLICT, ACCESS_SUBJECT_NOT_FOUND, DISK_SPACE_FULL, LAST_ADMIN])
}

fn of_user(id: &'static str, summary: &'static str) -> Document {
    Document::new(Tag::Access, id, summary)
        .path("name", "The name of the user.", "anna")
        .refuses([ACCESS_SUBJECT_NOT_FOUND])
}

fn user() -> Value {
    json!({"name": "anna", "role": "operator", "created_at": BEGAN, "keys": 2})
}

fn key() -> Value {
    json!({
        "id": KEY, "name": "laptop", "user": "anna", "role": "user", "services": [], "capabilities": [],
        "status": "active", "created_at": BEGAN, "expires_at": null, "revoked_at": null, "last_used_at": ENDED,
    })
}
