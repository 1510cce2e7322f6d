//! The rooms of submitters: what the earlier clients are told of their workflows, event by event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tracing::debug;

use super::room::{Counted, RoomState};
use crate::core::event::{AfterFailure, ByHand, Event, Record};
use crate::core::ids::{AttemptNo, Seq, TaskId, Timestamp, WorkflowId};
use crate::core::payload::{Payload, Stored};
use crate::core::rejection::Rejection;
use crate::engine::Announcement;
use crate::protocol::socket::{
    TaskCompletion, TaskFailure, TaskProgress, WorkflowCancellation, WorkflowEnd, WorkflowProgress,
};
use crate::protocol::time::NaiveUtc;
use crate::socket::Server;
use crate::socket::rooms::Room;

pub(super) struct Submitted {
    server: Arc<Server>,
    /// What is known of each workflow whose room has been told something.
    rooms: BTreeMap<WorkflowId, RoomState>,
    /// Rooms whose counts have changed since their progress was told.
    changed: BTreeSet<WorkflowId>,
}

impl Submitted {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, rooms: BTreeMap::new(), changed: BTreeSet::new() }
    }

    pub(super) fn clear(&mut self) {
        self.rooms.clear();
        self.changed.clear();
    }

    /// Tells the room of a workflow what a record means to it.
    pub(super) async fn tell(&mut self, id: WorkflowId, seq: Seq, record: &Record) {
        if let Err(rejection) = self.try_tell(id, seq, record).await {
            debug!(workflow = %id, %rejection, "a room could not be told of a record");
        }
    }

    async fn try_tell(&mut self, id: WorkflowId, seq: Seq, record: &Record) -> Result<(), Rejection> {
        self.know(id, seq, record).await?;
        let Some(state) = self.rooms.get_mut(&id) else { return Ok(()) };
        let counted = state.count(seq, record);
        let at = record.at;
        match &record.event {
            Event::TaskCompleted { task, result, .. } => {
                let result = self.text_of(result, seq).await?;
                self.task_completed(id, task.index, result.as_str(), counted.run_ms, at);
                self.changed.insert(id);
                self.tell_progress_of(id, at);
            }
            Event::TaskFailed { task, attempt, failure, next: AfterFailure::Final, .. } => {
                if let Some(state) = self.rooms.get(&id) {
                    let names = (&*state.wire_id(task.index), &*state.label);
                    let told = TaskFailure::new(names, failure, *attempt, at);
                    self.emit(id, TaskFailure::EVENT, &told);
                }
                self.changed.insert(id);
                self.tell_progress_of(id, at);
            }
            Event::TaskSkipped { .. } | Event::TaskCancelled { .. } => {
                self.changed.insert(id);
            }
            Event::WorkflowEnded { .. } => self.workflow_ended(id, counted, at),
            Event::WorkflowCancelled { .. } => {
                if let Some(state) = self.rooms.get(&id) {
                    let told = WorkflowCancellation { workflow_id: &state.label, timestamp: NaiveUtc(at) };
                    self.emit(id, WorkflowCancellation::EVENT, &told);
                }
                self.close(id);
            }
            Event::TaskSettledByHand { task, how, .. } => {
                self.settled_by_hand(id, *task, how, seq, at).await?;
                // What it did to the counts depends on how the task stood before.
                self.rooms.remove(&id);
                self.know(id, seq, record).await?;
                self.changed.insert(id);
                self.tell_progress_of(id, at);
            }
            // Which of its tasks begin anew cannot be told from the counts alone.
            Event::TasksRetried { .. }
            | Event::WorkflowCarried { .. }
            | Event::TasksCarried { .. }
            | Event::PayloadsCarried { .. } => {
                self.rooms.remove(&id);
            }
            Event::TaskFailed { .. }
            | Event::EngineStarted { .. }
            | Event::WorkflowSubmitted { .. }
            | Event::WorkflowPaused { .. }
            | Event::WorkflowResumed { .. }
            | Event::RoundStarted { .. }
            | Event::WorkerNamed { .. }
            | Event::TaskOffered { .. }
            | Event::TaskAccepted { .. }
            | Event::AttemptLost { .. }
            | Event::AttemptRefused { .. }
            | Event::TaskRequeued { .. }
            | Event::GrantReleased { .. }
            | Event::LateReportSeen { .. }
            | Event::ParametersEdited { .. }
            | Event::ServicesCarried { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::Subscription { .. }
            | Event::Access { .. }
            | Event::Released { .. }
            | Event::DeliveryTried { .. } => {}
        }
        Ok(())
    }

    /// A result or failure by hand is told as one of a worker is.
    async fn settled_by_hand(
        &self,
        id: WorkflowId,
        task: TaskId,
        how: &ByHand,
        seq: Seq,
        at: Timestamp,
    ) -> Result<(), Rejection> {
        match how {
            ByHand::Completed { result } => {
                let result = self.text_of(result, seq).await?;
                self.task_completed(id, task.index, result.as_str(), 0, at);
            }
            ByHand::Failed { failure, next: AfterFailure::Final } => {
                if let Some(state) = self.rooms.get(&id) {
                    let names = (&*state.wire_id(task.index), &*state.label);
                    self.emit(id, TaskFailure::EVENT, &TaskFailure::new(names, failure, AttemptNo(0), at));
                }
            }
            ByHand::Failed { next: AfterFailure::RetryAt(_), .. } | ByHand::Skipped { .. } => {}
        }
        Ok(())
    }

    /// Learns the workflow's names and counts, unless they are known: from its submission, or from the engine.
    async fn know(&mut self, id: WorkflowId, seq: Seq, record: &Record) -> Result<(), Rejection> {
        if self.rooms.contains_key(&id) {
            return Ok(());
        }
        let state = if let Event::WorkflowSubmitted { spec, .. } = &record.event {
            RoomState::submitted(id, Arc::clone(spec), seq.next())
        } else {
            let engine = &self.server.engine;
            let live = engine.query(move |view| (view.state.workflow(id).cloned(), view.state.next_seq));
            match live.await? {
                (Some(workflow), next) => RoomState::of(&workflow, next),
                // It has ended and left memory; nothing of it will change any more.
                (None, next) => RoomState::of(&*engine.workflow(id).await?, next),
            }
        };
        self.rooms.insert(id, state);
        Ok(())
    }

    /// Records that are told hold no large results: these are read from the log.
    async fn text_of(&self, result: &Stored, seq: Seq) -> Result<Payload, Rejection> {
        self.server.engine.payload(&result.settled(seq)).await
    }

    fn task_completed(&self, id: WorkflowId, index: u32, result: &str, run_ms: u64, at: Timestamp) {
        let Some(state) = self.rooms.get(&id) else { return };
        let result: &RawValue = serde_json::from_str(result).unwrap_or(RawValue::NULL);
        #[expect(clippy::cast_precision_loss, reason = "no task runs for 2^53 ms")]
        let execution_time = run_ms as f64 / 1_000.0;
        let told = TaskCompletion {
            task_id: &state.wire_id(index),
            workflow_id: &state.label,
            result,
            timestamp: NaiveUtc(at),
            execution_time,
        };
        self.emit(id, TaskCompletion::EVENT, &told);
    }

    fn workflow_ended(&mut self, id: WorkflowId, counted: Counted, at: Timestamp) {
        self.tell_progress_of(id, at);
        if let Some(state) = self.rooms.get(&id) {
            let told = WorkflowEnd {
                workflow_id: &state.label,
                status: counted.status,
                completed_tasks: state.completed,
                failed_tasks: state.failed,
                timestamp: NaiveUtc(at),
            };
            self.emit(id, WorkflowEnd::EVENT, &told);
        }
        self.close(id);
    }

    /// Tells the rooms whose counts changed by more than ends of tasks, which tell it by themselves.
    pub(super) fn tell_progress(&mut self) {
        for id in std::mem::take(&mut self.changed) {
            if let Some(at) = self.rooms.get(&id).map(|state| state.changed_at) {
                self.changed.insert(id);
                self.tell_progress_of(id, at);
            }
        }
    }

    /// Once for each percent, so that a large workflow does not tell it for each of its tasks.
    fn tell_progress_of(&mut self, id: WorkflowId, at: Timestamp) {
        let Some(state) = self.rooms.get_mut(&id).filter(|_| self.changed.remove(&id)) else { return };
        if !state.advances() {
            return;
        }
        let counts = ((state.total, state.ended), (state.completed, state.failed));
        let label = Arc::clone(&state.label);
        self.emit(id, WorkflowProgress::EVENT, &WorkflowProgress::new(&label, counts.0, counts.1, at));
    }

    pub(super) fn tell_task_progress(&self, announcement: &Announcement) {
        let Announcement::Progress { task, wire_id, label, progress, at, .. } = announcement else { return };
        let data = progress.data.as_ref().and_then(|data| serde_json::from_str(data.as_str()).ok());
        let told = TaskProgress {
            task_id: wire_id,
            workflow_id: label,
            progress: progress.percent,
            message: &progress.message,
            timestamp: NaiveUtc(*at),
            data,
        };
        self.emit(task.workflow, TaskProgress::EVENT, &told);
    }

    /// Somebody joined the room of a workflow that was submitted before.
    pub(super) async fn has_ended(&mut self, id: WorkflowId) {
        let Ok(workflow) = self.server.engine.workflow(id).await else { return };
        let Some(ended_at) = workflow.ended_at.filter(|_| workflow.status.has_ended()) else { return };
        let state = RoomState::of(&workflow, Seq(u64::MAX));
        if workflow.status == crate::core::state::WorkflowStatus::Cancelled {
            let told = WorkflowCancellation { workflow_id: &state.label, timestamp: NaiveUtc(ended_at) };
            self.emit(id, WorkflowCancellation::EVENT, &told);
        } else {
            let told = WorkflowEnd {
                workflow_id: &state.label,
                status: workflow.status.name(),
                completed_tasks: state.completed,
                failed_tasks: state.failed,
                timestamp: NaiveUtc(ended_at),
            };
            self.emit(id, WorkflowEnd::EVENT, &told);
        }
        self.close(id);
    }

    /// Nothing more happens to the workflow, so its room is empty from now on.
    fn close(&mut self, id: WorkflowId) {
        self.rooms.remove(&id);
        self.changed.remove(&id);
        self.server.rooms.close(Room::Submitted(id));
    }

    fn emit<T: Serialize>(&self, id: WorkflowId, event: &str, data: &T) {
        let members = self.server.rooms.members(Room::Submitted(id));
        let Ok(data) = to_raw_value(data) else { return };
        for member in members {
            if let Some(connection) = self.server.sessions.get(member) {
                // A client that does not read misses events; its full buffer has been noted.
                let _ = connection.tell(event, &data);
            }
        }
    }
}
