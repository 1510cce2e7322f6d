//! The words that members may hold, for the description of the interface: from where the program has them.

use std::borrow::Cow;

use serde_json::Value;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{KnownFormat, Object, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::core::access::Role;
use crate::core::spec::Priority;
use crate::core::state::{StatusKind, WorkflowStatus};
use crate::core::subscription::EndKind;
use crate::protocol::task_types;
use crate::protocol::time::Rfc3339;

pub fn role() -> Object {
    one_of(Role::ALL.map(Role::name))
}

pub fn key_status() -> Object {
    one_of(["active", "expired", "revoked"])
}

pub fn workflow_status() -> Object {
    one_of(WorkflowStatus::ALL.map(WorkflowStatus::name))
}

pub fn task_status() -> Object {
    one_of(StatusKind::ALL.map(StatusKind::name))
}

pub fn priority() -> Object {
    one_of(Priority::ALL.map(Priority::name))
}

pub fn end_kind() -> Object {
    one_of(EndKind::ALL.map(EndKind::name))
}

/// With the names that earlier systems had for them.
pub fn task_type() -> Object {
    one_of(task_types::names())
}

pub fn error_strategy() -> Object {
    one_of(["stop", "continue", "skip", "retry"])
}

pub fn retry_strategy() -> Object {
    one_of(["fixed", "linear", "exponential"])
}

pub fn node_type() -> Object {
    one_of(["external_service", "executor", "built_in"])
}

pub fn breaker() -> Object {
    one_of(["closed", "open", "half_open"])
}

/// How a service has left, where that is known.
pub fn left() -> Object {
    let words = ["clean", "drained", "lost", "refused", "unreadable"].map(Value::from);
    let either = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(either).enum_values(Some(words.into_iter().chain([Value::Null]))).build()
}

pub fn webhook_status() -> Object {
    one_of(["enabled", "paused", "disabled"])
}

pub fn delivery_status() -> Object {
    one_of(["delivered", "retrying", "given_up"])
}

pub fn callback_status() -> Object {
    one_of(["completed", "failed", "progress"])
}

pub fn health() -> Object {
    one_of(["healthy", "degraded", "unhealthy"])
}

fn one_of(words: impl IntoIterator<Item = &'static str>) -> Object {
    let words: Vec<Value> = words.into_iter().map(Value::from).collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

impl PartialSchema for Rfc3339 {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, in UTC with milliseconds."))
            .into()
    }
}

impl ToSchema for Rfc3339 {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Time")
    }
}
