//! Performing what durable records allow: answers, assignments, cancels, announcements.
//!
//! Runs on its own thread, so that neither the writer nor the disk waits for templates, large payloads or
//! sockets. Outputs keep their order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use tokio::sync::watch;
use tracing::{error, warn};

use super::assign::{Assigned, Assignment, Traces};
use super::feed::{Feed, FeedItem, unreadable};
use super::handle::EngineHandle;
use super::lookup::LookupJob;
use super::turn::Output;
use crate::core::access::Access;
use crate::core::command::{Command, Progress, Returned, WorkerFacts, WorkerStatus};
use crate::core::errors;
use crate::core::event::Failure;
use crate::core::ids::{AttemptNo, Seq, SessionId, TaskId, Timestamp, WorkerId};
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::log::LogRead;
use crate::store::{StoreJob, StoreStatus};

/// A way to workers: the built-in executor's channel, or sockets. Nothing here may block.
pub trait Outlet: Send + Sync + std::fmt::Debug {
    /// Hands an attempt to the worker on this connection.
    ///
    /// # Errors
    /// When the connection has no room for it, or is gone.
    fn assign(&self, session: SessionId, assigned: Assigned) -> Result<(), Undelivered>;

    /// Tells the worker to stop an attempt. A connection that is gone needs no word.
    fn cancel(&self, session: SessionId, stopped: &Stopped);

    /// A newer connection of the same worker took over.
    fn close(&self, session: SessionId);
}

/// An attempt that its worker is told to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    pub task: TaskId,
    pub attempt: AttemptNo,
    /// The ids by which the worker knows the task and its workflow.
    pub wire_id: Arc<str>,
    pub workflow_label: Arc<str>,
}

/// The worker's connection did not take an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the worker's connection has no room or is gone")]
pub struct Undelivered;

/// News that are not in the log.
#[derive(Debug, Clone)]
pub enum Announcement {
    Registered {
        facts: Arc<WorkerFacts>,
        at: Timestamp,
    },
    Departed {
        facts: Arc<WorkerFacts>,
        at: Timestamp,
    },
    Status {
        worker: WorkerId,
        old: WorkerStatus,
        new: WorkerStatus,
        at: Timestamp,
    },
    /// Webhook subscriptions have changed.
    Subscriptions,
    Progress {
        task: TaskId,
        attempt: AttemptNo,
        wire_id: Arc<str>,
        label: Arc<str>,
        progress: Progress,
        at: Timestamp,
    },
}

/// What the dispatching thread needs to know of the world.
#[derive(Debug)]
pub(super) struct Dispatcher {
    pub log: Arc<dyn LogRead>,
    pub feed: Feed,
    pub engine: EngineHandle,
    /// The executor inside the binary.
    pub built_in: Arc<dyn Outlet>,
    pub sockets: Arc<dyn Outlet>,
    pub lookups: Sender<LookupJob>,
    pub store: Sender<StoreJob>,
    pub store_status: Arc<StoreStatus>,
    pub traces: Traces,
    /// What whoever lets people in goes by.
    pub access: watch::Sender<Arc<Access>>,
}

impl Dispatcher {
    pub(super) fn run(self, outputs: &Receiver<Vec<Output>>) {
        while let Ok(outputs) = outputs.recv() {
            for output in outputs {
                self.perform(output);
            }
        }
    }

    fn perform(&self, output: Output) {
        match output {
            Output::Answer { reply, answer } => reply(answer),
            Output::Deliver(deliver) => deliver(),
            Output::Assign(assignment) => self.assign(*assignment),
            Output::Cancel { session, stopped } => self.outlet(session).cancel(session, &stopped),
            Output::Close(session) => self.outlet(session).close(session),
            Output::Announce(announcement) => {
                self.feed.publish(FeedItem::Announcement(Arc::new(announcement)));
            }
            Output::Publish(access) => drop(self.access.send_replace(access)),
            // A thread that has stopped reads for nobody.
            Output::LookUp(lookup) => {
                let _ = self.lookups.send(LookupJob::Read(lookup));
            }
            Output::Discard(workflow) => {
                let _ = self.lookups.send(LookupJob::Discard(workflow));
            }
            // A store that has stopped misses nothing: the log has everything.
            Output::Archive(workflow) => {
                self.store_status.add(1);
                let _ = self.store.send(StoreJob::Archive(workflow));
            }
            Output::Checkpoint(input) => {
                let _ = self.store.send(StoreJob::Checkpoint(input));
            }
        }
    }

    fn outlet(&self, session: SessionId) -> &dyn Outlet {
        if session.is_built_in() { &*self.built_in } else { &*self.sockets }
    }

    fn assign(&self, assignment: Assignment) {
        let (session, task, attempt) = (assignment.session, assignment.task, assignment.attempt);
        let decided = assignment.decided;
        let command = match assignment.fill(|seq, part| self.load(seq, part)) {
            Ok(assigned) => match self.hand_over(session, assigned) {
                Ok(()) => return self.engine.measure_dispatch(decided),
                Err(Undelivered) => Command::ReturnAttempt { task, attempt, why: Returned::NoRoom },
            },
            Err(rejection) => {
                warn!(%task, attempt = attempt.0, %rejection, "parameters could not be filled");
                let failure = Failure::new(rejection.code, rejection.message);
                Command::FailDispatch { task, attempt, failure }
            }
        };
        if let Err(rejection) = self.engine.report(command, None) {
            // The accept timeout decides instead.
            error!(%task, %rejection, "the engine did not take an attempt back");
        }
    }

    fn hand_over(&self, session: SessionId, mut assigned: Assigned) -> Result<(), Undelivered> {
        assigned.traces = self.traces;
        self.outlet(session).assign(session, assigned)
    }

    fn load(&self, seq: Seq, part: u32) -> Result<Payload, Rejection> {
        self.log.part(seq, part).map(Payload::new).map_err(|error| {
            let rejection = unreadable(&error);
            Rejection::new(errors::STORAGE_FAILED, format!("a stored payload: {}", rejection.message))
        })
    }
}
