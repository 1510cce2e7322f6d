//! JSON merge patch (RFC 7396), on text: numbers keep their digits.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

type Members = BTreeMap<String, Box<RawValue>>;

/// `target` with the changes of `patch`: members of objects are merged, null takes one out, anything else takes
/// the place of what was there.
///
/// # Errors
/// When one of them is not JSON.
pub fn merge(target: &str, patch: &str) -> Result<String, serde_json::Error> {
    let Some(changes) = members(patch)? else { return Ok(patch.trim().to_owned()) };
    let mut merged = members(target)?.unwrap_or_default();
    for (key, change) in changes {
        if change.get() == "null" {
            merged.remove(&key);
            continue;
        }
        let before = merged.get(&key).map_or("null", |value| value.get());
        let after = merge(before, change.get())?;
        merged.insert(key, RawValue::from_string(after)?);
    }
    serde_json::to_string(&merged)
}

fn members(json: &str) -> Result<Option<Members>, serde_json::Error> {
    if json.trim_start().starts_with('{') { serde_json::from_str(json).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of the RFC's appendix, and numbers that no machine type holds.
    #[test]
    fn patches_as_the_rfc_does() {
        let cases = [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
            (
                r#"{"n":1e999}"#,
                r#"{"m":123456789012345678901234567890}"#,
                r#"{"m":123456789012345678901234567890,"n":1e999}"#,
            ),
        ];
        for (target, patch, expected) in cases {
            assert_eq!(merge(target, patch).unwrap(), expected, "{target} with {patch}");
        }
    }
}
