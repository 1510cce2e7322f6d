//! Whole numbers in YAML that 64 bits do not hold. The parser hands them on as floats, whose last digits are others;
//! what was written can only be seen in the text. Floats that are written as such (`1e30`) are left alone.

use std::collections::BTreeSet;

use super::policy::invalid;
use super::shortened;
use crate::core::json_text::{Part, parts};
use crate::core::payload::{Payload, Stored};
use crate::core::rejection::Rejection;
use crate::core::spec::WorkflowSpec;

/// Fewer digits fit 64 bits, whatever the number.
const FITTING_DIGITS: usize = 18;

/// Refuses the first whole number of `text` that has become a float in `spec`, with its line.
pub(super) fn refuse_rounded(text: &str, spec: &WorkflowSpec) -> Result<(), Rejection> {
    let mut suspects = (1..).zip(text.lines()).flat_map(|(line, content)| suspects(line, content)).peekable();
    if suspects.peek().is_none() {
        return Ok(());
    }
    let floats: BTreeSet<&str> = payloads(spec).flat_map(floats).collect();
    match suspects.find(|suspect| floats.contains(suspect.rounded.as_str())) {
        Some(Suspect { word, line, column, .. }) => Err(invalid(format!(
            "`{}` is a whole number that 64 bits do not hold, and would lose digits; put it in quotes, as text \
             (line {line}, column {column})",
            shortened(word)
        ))),
        None => Ok(()),
    }
}

/// A whole number that is too large, if it is a number where it stands.
struct Suspect<'t> {
    word: &'t str,
    line: usize,
    column: usize,
    /// As the float is written in JSON.
    rounded: String,
}

fn suspects(line: usize, content: &str) -> impl Iterator<Item = Suspect<'_>> {
    let is_between = |c: char| c.is_whitespace() || [',', '[', ']', '{', '}', ':'].contains(&c);
    let mut start = 0;
    content.split_inclusive(is_between).filter_map(move |piece| {
        let before = content.get(..start).unwrap_or_default();
        start += piece.len();
        let word = piece.trim_end_matches(is_between);
        if !is_too_large(word) {
            return None;
        }
        let rounded = serde_json::to_string(&word.parse::<f64>().ok()?).ok()?;
        Some(Suspect { word, line, column: before.chars().count() + 1, rounded })
    })
}

fn is_too_large(word: &str) -> bool {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    digits.len() > FITTING_DIGITS
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && word.parse::<i64>().is_err()
        && word.parse::<u64>().is_err()
}

fn payloads(spec: &WorkflowSpec) -> impl Iterator<Item = &str> {
    let of_tasks = spec.tasks.iter().flat_map(|task| {
        let parameters = match &task.parameters {
            Stored::Inline(payload) => Some(payload),
            Stored::Own(_) | Stored::Logged { .. } => task.parameters.own_text(),
        };
        [parameters, task.metadata.as_ref()]
    });
    of_tasks.chain([spec.metadata.as_ref()]).flatten().map(Payload::as_str)
}

/// The numbers that are written with an exponent, as all floats of this size are.
fn floats(json: &str) -> impl Iterator<Item = &str> {
    let others = parts(json).filter_map(|part| match part {
        Part::Other(other) => Some(other),
        Part::Text(_) => None,
    });
    others.flat_map(|other| other.split([',', '[', ']', '{', '}', ':'])).filter(|word| word.contains('e'))
}
