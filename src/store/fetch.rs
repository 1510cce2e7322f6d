//! Reading from the log what the store only refers to.

use std::ops::ControlFlow;

use super::error::StoreError;
use super::record;
use super::stored::Draft;
use crate::core::ids::Seq;
use crate::core::payload::{Payload, Stored};
use crate::core::state::Workflow;
use crate::log::{LogError, LogRead, RecordView};

/// Records that are passed over rather than finding the next wanted one anew.
const SKIPPED_MAX: u64 = 500;

/// Completes workflows, reading every record that they want once, in the order of the log.
pub fn complete(log: &dyn LogRead, mut drafts: Vec<Draft>) -> Result<Vec<Workflow>, StoreError> {
    let mut wanted: Vec<(Seq, usize)> = Vec::new();
    for (number, draft) in drafts.iter().enumerate() {
        wanted.extend(draft.wanted().map(|seq| (seq, number)));
    }
    wanted.sort_unstable();
    wanted.dedup();
    let mut rest = wanted.as_slice();
    while let Some((from, _)) = rest.first() {
        let before = rest.len();
        let mut outcome = Ok(());
        log.scan(*from, &mut |view| match step(view, &mut rest, &mut drafts) {
            Ok(flow) => flow,
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        })?;
        outcome?;
        if rest.len() == before {
            break;
        }
    }
    // Whoever has not seen all it wanted says so.
    drafts.into_iter().map(Draft::finish).collect()
}

fn step(
    view: RecordView<'_>,
    rest: &mut &[(Seq, usize)],
    drafts: &mut [Draft],
) -> Result<ControlFlow<()>, StoreError> {
    // A record that was given up is passed over by the log.
    while rest.first().is_some_and(|(seq, _)| *seq < view.seq) {
        *rest = rest.get(1..).unwrap_or_default();
    }
    let Some((next, _)) = rest.first() else { return Ok(ControlFlow::Break(())) };
    if view.seq < *next {
        let far = next.0 - view.seq.0 > SKIPPED_MAX;
        return Ok(if far { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    }
    let record = record::decode(&view)?;
    while let Some((_, number)) = rest.first().filter(|(seq, _)| *seq == view.seq) {
        if let Some(draft) = drafts.get_mut(*number) {
            draft.see(view.seq, &record.event)?;
        }
        *rest = rest.get(1..).unwrap_or_default();
    }
    Ok(if rest.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}

/// The text of a payload that memory or the store holds.
///
/// # Errors
/// When the log cannot be read.
///
/// # Panics
/// For a part of a record that is still being made and has no text.
pub fn payload(log: &dyn LogRead, stored: &Stored) -> Result<Payload, LogError> {
    match stored {
        Stored::Inline(payload) => Ok(payload.clone()),
        Stored::Own(own) => Ok(own.text.clone().expect("a record in the making has its texts")),
        Stored::Logged { seq, part, .. } => log.part(*seq, *part).map(Payload::new),
    }
}
