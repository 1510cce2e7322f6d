//! Figures and times in few characters.

use serde_json::{Map, Value};

use super::super::output::text;
use crate::core::ids::Timestamp;

/// `12`, `3.4k`, `1.2M`.
pub fn count(number: u64) -> String {
    for (unit, letter) in [(1_000_000_000, 'G'), (1_000_000, 'M'), (10_000, 'k')] {
        if number >= unit {
            let unit = if letter == 'k' { 1_000 } else { unit };
            return format!("{}.{}{letter}", number / unit, number % unit * 10 / unit);
        }
    }
    number.to_string()
}

/// `0.4`, `12`, `3.4k`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate above 10 is shown whole")]
pub fn rate(number: f64) -> String {
    if number > 0.0 && number < 10.0 { format!("{number:.1}") } else { count(number.round() as u64) }
}

/// `0.42 ms`, `3.1 ms`, `12 ms`, `1.5 s`.
pub fn millis(ms: f64) -> String {
    if ms < 1.0 {
        format!("{ms:.2} ms")
    } else if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1_000.0)
    }
}

/// `812 MiB`.
pub fn bytes(bytes: u64) -> String {
    if bytes >= 10 << 30 { format!("{} GiB", bytes >> 30) } else { format!("{} MiB", bytes >> 20) }
}

/// `8s`, `3m 2s`, `4h 7m`, `12d 3h`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// A member that is a time.
pub fn time(members: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text(members, name).parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Timestamp)
}

/// How long ago it was, or nothing where there is no time.
pub fn ago(members: &Map<String, Value>, name: &str, now: Timestamp) -> String {
    time(members, name).map(|at| duration(now.since(at))).unwrap_or_default()
}

/// In one line, without anything that a terminal would obey.
pub fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([0, 9_999, 10_000, 1_234_567].map(count), ["0", "9999", "10.0k", "1.2M"]);
        assert_eq!([0.417, 3.12, 12.4, 1_512.0].map(millis), ["0.42 ms", "3.1 ms", "12 ms", "1.5 s"]);
        assert_eq!([0.04, 9.94, 10.4, 98_000.0].map(rate), ["0.0", "9.9", "10", "98.0k"]);
        assert_eq!(
            [900, 61_000, 4 * 3_600_000 + 60_000, 90_000_000].map(duration),
            ["0s", "1m 1s", "4h 1m", "1d 1h"]
        );
        assert_eq!(line("a\u{1b}[31m\nb"), "a [31m b");
    }
}
