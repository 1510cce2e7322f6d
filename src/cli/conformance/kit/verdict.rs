//! What was seen of one rule, and what that means.

#![expect(clippy::unnecessary_wraps, reason = "a check ends with one of the functions below, as they are")]

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    /// The service speaks the Base protocol only, and does in this what its clients have always done.
    Deviation,
    NotApplicable,
}

impl Outcome {
    pub const fn told(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Deviation => "deviation",
            Self::NotApplicable => "not applicable",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub outcome: Outcome,
    pub seen: String,
}

/// What a check comes to. An error is something that did not come, which breaks the rule.
pub(super) type Checked = Result<Verdict, Missed>;

/// Something that was waited for and did not come.
#[derive(Debug)]
pub(super) struct Missed(pub String);

impl Verdict {
    pub fn new(outcome: Outcome, seen: impl Into<String>) -> Self {
        Self { outcome, seen: seen.into() }
    }
}

pub(super) fn passed(seen: impl Into<String>) -> Checked {
    Ok(Verdict::new(Outcome::Passed, seen))
}

pub(super) fn failed(seen: impl Into<String>) -> Checked {
    Ok(Verdict::new(Outcome::Failed, seen))
}

pub(super) fn deviation(seen: impl Into<String>) -> Checked {
    Ok(Verdict::new(Outcome::Deviation, seen))
}

pub(super) fn not_applicable(why: impl Into<String>) -> Checked {
    Ok(Verdict::new(Outcome::NotApplicable, why))
}
