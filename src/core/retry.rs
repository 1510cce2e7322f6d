//! Whether and when a failed task is tried again.

use super::decide::Inputs;
use super::errors::Code;
use super::event::AfterFailure;
use super::ids::TaskId;
use super::limits::RETRY_AFTER_MS_MAX;
use super::spec::{RetryPolicy, RetryStrategy};
use super::state::State;

/// What the worker said about trying again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    pub retryable: Option<bool>,
    pub retry_after_ms: Option<u64>,
}

/// What follows the failure that is being reported.
pub fn next(state: &State, id: TaskId, code: Code, report: &Report, inputs: &Inputs) -> AfterFailure {
    let (Some(workflow), Some(task)) = (state.workflow(id.workflow), state.task(id)) else {
        return AfterFailure::Final;
    };
    let policy = &workflow.spec.policy_of(id.index).retry;
    let tries = task.failures + 1;
    let retryable = report.retryable.unwrap_or(code.entry().retryable);
    if !retryable || tries >= policy.max_attempts {
        return AfterFailure::Final;
    }
    let random = scrambled(inputs.seed ^ u64::from(id.index) ^ u64::from(tries) << 32);
    // Whoever failed knows best when it can take the task again.
    let longest_ms = policy.max_delay_ms.max(RETRY_AFTER_MS_MAX);
    let asked_ms = report.retry_after_ms.map(|ms| ms.min(longest_ms));
    let delay_ms = asked_ms.unwrap_or_else(|| delay_ms(policy, tries, random));
    AfterFailure::RetryAt(inputs.now.plus(delay_ms))
}

/// A pause that doubles with each try, from `base_ms` up to `max_ms`, and differs by up to a fifth either way.
pub(super) fn doubling_ms(base_ms: u64, max_ms: u64, tries: u32, seed: u64) -> u64 {
    let policy = RetryPolicy {
        max_attempts: u32::MAX,
        strategy: RetryStrategy::Exponential,
        base_delay_ms: base_ms,
        max_delay_ms: max_ms,
        jitter_permille: 200,
    };
    delay_ms(&policy, tries, scrambled(seed ^ u64::from(tries) << 32))
}

/// The pause after the `tries`th failure, spread by `random`.
fn delay_ms(policy: &RetryPolicy, tries: u32, random: u64) -> u64 {
    let base = policy.base_delay_ms;
    let nominal = match policy.strategy {
        RetryStrategy::Fixed => base,
        RetryStrategy::Linear => base.saturating_mul(u64::from(tries)),
        RetryStrategy::Exponential => base.saturating_mul(1_u64.checked_shl(tries - 1).unwrap_or(u64::MAX)),
    };
    let capped = nominal.min(policy.max_delay_ms);
    let spread = capped.saturating_mul(u64::from(policy.jitter_permille.min(1_000))) / 1_000;
    (capped - spread) + random % (2 * spread + 1)
}

/// `SplitMix64`: neighbouring seeds give unrelated numbers.
const fn scrambled(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(strategy: RetryStrategy, jitter_permille: u32) -> RetryPolicy {
        RetryPolicy { max_attempts: 9, strategy, base_delay_ms: 100, max_delay_ms: 1_000, jitter_permille }
    }

    #[test]
    fn delays_grow_as_the_strategy_says_and_are_capped() {
        let delays = |strategy| [1, 2, 3, 9, 200].map(|tries| delay_ms(&policy(strategy, 0), tries, 7));
        assert_eq!(delays(RetryStrategy::Fixed), [100, 100, 100, 100, 100]);
        assert_eq!(delays(RetryStrategy::Linear), [100, 200, 300, 900, 1_000]);
        assert_eq!(delays(RetryStrategy::Exponential), [100, 200, 400, 1_000, 1_000]);
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let spread: Vec<u64> =
            (0..1_000).map(|seed| delay_ms(&policy(RetryStrategy::Fixed, 200), 1, scrambled(seed))).collect();
        assert!(spread.iter().all(|delay| (80..=120).contains(delay)));
        assert!(spread.contains(&80) && spread.contains(&120));
    }
}
