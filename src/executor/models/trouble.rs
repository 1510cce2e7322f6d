//! What can go wrong between an endpoint and us, and what it means for the question.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// How much of what an endpoint says goes into a message.
const SAID_CHARS_MAX: usize = 300;
/// An endpoint that asks for patience without saying how much.
const PAUSE: Duration = Duration::from_secs(5);
/// A longer pause is a mistake in the unit, or as good as an endpoint that is not there.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// Why an endpoint gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// There is no connection, or nothing came over it.
    Unreachable(String),
    /// It asked for a pause.
    Busy { pause: Duration, said: String },
    /// It does not take the key, or needs one.
    Unauthorized(String),
    /// It failed by its own account.
    Failed(String),
    /// The answer ended before its end.
    BrokenOff(String),
    /// What came is not what the protocol says.
    Unreadable(String),
    /// It does not have the model.
    NoModel(String),
    /// The question itself is wrong: another endpoint would say the same.
    Refused(String),
    /// The answer is longer than a result may be.
    TooLong(String),
}

impl Trouble {
    pub fn of_transport(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Unreachable("it said nothing for too long".to_owned());
        }
        let reason = innermost(error);
        if error.is_body() || error.is_decode() { Self::BrokenOff(reason) } else { Self::Unreachable(reason) }
    }

    /// What a status that is no success means.
    pub fn of_status(status: StatusCode, headers: &HeaderMap, body: &str) -> Self {
        let said = format!("{}: {}", status.as_u16(), said_in(body));
        let pause = retry_after(headers);
        match status.as_u16() {
            429 => Self::Busy { pause: pause.unwrap_or(PAUSE), said },
            401 | 403 => Self::Unauthorized(said),
            404 if body.contains("model") => Self::NoModel(said),
            400 | 409 | 413 | 415 | 422 => Self::Refused(said),
            503 => match pause {
                Some(pause) => Self::Busy { pause, said },
                None => Self::Failed(said),
            },
            _ => Self::Failed(said),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Self::Unreachable(text)
            | Self::Busy { said: text, .. }
            | Self::Unauthorized(text)
            | Self::Failed(text)
            | Self::BrokenOff(text)
            | Self::Unreadable(text)
            | Self::NoModel(text)
            | Self::Refused(text)
            | Self::TooLong(text) => text,
        }
    }
}

/// `Retry-After` in seconds, or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = if let Ok(seconds) = text.parse::<f64>() {
        Duration::try_from_secs_f64(seconds).ok()?
    } else {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
        Duration::from_millis(u64::try_from(at).ok()?.saturating_sub(crate::clock::wall().0))
    };
    Some(pause.min(PAUSE_MAX))
}

/// The message of an error body, in whichever of the known shapes it comes.
pub fn said_in(body: &str) -> String {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    let error = json.get("error").unwrap_or(&json);
    let message = error.get("message").or_else(|| json.get("detail")).unwrap_or(error);
    cut(message.as_str().unwrap_or(body))
}

/// One line of bounded length.
pub fn cut(text: &str) -> String {
    let mut line: String = text.trim().chars().take(SAID_CHARS_MAX + 1).collect();
    if line.chars().count() > SAID_CHARS_MAX {
        line.pop();
        line.push_str("...");
    }
    line.replace(['\r', '\n'], " ")
}

/// The outermost message only says that sending failed; the reason is below.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    cut(&innermost.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, retry_after: Option<&str>, body: &str) -> Trouble {
        let mut headers = HeaderMap::new();
        if let Some(text) = retry_after {
            headers.insert(RETRY_AFTER, text.parse().unwrap());
        }
        Trouble::of_status(StatusCode::from_u16(status).unwrap(), &headers, body)
    }

    #[test]
    fn a_pause_is_as_long_as_the_server_says() {
        let pause = |text| {
            let trouble = of(429, text, "");
            if let Trouble::Busy { pause, .. } = trouble { pause } else { panic!("{trouble:?}") }
        };
        assert_eq!(pause(Some("7")), Duration::from_secs(7));
        assert_eq!(pause(Some("0.25")), Duration::from_millis(250));
        assert_eq!(pause(Some("Wed, 21 Oct 2015 07:28:00 GMT")), Duration::ZERO);
        assert_eq!(pause(Some("Wed, 21 Oct 2099 07:28:00 GMT")), PAUSE_MAX);
        assert_eq!(pause(Some("soon")), PAUSE);
        assert_eq!(pause(None), PAUSE);
    }

    #[test]
    fn a_status_says_whose_fault_it_is() {
        assert!(matches!(of(503, Some("1"), ""), Trouble::Busy { .. }));
        assert!(matches!(of(503, None, ""), Trouble::Failed(_)));
        assert!(matches!(of(404, None, r#"{"error":"model \"x\" not found"}"#), Trouble::NoModel(_)));
        assert!(matches!(of(404, None, "page not found"), Trouble::Failed(_)));
        assert!(matches!(of(401, None, ""), Trouble::Unauthorized(_)));
        assert_eq!(
            of(400, None, r#"{"error":{"message":"no such\nthing","type":"x"}}"#),
            Trouble::Refused("400: no such thing".to_owned())
        );
        assert_eq!(of(500, None, r#"{"detail":"down"}"#), Trouble::Failed("500: down".to_owned()));
        assert_eq!(said_in(&"é".repeat(1_000)).chars().count(), SAID_CHARS_MAX + 3);
    }
}
