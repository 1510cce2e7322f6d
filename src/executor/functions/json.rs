//! Functions of JSON values.

use heck::{ToKebabCase as _, ToLowerCamelCase as _, ToSnakeCase as _};
use serde_json::{Map, Value, json};

use super::signature::{DefaultValue, Kind, Parameter};
use super::text::MAX_TEXT_BYTES;
use super::{Bound, CallContext, Example, Function, Outcome, Run};

/// More paths than this are a transformation, not an extract.
const MAX_PATHS: usize = 1_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "validate_json",
        summary: "Reads a text as JSON: {valid: true, data, type, size (bytes)}, or {valid: false, error, line, \
                  column}.",
        signature: &[Parameter::required("json_string", Kind::Text { max_bytes: MAX_TEXT_BYTES })],
        example: Example {
            args: r#"["{\"a\": 1}"]"#,
            result: r#"{"valid": true, "data": {"a": 1}, "type": "object", "size": 8}"#,
        },
        run: Run::Heavy(validate_json),
    },
    Function {
        name: "json_extract",
        summary: "The values at paths such as `user.tags.0`, by path; null where there is nothing.",
        signature: &[
            Parameter::required("data", Kind::Any),
            Parameter::required("field_paths", Kind::Texts { max_items: MAX_PATHS }),
        ],
        example: Example {
            args: r#"[{"user": {"name": "Ada", "tags": ["x", "y"]}}, ["user.name", "user.tags.1", "age"]]"#,
            result: r#"{"user.name": "Ada", "user.tags.1": "y", "age": null}"#,
        },
        run: Run::Heavy(json_extract),
    },
    Function {
        name: "json_transform_keys",
        summary: "The same value with the keys of all its objects written in another way.",
        signature: &[
            Parameter::required("data", Kind::Any),
            Parameter::optional(
                "transformation",
                Kind::Choice(&["lowercase", "uppercase", "snake_case", "camel_case", "kebab_case"]),
                DefaultValue::Text("lowercase"),
            ),
        ],
        example: Example {
            args: r#"[{"userName": {"firstName": "Ada"}}, "snake_case"]"#,
            result: r#"{"user_name": {"first_name": "Ada"}}"#,
        },
        run: Run::Heavy(json_transform_keys),
    },
];

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn validate_json(mut bound: Bound, _: CallContext) -> Outcome {
    let text = bound.text("json_string");
    match serde_json::from_str::<Value>(&text) {
        Ok(data) => {
            let kind = type_name(&data);
            Ok(json!({ "valid": true, "data": data, "type": kind, "size": text.len() }))
        }
        Err(error) => Ok(json!({
            "valid": false,
            "error": error.to_string(),
            "line": error.line(),
            "column": error.column(),
        })),
    }
}

fn json_extract(mut bound: Bound, _: CallContext) -> Outcome {
    let (data, paths) = (bound.any("data"), bound.texts("field_paths"));
    let mut found = Map::new();
    let mut weight = 0;
    for path in paths {
        let value = path.split('.').try_fold(&data, step).unwrap_or(&Value::Null);
        // Paths into one another repeat what they share: a hundred of them make gigabytes of one value.
        weight += weigh(value);
        if weight > MAX_TEXT_BYTES {
            return Err(
                bound.refuse(&format!("found values of more than {MAX_TEXT_BYTES} bytes; name fewer paths"))
            );
        }
        found.insert(path, value.clone());
    }
    Ok(Value::Object(found))
}

/// About how many bytes the value has as JSON.
fn weigh(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(weigh).sum::<usize>() + 2,
        Value::Object(object) => {
            object.iter().map(|(key, value)| key.len() + 3 + weigh(value)).sum::<usize>() + 2
        }
    }
}

fn step<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(object) => object.get(key),
        Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn json_transform_keys(mut bound: Bound, _: CallContext) -> Outcome {
    let (data, transformation) = (bound.any("data"), bound.text("transformation"));
    let transform: fn(&str) -> String = match transformation.as_str() {
        "uppercase" => |key| key.to_uppercase(),
        "snake_case" => |key| key.to_snake_case(),
        "camel_case" => |key| key.to_lower_camel_case(),
        "kebab_case" => |key| key.to_kebab_case(),
        _ => |key| key.to_lowercase(),
    };
    transform_keys(data, transform).map_err(|key| {
        bound
            .refuse(&format!("makes the key `{key}` of two different keys of one object by {transformation}"))
    })
}

/// The error is a key that two keys of one object would share. The depth of a value is bounded where JSON
/// is read, so the recursion is too.
fn transform_keys(value: Value, transform: fn(&str) -> String) -> Result<Value, String> {
    match value {
        Value::Object(object) => {
            let mut transformed = Map::new();
            for (key, value) in object {
                let key = transform(&key);
                let value = transform_keys(value, transform)?;
                if transformed.insert(key.clone(), value).is_some() {
                    return Err(key);
                }
            }
            Ok(Value::Object(transformed))
        }
        Value::Array(items) => items.into_iter().map(|item| transform_keys(item, transform)).collect(),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => Ok(scalar),
    }
}
