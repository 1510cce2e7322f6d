//! The text of an event, `["name",payload,...]`, taken apart without building values of it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::core::rejection::Rejection;

/// The arguments behind the name; there is one of them as a rule. Nothing where the text is no event.
pub fn payload_of(event: &str) -> Option<&str> {
    let (_, rest) = split_name(event)?;
    let arguments = rest.strip_prefix(',')?.trim_end().strip_suffix(']')?;
    Some(arguments.trim_ascii())
}

/// The name of an event.
pub fn event_name(event: &str) -> Option<Cow<'_, str>> {
    let (name, _) = split_name(event)?;
    serde_json::from_str::<&str>(name)
        .map(Cow::Borrowed)
        .or_else(|_| serde_json::from_str(name).map(Cow::Owned))
        .ok()
}

/// Reads the first of the arguments. Others are looked for only when the text as a whole is not what was expected.
///
/// # Errors
/// Those of `read`.
pub fn first_argument<'p, T>(
    arguments: &'p str,
    read: impl Fn(&'p str) -> Result<T, Rejection>,
) -> Result<T, Rejection> {
    read(arguments).or_else(|rejection| {
        let first = serde_json::Deserializer::from_str(arguments).into_iter::<&'p RawValue>().next();
        match first {
            Some(Ok(first)) if first.get().len() < arguments.len() => read(first.get()),
            Some(_) | None => Err(rejection),
        }
    })
}

/// The name with its quotes, and what follows it.
fn split_name(event: &str) -> Option<(&str, &str)> {
    let inside = event.trim_ascii_start().strip_prefix('[')?.trim_ascii_start();
    let mut values = serde_json::Deserializer::from_str(inside).into_iter::<&RawValue>();
    let name = values.next()?.ok()?.get();
    if !name.starts_with('"') {
        return None;
    }
    Some((name, inside.get(values.byte_offset()..)?.trim_ascii_start()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::errors::INVALID_ARGUMENT;

    #[test]
    fn an_event_is_a_name_and_arguments() {
        assert_eq!(payload_of(r#"["a",{"b":[1,2]}]"#), Some(r#"{"b":[1,2]}"#));
        assert_eq!(payload_of(r#" [ "a\"," , null , 5 ] "#), Some("null , 5"));
        assert_eq!(payload_of(r#"["a"]"#), None);
        for text in ["", "[", "[]", "[5,1]", "{}", r#"["a",1"#, "\"a\"", r#"["a" 1]"#] {
            assert_eq!(payload_of(text), None, "{text}");
        }
        assert_eq!(event_name(r#"["a:b",1]"#).as_deref(), Some("a:b"));
        assert_eq!(event_name(r#"["\u0061\n"]"#).as_deref(), Some("a\n"));
        assert_eq!(event_name("[5]"), None);
    }

    #[test]
    fn the_first_of_several_arguments_counts() {
        let number = |text: &str| {
            text.parse::<u32>().map_err(|error| Rejection::new(INVALID_ARGUMENT, error.to_string()))
        };
        assert_eq!(first_argument("17", number), Ok(17));
        assert_eq!(first_argument("17,{\"a\":[1]}", number), Ok(17));
        assert!(first_argument("x,17", number).is_err());
        assert!(first_argument("", number).is_err());
    }
}
