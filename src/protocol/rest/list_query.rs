//! The filter of `GET /workflows`, which bulk verbs share.

use jiff::Timestamp as Instant;

use crate::core::errors::INVALID_ARGUMENT;
use crate::core::ids::Timestamp;
pub use crate::core::listing::ListFilter;
use crate::core::listing::words;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;
use crate::core::state::WorkflowStatus;

const KEYS: [&str; 9] =
    ["status", "name", "text", "tag", "metadata.<key>", "created_after", "created_before", "cursor", "limit"];
/// More conditions than a person would think of.
const CONDITIONS_MAX: usize = 64;

/// What the query string of a list says.
#[derive(Debug, Default)]
pub struct ListQuery {
    pub filter: ListFilter,
    pub cursor: Option<String>,
    pub limit: Option<usize>,
}

impl ListQuery {
    /// # Errors
    /// The key or value that means nothing here.
    pub fn parse(query: &str) -> Result<Self, Rejection> {
        let mut parsed = Self::default();
        for (key, value) in pairs(query)? {
            match key.as_str() {
                "cursor" => parsed.cursor = Some(value),
                "limit" => parsed.limit = Some(limit(&value)?),
                _ => condition(&mut parsed.filter, &key, value)?,
            }
        }
        Ok(parsed)
    }
}

/// Adds one condition to the filter. Statuses and tags may be several, in one value or in several.
///
/// # Errors
/// The key or value that means nothing here.
pub(super) fn condition(filter: &mut ListFilter, key: &str, value: String) -> Result<(), Rejection> {
    match key {
        "status" => {
            for name in value.split(',').map(str::trim) {
                filter.statuses.push(status(name)?);
            }
        }
        "name" => filter.name = Some(value),
        "text" => filter.words.extend(words(&value)),
        "tag" => filter.tags.push(value),
        "created_after" => filter.created_after = Some(time(key, &value)?),
        "created_before" => filter.created_before = Some(time(key, &value)?),
        _ => match key.strip_prefix("metadata.") {
            Some(member) if !member.is_empty() => filter.metadata.push((member.to_owned(), value)),
            Some(_) | None => {
                let near = suggestion(key, KEYS);
                return Err(invalid(format!("{key} is no condition{near}; there are {}", KEYS.join(", "))));
            }
        },
    }
    Ok(())
}

fn status(name: &str) -> Result<WorkflowStatus, Rejection> {
    WorkflowStatus::parse(name).ok_or_else(|| {
        let known: Vec<&str> = WorkflowStatus::ALL.into_iter().map(WorkflowStatus::name).collect();
        invalid(format!("status={name} is unknown; known are {}", known.join(", ")))
    })
}

/// RFC 3339 or milliseconds since 1970.
///
/// # Errors
/// When it is neither.
pub(super) fn time(key: &str, value: &str) -> Result<Timestamp, Rejection> {
    if let Ok(ms) = value.parse() {
        return Ok(Timestamp(ms));
    }
    let instant: Option<Instant> = value.parse().ok();
    let ms = instant.and_then(|instant| u64::try_from(instant.as_millisecond()).ok());
    ms.map(Timestamp).ok_or_else(|| {
        invalid(format!(
            "{key}={value} is no time: write it as 2026-11-26T08:30:00Z, or in milliseconds since 1970"
        ))
    })
}

pub(super) fn limit(value: &str) -> Result<usize, Rejection> {
    value.parse().map_err(|_| invalid(format!("limit={value} is not a number")))
}

/// The pairs of a query string.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, Rejection> {
    let parts: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
    if parts.len() > CONDITIONS_MAX {
        return Err(invalid(format!("the query has more than {CONDITIONS_MAX} conditions")));
    }
    let pair = |part: &&str| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(key), decoded(value))
    };
    Ok(parts.iter().map(pair).collect())
}

/// Percent signs and plus signs resolved. What is not UTF-8 afterwards is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let hex = after.get(..2).and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn invalid(message: String) -> Rejection {
    Rejection::new(INVALID_ARGUMENT, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_as_they_were_meant() {
        let query = "status=failed,cancelled&status=paused&tag=a%2Cb&text=Big+Data&metadata.team%20x=R%26D\
                     &created_after=2026-11-26T00:00:00Z&created_before=1770000000000&limit=5";
        let ListQuery { filter, limit, .. } = ListQuery::parse(query).unwrap();
        let names: Vec<&str> = filter.statuses.iter().map(|status| status.name()).collect();
        assert_eq!(names, ["failed", "cancelled", "paused"]);
        assert_eq!((filter.tags, filter.words), (vec!["a,b".into()], vec!["big".into(), "data".into()]));
        assert_eq!(filter.metadata, [("team x".into(), "R&D".into())]);
        assert_eq!(filter.created_after, Some(Timestamp(1_795_651_200_000)));
        assert_eq!((filter.created_before, limit), (Some(Timestamp(1_770_000_000_000)), Some(5)));
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_does() {
        let refused = |query| ListQuery::parse(query).unwrap_err().message;
        assert!(refused("stauts=failed").contains("did you mean `status`?"));
        assert!(refused("status=done").contains("known are pending"));
        assert!(refused("created_after=yesterday").contains("2026-11-26T08:30:00Z"));
    }
}
