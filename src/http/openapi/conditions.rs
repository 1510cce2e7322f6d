//! The conditions of lists and filters.

use serde_json::Value;
use utoipa::openapi::{ObjectBuilder, Schema, Type};

use super::document::text_object;

pub type Condition = (&'static str, Schema, &'static str);

const METADATA: &str = "A member of the metadata has this value: a text as it is, a number, `true`, `false` or `null` as \
                        JSON. Written as `metadata.KEY=VALUE`, here `metadata.team=billing`.";

/// What `GET /workflows` can be asked for.
pub fn of_workflows() -> Vec<Condition> {
    let mut conditions = vec![(
        "status",
        text_object().examples(["failed,cancelled"]).into(),
        "One of `pending`, `running`, `paused`, `completed`, `failed`, `cancelled`, or several with commas.",
    )];
    conditions.extend(of_names(
        "text",
        "The beginnings of words of the name, in any order, without regard to case.",
    ));
    conditions
}

/// What `GET /dead-letters` can be asked for.
pub fn of_letters() -> Vec<Condition> {
    let mut conditions = vec![
        (
            "code",
            text_object().examples(["GZ2002"]).into(),
            "The code of the failure, or several with commas.",
        ),
        (
            "service",
            text_object().into(),
            "The one the task asked for, or the service or node that ran it last.",
        ),
        ("failed_after", time(), "RFC 3339 or milliseconds since 1970."),
        ("failed_before", time(), "RFC 3339 or milliseconds since 1970."),
        ("status", text_object().into(), "Of the workflow; one, or several with commas."),
    ];
    conditions.extend(of_names("text", "A part of the message or of the task's name."));
    conditions
}

fn of_names(text: &'static str, meaning: &'static str) -> Vec<Condition> {
    vec![
        (text, text_object().into(), meaning),
        ("name", text_object().into(), "A part of the workflow's name, without regard to case."),
        (
            "tag",
            text_object().into(),
            "The workflow has this tag; repeat it for several, all of which it must have.",
        ),
        ("metadata.team", text_object().into(), METADATA),
        ("created_after", time(), "RFC 3339 or milliseconds since 1970."),
        ("created_before", time(), "RFC 3339 or milliseconds since 1970."),
    ]
}

/// Where a list goes on, and how much of it is wanted.
pub fn page(limit: u64, limit_max: u64) -> [Condition; 2] {
    let size = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(limit_max))
        .default(Some(Value::from(limit)));
    [
        ("cursor", text_object().into(), "The `next_cursor` of the page before."),
        ("limit", size.into(), "Items of this page at most."),
    ]
}

pub fn number(minimum: u64) -> Schema {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(minimum)).into()
}

pub fn words<const N: usize>(words: [&str; N]) -> Schema {
    text_object().enum_values(Some(words)).into()
}

fn time() -> Schema {
    text_object().examples(["2026-11-01T00:00:00Z"]).into()
}
