//! Whether the release of old log frees more than it writes.

use super::{Kept, Retention};
use crate::core::carried::CarriedWorkflow;
use crate::core::ids::{Seq, WorkflowId};
use crate::core::state::Workflow;
use crate::log::OldPart;
use crate::store::record;

/// Carrying more than one workflow for each so many records costs more time than the disk is worth.
const RECORDS_PER_CARRIED: u64 = 20;
/// Of what is freed, one part in so many may be written again. Payloads that are kept would else move through the disk
/// for ever.
const PARTS_WRITTEN_AGAIN: u64 = 2;
/// After a look that found too much to carry, the next one waits until the size of the log has changed, or so many of the
/// ended workflows have gone, by one part in so many.
const CHANGE: u64 = 8;

/// What there was when the oldest part of the log was not worth its release.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked {
    file_bytes: u64,
    workflows: u64,
    /// How many went since.
    gone: u64,
}

impl Looked {
    const fn has_changed(&self, file_bytes: u64) -> bool {
        file_bytes.abs_diff(self.file_bytes) > self.file_bytes / CHANGE || self.gone > self.workflows / CHANGE
    }
}

impl Retention {
    /// `gone` ended workflows were taken out just now.
    pub(super) fn is_worth_it(&mut self, part: OldPart, gone: u64) -> Result<bool, Kept> {
        let file_bytes = self.files.file_bytes();
        if let Some(looked) = &mut self.looked {
            looked.gone += gone;
            if !looked.has_changed(file_bytes) {
                return Ok(false);
            }
        }
        let is_worth_it = self.carries_little(part)?;
        let workflows = self.store.totals().workflows();
        self.looked = (!is_worth_it).then_some(Looked { file_bytes, workflows, gone: 0 });
        Ok(is_worth_it)
    }

    fn carries_little(&self, part: OldPart) -> Result<bool, Kept> {
        let records = part.up_to.0.saturating_sub(self.log.first_seq().0);
        let limit = usize::try_from(records / RECORDS_PER_CARRIED).unwrap_or(usize::MAX);
        let holding = self.store.holding_back(part.up_to, None, limit)?;
        if holding.next.is_some() {
            return Ok(false);
        }
        let most = part.bytes / PARTS_WRITTEN_AGAIN;
        let mut written = self.live_bytes(part.up_to)?;
        for id in holding.workflows {
            if written > most {
                break;
            }
            written += self.archived_bytes(id, part.up_to)?;
        }
        Ok(written <= most)
    }

    /// What carrying all that has not ended writes.
    fn live_bytes(&self, up_to: Seq) -> Result<u64, Kept> {
        let live = self.live_below(up_to)?;
        let workflows: Vec<Workflow> = self.engine.query_blocking(move |view| {
            live.iter().filter_map(|id| view.state.workflow(*id).cloned()).collect()
        })?;
        Ok(workflows.iter().map(|workflow| bytes(workflow, up_to)).sum())
    }

    fn archived_bytes(&self, id: WorkflowId, up_to: Seq) -> Result<u64, Kept> {
        Ok(self.store.load(id)?.map_or(0, |workflow| bytes(&workflow, up_to)))
    }
}

/// What carrying a workflow writes: its records, with what is small enough to stay inside, and its large payloads.
fn bytes(workflow: &Workflow, up_to: Seq) -> u64 {
    let records = CarriedWorkflow::without_grants(workflow).into_events();
    let own: u64 = records.iter().map(record::size_hint).sum();
    own + CarriedWorkflow::payload_bytes_below(workflow, up_to)
}
