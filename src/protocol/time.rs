//! Points in time as text.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::core::ids::Timestamp;

/// RFC 3339 in UTC with milliseconds, `2026-01-31T23:59:59.999Z`: the form of the REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfc3339(pub Timestamp);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", instant(self.0))
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// ISO 8601 in UTC without a zone, `2026-01-31T23:59:59.999000`: what the Socket.IO clients write and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NaiveUtc(pub Timestamp);

impl fmt::Display for NaiveUtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", jiff::tz::Offset::UTC.to_datetime(instant(self.0)))
    }
}

impl Serialize for NaiveUtc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Times beyond the year 9999 are shown as its end.
fn instant(at: Timestamp) -> jiff::Timestamp {
    i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or(jiff::Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_instant() {
        let at = Timestamp(1_769_903_999_999);
        assert_eq!(Rfc3339(at).to_string(), "2026-01-31T23:59:59.999Z");
        assert_eq!(NaiveUtc(at).to_string(), "2026-01-31T23:59:59.999000");
        assert_eq!(Rfc3339(Timestamp(0)).to_string(), "1970-01-01T00:00:00.000Z");
        assert!(Rfc3339(Timestamp(u64::MAX)).to_string().starts_with("9999-12-"));
    }
}
