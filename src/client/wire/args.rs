//! The arguments of an event or an acknowledgement, borrowed from the frame and parsed only on request.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::DecodeError;

/// The text between the brackets of a payload, without the event's name.
///
/// Nothing in it has been parsed yet, so that a payload is scanned once, by the type that the caller wants,
/// and not a second time by the packet codec.
///
/// ```
/// use gleitzeit::client::wire::{Packet, decode};
///
/// #[derive(serde::Deserialize)]
/// struct Assign<'a> {
///     task_id: &'a str,
///     attempt: u32,
/// }
///
/// let frame = r#"42/cluster,["task:assign",{"task_id":"t1","attempt":2}]"#;
/// let Packet::Event(event) = decode(frame)? else { unreachable!() };
/// let assign: Assign = event.args.first()?;
/// assert_eq!((assign.task_id, assign.attempt), ("t1", 2));
/// # Ok::<(), gleitzeit::client::wire::DecodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawArgs<'a>(&'a str);

impl<'a> RawArgs<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text.trim_ascii())
    }

    /// The arguments as they stood in the frame, separated by commas.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether there are no arguments at all.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The first argument as `T`; a missing argument reads as `null`.
    pub fn first<T: Deserialize<'a>>(self) -> Result<T, DecodeError> {
        let text = if self.0.is_empty() { "null" } else { self.0 };
        Ok(next_value(text)?.0)
    }

    /// Every argument in its order, borrowed.
    pub fn all(self) -> Result<Vec<&'a RawValue>, DecodeError> {
        let mut values = Vec::new();
        let mut rest = self.0;
        while !rest.is_empty() {
            let (value, tail) = next_value(rest)?;
            values.push(value);
            rest = tail;
        }
        Ok(values)
    }
}

/// The next argument and the text behind the comma that follows it.
fn next_value<'a, T: Deserialize<'a>>(text: &'a str) -> Result<(T, &'a str), DecodeError> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<T>();
    let value = match stream.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(invalid(&error.to_string())),
        None => return Err(invalid("a value is missing")),
    };
    let tail = text.get(stream.byte_offset()..).unwrap_or_default().trim_ascii_start();
    if tail.is_empty() {
        return Ok((value, tail));
    }
    match tail.strip_prefix(',').map(str::trim_ascii_start) {
        Some(rest) if !rest.is_empty() => Ok((value, rest)),
        Some(_) | None => Err(invalid("the arguments are not separated by commas")),
    }
}

fn invalid(message: &str) -> DecodeError {
    DecodeError::Json { what: "event", message: message.to_owned() }
}

impl fmt::Debug for RawArgs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_borrows() {
        let args = RawArgs::new(r#" {"a":[1,2]} , 7,"x" "#);
        let all: Vec<&str> = args.all().unwrap().into_iter().map(RawValue::get).collect();
        assert_eq!(all, [r#"{"a":[1,2]}"#, "7", r#""x""#]);
        assert_eq!(args.first::<&RawValue>().unwrap().get(), r#"{"a":[1,2]}"#);
    }

    #[test]
    fn a_missing_argument_is_null() {
        assert_eq!(RawArgs::new("").first::<Option<u8>>().unwrap(), None);
        assert!(RawArgs::new("").all().unwrap().is_empty());
    }

    #[test]
    fn refuses_bad_separators() {
        for bad in ["1 2", "1,", ",1", "{", "\"a\"\"b\""] {
            assert!(RawArgs::new(bad).all().is_err(), "{bad}");
        }
    }
}
