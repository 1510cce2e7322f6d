//! Priority, timeouts, retry and requirements of a task.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::builder::Common;
use super::shortened;
use crate::core::errors::INVALID_ARGUMENT;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;
use crate::core::spec::{Policy, Priority, Requirements, RetryPolicy, RetryStrategy, Trigger};
use crate::protocol::fields::{Count, Seconds, Text};

const MAX_RETRIES: u32 = 3;
const BASE_DELAY: Seconds = Seconds { ms: 1_000 };
const MAX_DELAY: Seconds = Seconds { ms: 60_000 };
const JITTER_PERMILLE: u32 = 200;

#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `max_attempts`, `strategy`, ...",
    bound(deserialize = "'de: 'a")
)]
pub(super) struct RawRetry<'a> {
    max_attempts: Option<Count>,
    strategy: Option<Text<'a>>,
    base_delay: Option<Seconds>,
    max_delay: Option<Seconds>,
    jitter: Option<Jitter>,
}

#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `cpu_cores`, `memory_mb`, ...",
    bound(deserialize = "'de: 'a")
)]
pub(super) struct RawRequirements<'a> {
    cpu_cores: Option<Count>,
    memory_mb: Option<Count>,
    gpu_memory_mb: Option<Count>,
    requires_gpu: Option<bool>,
    required_models: Option<Vec<Text<'a>>>,
    node_tags: Option<Vec<Text<'a>>>,
}

impl RawRequirements<'_> {
    /// Nothing where nothing is asked for.
    pub(super) fn checked(&self) -> Option<Requirements> {
        let requirements = Requirements {
            cpu_cores: self.cpu_cores.unwrap_or_default().0,
            memory_mb: self.memory_mb.unwrap_or_default().0.into(),
            gpu_memory_mb: self.gpu_memory_mb.unwrap_or_default().0.into(),
            requires_gpu: self.requires_gpu.unwrap_or_default(),
            required_models: sorted(self.required_models.as_deref()),
            node_tags: sorted(self.node_tags.as_deref()),
        };
        (requirements != Requirements::default()).then_some(requirements)
    }
}

/// Sorted, so that equal requirements in another order share a route.
fn sorted(texts: Option<&[Text<'_>]>) -> Vec<Arc<str>> {
    let mut texts: Vec<_> = texts.unwrap_or_default().iter().map(Text::to_arc).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

pub(super) fn policy(common: &Common<'_>, run_timeout_ms: u64) -> Result<Policy, Rejection> {
    let queue_timeout_ms = common.queue_timeout_seconds.map(|timeout| timeout.ms);
    if run_timeout_ms == 0 || queue_timeout_ms == Some(0) {
        return Err(invalid("a timeout of 0 s ends every attempt at once; give more, or leave it out"));
    }
    Ok(Policy {
        priority: common.priority.as_ref().map_or(Ok(Priority::Normal), priority)?,
        trigger: match common.depends_on_success {
            Some(false) => Trigger::OnEnd,
            Some(true) | None => Trigger::OnSuccess,
        },
        retry: retry(common)?,
        run_timeout_ms,
        queue_timeout_ms,
    })
}

fn priority(text: &Text<'_>) -> Result<Priority, Rejection> {
    let found = Priority::ALL.into_iter().find(|priority| priority.name() == &**text);
    found.ok_or_else(|| unknown("priority", text, &Priority::ALL.map(Priority::name)))
}

fn retry(common: &Common<'_>) -> Result<RetryPolicy, Rejection> {
    let from_retries = common.max_retries.map_or(MAX_RETRIES, |retries| retries.0).saturating_add(1);
    let Some(raw) = &common.retry else {
        return Ok(RetryPolicy {
            max_attempts: from_retries,
            strategy: RetryStrategy::Exponential,
            base_delay_ms: BASE_DELAY.ms,
            max_delay_ms: MAX_DELAY.ms,
            jitter_permille: JITTER_PERMILLE,
        });
    };
    let max_attempts = raw.max_attempts.map_or(from_retries, |attempts| attempts.0);
    if max_attempts == 0 {
        return Err(invalid("`retry.max_attempts` counts the first try, so it is at least 1"));
    }
    // Whoever names only one of the two bounds gets the other one stretched to it.
    let (base, max) = match (raw.base_delay, raw.max_delay) {
        (Some(base), Some(max)) if base > max => {
            return Err(invalid(format!("`retry.base_delay` of {base} s is above `max_delay` of {max} s")));
        }
        (Some(base), Some(max)) => (base, max),
        (Some(base), None) => (base, base.max(MAX_DELAY)),
        (None, Some(max)) => (max.min(BASE_DELAY), max),
        (None, None) => (BASE_DELAY, MAX_DELAY),
    };
    Ok(RetryPolicy {
        max_attempts,
        strategy: raw.strategy.as_ref().map_or(Ok(RetryStrategy::Exponential), strategy)?,
        base_delay_ms: base.ms,
        max_delay_ms: max.ms,
        jitter_permille: raw.jitter.map_or(JITTER_PERMILLE, |jitter| jitter.permille),
    })
}

fn strategy(text: &Text<'_>) -> Result<RetryStrategy, Rejection> {
    match &**text {
        "fixed" => Ok(RetryStrategy::Fixed),
        "linear" => Ok(RetryStrategy::Linear),
        "exponential" => Ok(RetryStrategy::Exponential),
        _ => Err(unknown("retry strategy", text, &["fixed", "linear", "exponential"])),
    }
}

pub(super) fn invalid(message: impl Into<String>) -> Rejection {
    Rejection::new(INVALID_ARGUMENT, message)
}

/// One of a few words was expected.
pub(super) fn unknown(what: &str, text: &str, known: &[&str]) -> Rejection {
    let near = suggestion(text, known.iter().copied());
    invalid(format!("`{}` is no {what}{near} (known: {})", shortened(text), known.join(", ")))
}

/// How far a delay may be off: a switch, or a share of the delay from 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Jitter {
    permille: u32,
}

impl<'de> Deserialize<'de> for Jitter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JitterVisitor)
    }
}

struct JitterVisitor;

impl Visitor<'_> for JitterVisitor {
    type Value = Jitter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or a share from 0 to 1")
    }

    fn visit_bool<E>(self, on: bool) -> Result<Jitter, E> {
        Ok(Jitter { permille: if on { JITTER_PERMILLE } else { 0 } })
    }

    fn visit_u64<E: Error>(self, share: u64) -> Result<Jitter, E> {
        match share {
            0 => Ok(Jitter { permille: 0 }),
            1 => Ok(Jitter { permille: 1_000 }),
            _ => Err(E::invalid_value(Unexpected::Unsigned(share), &self)),
        }
    }

    fn visit_i64<E: Error>(self, share: i64) -> Result<Jitter, E> {
        u64::try_from(share)
            .map_err(|_| E::invalid_value(Unexpected::Signed(share), &self))
            .and_then(|share| self.visit_u64(share))
    }

    fn visit_f64<E: Error>(self, share: f64) -> Result<Jitter, E> {
        if !(0.0..=1.0).contains(&share) {
            return Err(E::invalid_value(Unexpected::Float(share), &self));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked in the line above"
        )]
        Ok(Jitter { permille: (share * 1_000.0).round() as u32 })
    }
}
