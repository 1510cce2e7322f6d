//! Frames for watchers: records and progress, gathered for a moment, with the positions they cover.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};

use crate::core::event::Record;
use crate::core::ids::{Seq, WorkflowId};
use crate::engine::Announcement;
use crate::protocol::rest::EventView;
use crate::protocol::socket::{TaskProgress, WatchFrame};
use crate::protocol::time::NaiveUtc;
use crate::socket::Server;
use crate::socket::rooms::{Room, Wanted};

/// Records of one frame. A browser takes in some 5,000 a second, so more would not be seen anyway; what is left
/// out is named, and can be read.
const EVENTS_MAX: usize = 1_000;
/// Text of one frame.
const BYTES_MAX: usize = 1 << 20;

/// What a frame is about: one workflow, or everything.
type Subject = Option<WorkflowId>;

#[derive(Debug, Default)]
pub(super) struct Frames {
    gathering: BTreeMap<Subject, Frame>,
    /// The first record that the next frame of each subject covers.
    next: BTreeMap<Subject, Seq>,
}

#[derive(Debug, Default)]
struct Frame {
    last: Seq,
    gap: bool,
    bytes: usize,
    events: Vec<Arc<RawValue>>,
    progress: Vec<Arc<RawValue>>,
}

impl Frames {
    pub(super) fn are_waiting(&self) -> bool {
        !self.gathering.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Some records will never be told.
    pub(super) fn note_gap(&mut self) {
        for subject in self.next.keys() {
            self.gathering.entry(*subject).or_default().gap = true;
        }
    }

    pub(super) fn push(&mut self, server: &Server, wanted: Wanted, seq: Seq, record: &Record) {
        let view: Arc<RawValue> =
            to_raw_value(&EventView::of(seq, record)).expect("an event is plain JSON").into();
        for subject in subjects(wanted, record.event.workflow()) {
            // Before anybody watched.
            if seq < self.first_of_next(server, subject) {
                continue;
            }
            let frame = self.gathering.entry(subject).or_default();
            frame.last = seq;
            frame.add(Arc::clone(&view), |frame| &mut frame.events);
        }
    }

    pub(super) fn push_progress(&mut self, wanted: Wanted, announcement: &Announcement) {
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
        let told: Arc<RawValue> = to_raw_value(&told).expect("progress is plain JSON").into();
        for subject in subjects(wanted, Some(task.workflow)) {
            let frame = self.gathering.entry(subject).or_default();
            frame.add(Arc::clone(&told), |frame| &mut frame.progress);
        }
    }

    /// Sends what has gathered. A watcher whose buffer is full misses a frame, and sees it by the next one's
    /// `since`.
    pub(super) fn flush(&mut self, server: &Server) {
        for (subject, frame) in std::mem::take(&mut self.gathering) {
            let since = self.first_of_next(server, subject);
            let next = since.max(frame.last.next());
            self.next.insert(subject, next);
            let workflow_id = subject.map(|id| id.to_string());
            let told = WatchFrame {
                workflow_id: workflow_id.as_deref(),
                since: since.0,
                seq: next.0.saturating_sub(1),
                gap: frame.gap,
                events: &frame.events,
                progress: &frame.progress,
            };
            let told = to_raw_value(&told).expect("a frame is plain JSON");
            for member in server.rooms.members(Room::Watched(subject)) {
                if let Some(connection) = server.sessions.get(member) {
                    let _ = connection.tell(WatchFrame::EVENT, &told);
                }
            }
        }
        self.next.retain(|subject, _| server.rooms.watched_from(*subject).is_some());
    }
}

impl Frames {
    /// The first position that the next frame covers: where the last one ended, or where the subject was watched
    /// from.
    fn first_of_next(&self, server: &Server, subject: Subject) -> Seq {
        let told = self.next.get(&subject).copied();
        told.max(server.rooms.watched_from(subject)).unwrap_or_default()
    }
}

impl Frame {
    fn add(&mut self, view: Arc<RawValue>, list: impl Fn(&mut Self) -> &mut Vec<Arc<RawValue>>) {
        self.bytes += view.get().len();
        if self.events.len() + self.progress.len() >= EVENTS_MAX || self.bytes > BYTES_MAX {
            self.gap = true;
        } else {
            list(self).push(view);
        }
    }
}

fn subjects(wanted: Wanted, workflow: Option<WorkflowId>) -> impl Iterator<Item = Subject> {
    let one = workflow.filter(|_| wanted.watched).map(Some);
    one.into_iter().chain(wanted.everything.then_some(None))
}
