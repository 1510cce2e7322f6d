//! JSON values as YAML that a person can read and any reader of YAML reads back as the same value.

use std::fmt::Write;

use serde_json::Value;

/// A value as one document.
pub fn document(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => block(&mut text, value, 0),
        Value::Array(items) if !items.is_empty() => block(&mut text, value, 0),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            push_scalar(&mut text, value);
            text.push('\n');
        }
    }
    text
}

/// A list or an object that has something in it, each line `depth` steps to the right.
fn block(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                indent(text, depth);
                push_text(text, key);
                text.push(':');
                member(text, value, depth + 1);
            }
        }
        Value::Array(items) => {
            for item in items {
                indent(text, depth);
                text.push('-');
                member(text, item, depth + 1);
            }
        }
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            push_scalar(text, scalar);
        }
    }
}

/// What follows a `key:` or a dash: on the same line where it is one, and below it otherwise.
fn member(text: &mut String, value: &Value, depth: usize) {
    let is_block = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if is_block {
        text.push('\n');
        block(text, value, depth);
    } else {
        text.push(' ');
        push_scalar(text, value);
        text.push('\n');
    }
}

fn push_scalar(text: &mut String, value: &Value) {
    match value.as_str() {
        Some(string) => push_text(text, string),
        None => write!(text, "{value}").expect("a text takes any text"),
    }
}

/// Plain where no reader could take it for anything else, and in the quotes of JSON otherwise, which mean the same.
fn push_text(text: &mut String, string: &str) {
    if is_plain(string) {
        text.push_str(string);
    } else {
        text.push_str(&serde_json::to_string(string).expect("a text is JSON"));
    }
}

/// Words that begin with a letter and hold nothing with a meaning; those that mean something else are quoted.
fn is_plain(string: &str) -> bool {
    const MEANINGFUL: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ');
    string.starts_with(|c: char| c.is_ascii_alphabetic())
        && string.chars().all(fits)
        && !string.ends_with(' ')
        && !MEANINGFUL.contains(&string.to_ascii_lowercase().as_str())
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_reads_as_it_was() {
        let value = json!({
            "name": "a b", "no": "no", "number": 1.5, "none": null, "text": "x: \"y\"\nz", "empty": [{}, []],
            "tasks": [{"id": "0192", "done": true}, [1, "two"], "2024-01-01", "- x", ""],
        });
        let text = document(&value);
        let expected = "empty:\n  - {}\n  - []\nname: a b\n\"no\": \"no\"\nnone: null\nnumber: 1.5\ntasks:\n  -\n    done: true\n    \
                        id: \"0192\"\n  -\n    - 1\n    - two\n  - \"2024-01-01\"\n  - \"- x\"\n  - \"\"\ntext: \
                        \"x: \\\"y\\\"\\nz\"\n";
        assert_eq!(text, expected);
        assert_eq!(document(&json!("x")), "x\n");
        #[cfg(feature = "server")]
        assert_eq!(serde_saphyr::from_str::<Value>(&text).expect("it is YAML"), value);
    }
}
