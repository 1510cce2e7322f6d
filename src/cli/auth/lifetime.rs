//! How long a key counts, as people write it.

use std::time::Duration;

/// A number and `m`, `h` or `d`.
pub(super) fn lifetime(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "`{text}` is no count of minutes, hours or days, of which a key lasts one at least: write `30m`, `12h` or `90d`"
        )
    };
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let count: u64 =
        text.get(..text.len() - unit.len_utf8()).and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    let seconds = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let all = count.checked_mul(seconds).filter(|seconds| *seconds > 0).ok_or_else(wrong)?;
    Ok(Duration::from_secs(all))
}

#[cfg(test)]
mod tests {
    use super::lifetime;

    #[test]
    fn times_have_a_unit() {
        let seconds = |text: &str| lifetime(text).map(|time| time.as_secs()).ok();
        assert_eq!(
            [seconds("30m"), seconds("12h"), seconds("90d")],
            [Some(1_800), Some(43_200), Some(7_776_000)]
        );
        for wrong in
            ["", "7", "d", "0d", "-1d", "1w", "1.5h", "7ä", "99999999999999999999d", "9999999999999999999d"]
        {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
