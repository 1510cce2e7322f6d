//! Types of single fields, forgiving where the senders differ.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// Text that is borrowed from the message where it holds no escapes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    pub fn to_arc(&self) -> Arc<str> {
        Arc::from(self.0.as_ref())
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text))
    }
}

/// A span of time that travels as a number of seconds, fractions allowed. Milliseconds inside; anything above
/// zero is at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds {
    pub ms: u64,
}

/// A longer span is a mistake in the unit, and would bring sums of times near their limits.
const SECONDS_MAX: f64 = 10.0 * 366.0 * 86_400.0;

impl Seconds {
    /// Nothing where `seconds` is negative, not a number or longer than ten years.
    pub fn new(seconds: f64) -> Option<Self> {
        if seconds > SECONDS_MAX {
            return None;
        }
        let duration = Duration::try_from_secs_f64(seconds).ok()?;
        let ms = u64::try_from(duration.as_millis()).ok()?;
        Some(Self { ms: if seconds > 0.0 { ms.max(1) } else { ms } })
    }
}

/// As JSON: without a fraction where there is none.
impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.ms / 1_000, self.ms % 1_000);
        if rest == 0 {
            return whole.fmt(f);
        }
        write!(f, "{whole}.{}", format!("{rest:03}").trim_end_matches('0'))
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecondsVisitor)
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds from 0 to ten years")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Seconds, E> {
        #[expect(clippy::cast_precision_loss, reason = "numbers that lose precision are far out of range")]
        self.visit_f64(seconds as f64)
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Seconds, E> {
        #[expect(clippy::cast_precision_loss, reason = "numbers that lose precision are far out of range")]
        self.visit_f64(seconds as f64)
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Seconds, E> {
        Seconds::new(seconds).ok_or_else(|| E::invalid_value(Unexpected::Float(seconds), &self))
    }
}

/// A count. Senders whose language has one kind of number write `3.0` for 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Count(pub u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor).map(Self)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0 to 4294967295")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u32, E> {
        u32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u32, E> {
        u32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u32, E> {
        let whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
        if !whole {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked in the line above"
        )]
        Ok(number as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_and_bounded() {
        for (text, ms) in
            [("0", 0), ("1", 1_000), ("1.1", 1_100), ("0.5", 500), ("0.0001", 1), ("300.0", 300_000)]
        {
            assert_eq!(serde_json::from_str::<Seconds>(text).unwrap().ms, ms, "{text}");
        }
        for text in ["-1", "1e300", "\"1\"", "1e10"] {
            assert!(serde_json::from_str::<Seconds>(text).is_err(), "{text}");
        }
        let shown: Vec<_> = [0, 1_800_000, 500, 1_050, 1].map(|ms| Seconds { ms }.to_string()).into();
        assert_eq!(shown, ["0", "1800", "0.5", "1.05", "0.001"]);
    }

    #[test]
    fn counts_may_be_written_as_floats() {
        for (text, count) in [("3", Some(3)), ("3.0", Some(3)), ("3.5", None), ("-1", None), ("5e9", None)] {
            assert_eq!(serde_json::from_str::<Count>(text).ok(), count.map(Count), "{text}");
        }
    }

    #[test]
    fn text_is_borrowed_unless_it_is_escaped() {
        let plain: Text<'_> = serde_json::from_str("\"a\"").unwrap();
        assert!(matches!(plain.0, Cow::Borrowed("a")));
        let escaped: Text<'_> = serde_json::from_str(r#""\n""#).unwrap();
        assert_eq!(&*escaped, "\n");
    }
}
