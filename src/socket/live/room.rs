//! What is remembered of a workflow while its room is told of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::event::{AfterFailure, Event, Outcome, Record};
use crate::core::ids::{Seq, TaskId, Timestamp, WorkflowId};
use crate::core::spec::WorkflowSpec;
use crate::core::state::{StatusKind, TaskStatus, Workflow};

/// Names and counts of a workflow, kept up with each record.
#[derive(Debug)]
pub(super) struct RoomState {
    id: WorkflowId,
    pub label: Arc<str>,
    spec: Arc<WorkflowSpec>,
    /// Records before this are in the counts already.
    next: Seq,
    pub total: u32,
    /// Tasks that will not run any more, whatever became of them.
    pub ended: u32,
    pub completed: u32,
    pub failed: u32,
    pub changed_at: Timestamp,
    /// When each running attempt was accepted.
    accepted: BTreeMap<u32, Timestamp>,
    told_percent: Option<u64>,
}

/// What counting one record brought to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counted {
    /// How long the attempt ran that the record ends.
    pub run_ms: u64,
    /// How the workflow ended.
    pub status: &'static str,
}

impl RoomState {
    /// Before its first task.
    pub(super) fn submitted(id: WorkflowId, spec: Arc<WorkflowSpec>, next: Seq) -> Self {
        let label = spec.label.as_ref().map_or_else(|| Arc::from(id.to_string()), Arc::clone);
        let total = spec.total();
        Self {
            id,
            label,
            spec,
            next,
            total,
            ended: 0,
            completed: 0,
            failed: 0,
            changed_at: Timestamp::default(),
            accepted: BTreeMap::new(),
            told_percent: None,
        }
    }

    /// As it stands before the record at `next`.
    pub(super) fn of(workflow: &Workflow, next: Seq) -> Self {
        let counts = &workflow.counts;
        let mut state = Self::submitted(workflow.id, Arc::clone(&workflow.spec), next);
        state.completed = counts.of(StatusKind::Completed);
        state.failed = counts.of(StatusKind::Failed);
        state.ended = state.total - counts.unsettled();
        if counts.of(StatusKind::Processing) > 0 {
            state.accepted = (0..state.total)
                .filter_map(|index| match &workflow.task(index).status {
                    TaskStatus::Processing { since, .. } => Some((index, *since)),
                    TaskStatus::Pending { .. }
                    | TaskStatus::Queued { .. }
                    | TaskStatus::Assigned { .. }
                    | TaskStatus::Retrying { .. }
                    | TaskStatus::Completed { .. }
                    | TaskStatus::Failed { .. }
                    | TaskStatus::Cancelled { .. }
                    | TaskStatus::Skipped { .. } => None,
                })
                .collect();
        }
        state
    }

    /// The id by which the submitter knows a task.
    pub(super) fn wire_id(&self, index: u32) -> Arc<str> {
        let own = self.spec.task(index).own_id.as_ref();
        own.map_or_else(|| Arc::from(TaskId::new(self.id, index).to_string()), Arc::clone)
    }

    pub(super) fn count(&mut self, seq: Seq, record: &Record) -> Counted {
        let mut counted = Counted::default();
        let run_ms = |accepted: Option<Timestamp>| accepted.map_or(0, |since| record.at.since(since));
        let fresh = seq >= self.next;
        match &record.event {
            Event::TaskAccepted { task, .. } => {
                self.accepted.insert(task.index, record.at);
            }
            Event::TaskCompleted { task, .. } => {
                counted.run_ms = run_ms(self.accepted.remove(&task.index));
                self.completed += u32::from(fresh);
                self.ended += u32::from(fresh);
            }
            Event::TaskFailed { task, next, .. } => {
                self.accepted.remove(&task.index);
                let is_final = fresh && *next == AfterFailure::Final;
                self.failed += u32::from(is_final);
                self.ended += u32::from(is_final);
            }
            Event::TaskSkipped { .. } => self.ended += u32::from(fresh),
            Event::TaskCancelled { task, .. } => {
                self.accepted.remove(&task.index);
                self.ended += u32::from(fresh);
            }
            // The failed tasks get one more round.
            Event::RoundStarted { .. } if fresh => {
                self.ended = self.ended.saturating_sub(self.failed);
                self.failed = 0;
            }
            Event::WorkflowEnded { outcome, .. } => {
                counted.status = match outcome {
                    Outcome::Completed => "completed",
                    Outcome::Failed | Outcome::TimedOut => "failed",
                };
            }
            Event::EngineStarted { .. }
            | Event::WorkflowSubmitted { .. }
            | Event::WorkflowPaused { .. }
            | Event::WorkflowResumed { .. }
            | Event::WorkflowCancelled { .. }
            | Event::RoundStarted { .. }
            | Event::TasksRetried { .. }
            | Event::WorkerNamed { .. }
            | Event::TaskOffered { .. }
            | Event::AttemptLost { .. }
            | Event::AttemptRefused { .. }
            | Event::TaskRequeued { .. }
            | Event::GrantReleased { .. }
            | Event::LateReportSeen { .. }
            | Event::TaskSettledByHand { .. }
            | Event::ParametersEdited { .. }
            | Event::WorkflowCarried { .. }
            | Event::TasksCarried { .. }
            | Event::PayloadsCarried { .. }
            | Event::ServicesCarried { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::Subscription { .. }
            | Event::Access { .. }
            | Event::Released { .. }
            | Event::DeliveryTried { .. } => {}
        }
        self.changed_at = record.at;
        counted
    }

    /// Whether the share of ended tasks is another one, in whole percent, than when it was asked before.
    pub(super) fn advances(&mut self) -> bool {
        let percent = Some(100 * u64::from(self.ended) / u64::from(self.total.max(1)));
        std::mem::replace(&mut self.told_percent, percent) != percent
    }
}
