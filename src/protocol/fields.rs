//! Types of single fields, forgiving where the senders differ.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// A whole number where there is no fraction.
impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.ms.is_multiple_of(1_000) {
            return serializer.serialize_u64(self.ms / 1_000);
        }
        serializer.serialize_f64(Duration::from_millis(self.ms).as_secs_f64())
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

/// A figure that is shown and decides nothing: whatever is not a number counts as zero.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figure(pub f64);

impl Figure {
    /// As a count: the fraction is cut off, and what is negative or too large stays at the end of the range.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from a float saturates, which is what is wanted here"
    )]
    pub const fn count(self) -> u64 {
        self.0 as u64
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Loose::deserialize(deserializer)?.number.unwrap_or_default();
        Ok(Self(if number.is_finite() { number } else { 0.0 }))
    }
}

/// How many there are: a number, or a list of them. Anything else says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally(pub Option<u32>);

impl<'de> Deserialize<'de> for Tally {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let loose = Loose::deserialize(deserializer)?;
        let counted = loose.number.filter(|number| *number >= 0.0).map(|number| Figure(number).count());
        Ok(Self(counted.or(loose.items).and_then(|count| u32::try_from(count).ok())))
    }
}

/// Text, or anything else in its place, which counts as absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MaybeText<'a>(pub Option<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for MaybeText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Loose::deserialize(deserializer)?.text.map(Text)))
    }
}

/// Any JSON at all, of which little is kept.
#[derive(Default)]
struct Loose<'a> {
    number: Option<f64>,
    items: Option<u64>,
    text: Option<Cow<'a, str>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::default())
    }

    #[expect(clippy::cast_precision_loss, reason = "such figures are shown with a few digits")]
    fn visit_u64<E>(self, number: u64) -> Result<Loose<'de>, E> {
        Ok(Loose { number: Some(number as f64), ..Loose::default() })
    }

    #[expect(clippy::cast_precision_loss, reason = "such figures are shown with a few digits")]
    fn visit_i64<E>(self, number: i64) -> Result<Loose<'de>, E> {
        Ok(Loose { number: Some(number as f64), ..Loose::default() })
    }

    fn visit_f64<E>(self, number: f64) -> Result<Loose<'de>, E> {
        Ok(Loose { number: Some(number), ..Loose::default() })
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Loose<'de>, E> {
        Ok(Loose { text: Some(Cow::Borrowed(text)), ..Loose::default() })
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose<'de>, E> {
        Ok(Loose { text: Some(Cow::Owned(text.to_owned())), ..Loose::default() })
    }

    fn visit_unit<E>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose<'de>, A::Error> {
        let mut count = 0;
        while items.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Loose { items: Some(count), ..Loose::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Loose<'de>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::default())
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
    fn figures_are_forgiving() {
        for (text, number) in
            [("1", 1.0), ("1.5", 1.5), ("-2", -2.0), ("null", 0.0), ("\"x\"", 0.0), ("[1]", 0.0)]
        {
            assert_eq!(serde_json::from_str::<Figure>(text).unwrap(), Figure(number), "{text}");
        }
        assert_eq!([Figure(1e30), Figure(-1.0), Figure(2.9)].map(Figure::count), [u64::MAX, 0, 2]);
        let tally = |text: &str| serde_json::from_str::<Tally>(text).unwrap().0;
        assert_eq!(
            ["3", "3.0", "[{},[]]", "null", "-1", "1e12"].map(tally),
            [Some(3), Some(3), Some(2), None, None, None]
        );
        let text = |text: &str| {
            serde_json::from_str::<MaybeText<'_>>(text).unwrap().0.map(|text| text.0.into_owned())
        };
        assert_eq!(["\"a\"", "5", "{\"a\":1}", "null"].map(text), [Some("a".to_owned()), None, None, None]);
    }

    #[test]
    fn text_is_borrowed_unless_it_is_escaped() {
        let plain: Text<'_> = serde_json::from_str("\"a\"").unwrap();
        assert!(matches!(plain.0, Cow::Borrowed("a")));
        let escaped: Text<'_> = serde_json::from_str(r#""\n""#).unwrap();
        assert_eq!(&*escaped, "\n");
    }
}
