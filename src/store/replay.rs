//! Bringing the state up to the end of the log, and the store with it.

use std::ops::ControlFlow;

use tracing::warn;

use super::error::StoreError;
use super::record;
use super::views::Store;
use crate::core::event::Event;
use crate::core::ids::WorkflowId;
use crate::core::state::{State, Workflow};
use crate::log::RecordView;

/// Ended workflows that memory holds at most while the log is replayed.
const ENDED_MAX: usize = 1_000;

impl Store {
    /// Applies every durable record from the state's position on, and returns how many there were. Workflows that
    /// end on the way are archived, so that a replay of years needs no more memory than one of a minute.
    ///
    /// # Errors
    /// When the log cannot be read or decoded.
    pub fn replay(&self, state: &mut State) -> Result<u64, StoreError> {
        let from = state.next_seq.max(self.log.first_seq());
        // What lies before the first kept record has been released and is carried further on.
        state.next_seq = from;
        let mut replay = Replay { store: self, state, ended: Vec::new(), count: 0 };
        let mut outcome = Ok(());
        self.log.scan(from, &mut |view| match replay.step(&view) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        })?;
        outcome?;
        replay.archive();
        Ok(replay.count)
    }
}

struct Replay<'a> {
    store: &'a Store,
    state: &'a mut State,
    ended: Vec<WorkflowId>,
    count: u64,
}

impl Replay<'_> {
    fn step(&mut self, view: &RecordView<'_>) -> Result<(), StoreError> {
        let record = record::decode(view)?;
        self.state.next_seq = view.seq;
        self.state.apply(&record);
        self.count += 1;
        let may_end = matches!(
            record.event,
            Event::WorkflowEnded { .. }
                | Event::WorkflowCancelled { .. }
                | Event::WorkflowCarried { .. }
                | Event::TasksCarried { .. }
        );
        if may_end {
            self.ended.extend(record.event.workflow());
            if self.ended.len() >= ENDED_MAX {
                self.archive();
            }
        }
        Ok(())
    }

    /// Moves what has ended, and not begun again, from memory to the store.
    fn archive(&mut self) {
        let ids = std::mem::take(&mut self.ended);
        let ended =
            |id: &WorkflowId| self.state.workflow(*id).filter(|known| known.status.has_ended()).cloned();
        let workflows: Vec<Workflow> = ids.iter().filter_map(ended).collect();
        if let Err(error) = self.store.archive(&workflows) {
            if !matches!(error, StoreError::Frozen { .. }) {
                warn!(%error, "ended workflows stay in memory");
            }
            return;
        }
        for workflow in workflows {
            self.state.forget(workflow.id, workflow.ended_seq.unwrap_or(workflow.spec_seq));
        }
    }
}
