//! How much a client has been sent that it may not have read. Buffers count packets, and a packet may be megabytes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::core::command::TaskRef;
use crate::core::ids::TaskId;

/// What is smaller is bounded well enough by the number of packets.
const LARGE: usize = 64 << 10;
/// Large assignments that a worker has not answered. One always fits, however large it is.
const ASSIGNED_MAX: usize = 64 << 20;
/// Large events within [`WINDOW`] for those who only listen: some 6 MB/s.
const TOLD_MAX: usize = 256 << 20;
/// A client that has not read what is older does not answer its pings, and is gone.
const WINDOW: Duration = Duration::from_secs(45);

#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Whether there are assignments to look for in each report.
    has_assigned: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// In the order in which they were sent.
    assigned: VecDeque<Assigned>,
    assigned_bytes: usize,
    window_began: Option<Instant>,
    told_in_window: usize,
    told_before: usize,
}

#[derive(Debug)]
struct Assigned {
    task: TaskId,
    wire_id: Arc<str>,
    bytes: usize,
}

impl Backlog {
    /// Whether another assignment of this size may be sent. It is noted as sent then.
    pub(super) fn takes_assignment(&self, task: TaskId, wire_id: &Arc<str>, bytes: usize) -> bool {
        if bytes < LARGE {
            return true;
        }
        let mut inner = self.lock();
        if inner.assigned_bytes > 0 && inner.assigned_bytes + bytes > ASSIGNED_MAX {
            return false;
        }
        inner.assigned_bytes += bytes;
        inner.assigned.push_back(Assigned { task, wire_id: Arc::clone(wire_id), bytes });
        self.has_assigned.store(true, Ordering::Release);
        true
    }

    /// The worker says something of a task, so it has read its assignment and all that were sent before it.
    pub(super) fn note_report(&self, task: &TaskRef) {
        if !self.has_assigned.load(Ordering::Acquire) {
            return;
        }
        let mut inner = self.lock();
        let is_it = |sent: &Assigned| match task {
            TaskRef::Id(id) => sent.task == *id,
            TaskRef::Own { id, .. } => sent.wire_id == *id,
        };
        let Some(place) = inner.assigned.iter().position(is_it) else { return };
        let read: usize = inner.assigned.drain(..=place).map(|sent| sent.bytes).sum();
        inner.assigned_bytes -= read;
        self.has_assigned.store(!inner.assigned.is_empty(), Ordering::Release);
    }

    /// Whether an event of this size may be told. It is noted as told then.
    pub(super) fn takes_event(&self, bytes: usize) -> bool {
        if bytes < LARGE {
            return true;
        }
        let now = clock::instant();
        let mut inner = self.lock();
        let began = *inner.window_began.get_or_insert(now);
        let age = now.duration_since(began);
        if age >= WINDOW {
            inner.told_before = if age < 2 * WINDOW { inner.told_in_window } else { 0 };
            inner.told_in_window = 0;
            inner.window_began = Some(now);
        }
        let takes = inner.told_before + inner.told_in_window + bytes <= TOLD_MAX;
        if takes {
            inner.told_in_window += bytes;
        }
        takes
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::WorkflowId;

    const MIB: usize = 1 << 20;

    fn task(index: u32) -> (TaskId, Arc<str>) {
        (TaskId::new(WorkflowId(1), index), Arc::from(format!("task {index}")))
    }

    #[test]
    fn large_assignments_wait_until_earlier_ones_were_read() {
        let backlog = Backlog::default();
        let send = |index: u32, bytes: usize| {
            let (id, wire_id) = task(index);
            backlog.takes_assignment(id, &wire_id, bytes)
        };
        assert!(send(0, 100 * MIB), "one always fits");
        assert!(!send(1, MIB) && send(2, 100), "small ones are not held back");
        backlog.note_report(&TaskRef::Own { id: Arc::from("unheard of"), workflow: None });
        assert!(!send(1, MIB));
        backlog.note_report(&TaskRef::Id(task(0).0));
        assert!((1..=64).all(|index| send(index, MIB)) && !send(65, MIB));
        // Whoever has read the twentieth has read those before it.
        backlog.note_report(&TaskRef::Own { id: Arc::from("task 20"), workflow: None });
        assert!((65..=84).all(|index| send(index, MIB)) && !send(85, MIB));
    }

    #[test]
    fn listeners_are_told_a_bounded_amount_at_once() {
        let backlog = Backlog::default();
        assert!((0..32).all(|_| backlog.takes_event(8 * MIB)));
        assert!(!backlog.takes_event(8 * MIB) && backlog.takes_event(1_000));
    }
}
