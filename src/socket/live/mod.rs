//! Telling sockets what happens: news of workers to everybody, records of workflows to their rooms.
//!
//! Follows the engine's announcements always, and its records only while somebody is in a room.

mod frames;
mod room;
mod submitted;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::{debug, warn};

use super::Server;
use crate::core::command::WorkerKind;
use crate::core::event::Record;
use crate::core::ids::{Seq, WorkflowId};
use crate::engine::{Announcement, FeedItem, Published};
use crate::protocol::socket::{
    NodeDeparture, NodeRegistration, ServiceDeparture, ServiceRegistration, StatusChange,
};
use frames::Frames;
use submitted::Submitted;

/// Frames leave this often, so that a busy workflow costs its watchers a few messages a second.
const FRAME_INTERVAL: Duration = Duration::from_millis(150);
/// Questions that may wait; more are of clients who submit what has ended, again and again.
const QUESTIONS_MAX: usize = 4_096;
/// Records that are read from the log at once by a follower that lags.
const READ_MAX: usize = 1_000;

/// The way to the task of this module.
#[derive(Debug)]
pub(super) struct LiveHandle {
    questions: mpsc::Sender<Question>,
}

/// What somebody wants to be told who came late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// The room of this workflow is told of its end, if that was before.
    HasEnded(WorkflowId),
}

impl LiveHandle {
    pub(super) fn new() -> (Self, mpsc::Receiver<Question>) {
        let (questions, receiver) = mpsc::channel(QUESTIONS_MAX);
        (Self { questions }, receiver)
    }

    /// Never waits.
    pub(super) fn ask(&self, question: Question) {
        if self.questions.try_send(question).is_err() {
            debug!(?question, "too many questions wait");
        }
    }
}

/// What one turn of the loop is about.
enum Turn {
    News(Result<Arc<Announcement>, RecvError>),
    Records(Result<FeedItem, RecvError>),
    Asked(Question),
    RoomsOpened,
    FramesDue,
}

/// Runs for as long as the server.
pub(super) async fn follow(server: Arc<Server>, mut questions: mpsc::Receiver<Question>) {
    let mut news = server.engine.feed().follow_news();
    let mut live = Live::new(server);
    let mut ticks = interval(FRAME_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let turn = live.next(&mut news, &mut questions, &mut ticks).await;
        match turn {
            Turn::News(Ok(announcement)) => live.announce(&announcement),
            Turn::News(Err(RecvError::Lagged(missed))) => {
                warn!(missed, "clients were not told of some workers that came or went");
            }
            Turn::Records(Ok(FeedItem::Records(published))) => live.published(&published).await,
            Turn::Records(Ok(FeedItem::Announcement(announcement))) => live.progress(&announcement),
            Turn::Records(Err(RecvError::Lagged(_))) => live.catch_up().await,
            Turn::News(Err(RecvError::Closed)) | Turn::Records(Err(RecvError::Closed)) => return,
            Turn::Asked(Question::HasEnded(workflow)) => live.submitted.has_ended(workflow).await,
            Turn::RoomsOpened => live.begin().await,
            Turn::FramesDue => live.frames.flush(&live.server),
        }
        live.end_if_nobody_listens();
    }
}

struct Live {
    server: Arc<Server>,
    /// Followed while anybody is in a room.
    records: Option<Receiver<FeedItem>>,
    /// The first record that has not been told.
    next: Seq,
    submitted: Submitted,
    frames: Frames,
}

impl Live {
    fn new(server: Arc<Server>) -> Self {
        let submitted = Submitted::new(Arc::clone(&server));
        Self { server, records: None, next: Seq::FIRST, submitted, frames: Frames::default() }
    }

    async fn next(
        &mut self,
        news: &mut Receiver<Arc<Announcement>>,
        questions: &mut mpsc::Receiver<Question>,
        ticks: &mut Interval,
    ) -> Turn {
        let records = async {
            match &mut self.records {
                Some(records) => records.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            item = news.recv() => Turn::News(item),
            item = records => Turn::Records(item),
            Some(question) = questions.recv() => Turn::Asked(question),
            () = self.server.rooms.opened.notified() => Turn::RoomsOpened,
            _ = ticks.tick(), if self.frames.are_waiting() => Turn::FramesDue,
        }
    }

    /// Begins to follow records. Whoever opened the first room did it before anything that it must hear of.
    async fn begin(&mut self) {
        if self.records.is_some() || !self.server.rooms.is_occupied() {
            return;
        }
        self.next = self.server.rooms.opened_at();
        self.records = Some(self.server.engine.feed().follow());
        self.catch_up().await;
    }

    fn end_if_nobody_listens(&mut self) {
        if self.records.is_some() && !self.server.rooms.is_occupied() {
            self.records = None;
            self.submitted.clear();
            self.frames.clear();
        }
    }

    async fn published(&mut self, published: &Published) {
        if published.first > self.next {
            self.catch_up().await;
        }
        for (seq, record) in (published.first.0..).map(Seq).zip(&published.records) {
            if seq >= self.next {
                self.tell(seq, record).await;
                self.next = seq.next();
            }
        }
        self.submitted.tell_progress();
    }

    /// Reads from the log what the feed does not hold any more.
    async fn catch_up(&mut self) {
        let end = self.server.engine.feed().durable_end();
        while self.next < end {
            let server = Arc::clone(&self.server);
            let wanted = move |record: &Record| server.rooms.want(record.event.workflow()).by_anybody();
            match self.server.engine.read_events(self.next, READ_MAX, wanted).await {
                Ok((found, next)) => {
                    for (seq, record) in &found {
                        self.tell(*seq, record).await;
                    }
                    self.next = next;
                }
                Err(rejection) => {
                    warn!(%rejection, "records could not be told to those who follow them");
                    self.frames.note_gap();
                    self.submitted.clear();
                    self.next = end;
                }
            }
        }
        self.submitted.tell_progress();
    }

    async fn tell(&mut self, seq: Seq, record: &Record) {
        let wanted = self.server.rooms.want(record.event.workflow());
        if wanted.watched || wanted.everything {
            self.frames.push(&self.server, wanted, seq, record);
        }
        if wanted.submitted
            && let Some(workflow) = record.event.workflow()
        {
            self.submitted.tell(workflow, seq, record).await;
        }
    }

    fn progress(&mut self, announcement: &Announcement) {
        if let Announcement::Progress { task, .. } = announcement {
            let wanted = self.server.rooms.want(Some(task.workflow));
            if wanted.watched || wanted.everything {
                self.frames.push_progress(wanted, announcement);
            }
            if wanted.submitted {
                self.submitted.tell_task_progress(announcement);
            }
        }
    }

    fn announce(&self, announcement: &Announcement) {
        let server = &self.server;
        match announcement {
            Announcement::Registered { facts, at } => match facts.kind {
                WorkerKind::Service => {
                    server.broadcast(ServiceRegistration::EVENT, &ServiceRegistration::new(facts, *at));
                }
                WorkerKind::Executor => {
                    server.broadcast(NodeRegistration::EVENT, &NodeRegistration::new(facts, *at));
                }
                WorkerKind::BuiltIn => {}
            },
            Announcement::Departed { facts, at } => match facts.kind {
                WorkerKind::Service => {
                    server.broadcast(ServiceDeparture::EVENT, &ServiceDeparture::new(facts, *at));
                }
                WorkerKind::Executor => {
                    server.broadcast(NodeDeparture::EVENT, &NodeDeparture::new(facts, *at));
                }
                WorkerKind::BuiltIn => {}
            },
            Announcement::Status { worker, old, new, at } => {
                server.broadcast(StatusChange::EVENT, &StatusChange::new(worker, *old, *new, *at));
            }
            Announcement::Progress { .. } | Announcement::Subscriptions => {}
        }
    }
}
