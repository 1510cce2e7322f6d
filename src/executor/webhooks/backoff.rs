//! The pauses between tries.

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::core::ids::Fingerprint;

/// A receiver that asks for a longer pause is asked again after this one.
const ASKED_MAX_MS: u64 = 60 * 60 * 1_000;
/// Pauses differ by up to a fifth in both directions, so that receivers that come back are not met by all at once.
const SPREAD_PERMILLE: u64 = 200;

/// The pause after the try with this number: `base_ms`, doubling, at most `max_ms`. It follows from the id, so that
/// no randomness is needed.
pub(in crate::executor) fn delay_ms(base_ms: u64, max_ms: u64, number: u32, id: &str) -> u64 {
    let factor = 1_u64.checked_shl(number.saturating_sub(1)).unwrap_or(u64::MAX);
    let nominal = base_ms.saturating_mul(factor).min(max_ms);
    let spread = nominal.saturating_mul(SPREAD_PERMILLE) / 1_000;
    let chance = Fingerprint::of(format!("{id} {number}").as_bytes()).0 % u128::from(2 * spread + 1);
    nominal - spread + u64::try_from(chance).expect("below the spread")
}

/// The seconds of a `Retry-After`; zero where there is none, or a date.
pub(in crate::executor) fn retry_after_ms(headers: &HeaderMap) -> u64 {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    seconds.map_or(0, |seconds| seconds.saturating_mul(1_000).min(ASKED_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_differ_a_little() {
        for (number, nominal) in [(1, 1_000), (2, 2_000), (7, 60_000), (60, 60_000), (u32::MAX, 60_000)] {
            let delay = delay_ms(1_000, 60_000, number, "task_1");
            assert!((nominal * 8 / 10..=nominal * 12 / 10).contains(&delay), "{number}: {delay}");
            assert_eq!(delay, delay_ms(1_000, 60_000, number, "task_1"));
        }
        let different: std::collections::BTreeSet<u64> =
            (0..100).map(|task| delay_ms(1_000, 60_000, 1, &format!("task_{task}"))).collect();
        assert!(different.len() > 50);
    }

    #[test]
    fn receivers_may_ask_for_a_longer_pause() {
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after_ms(&headers)
        };
        assert_eq!([asked("2"), asked("soon"), asked("99999999999")], [2_000, 0, ASKED_MAX_MS]);
        assert_eq!(retry_after_ms(&HeaderMap::new()), 0);
    }
}
