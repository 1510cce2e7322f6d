//! Reports that the server has not acknowledged yet. Pure: time is an argument.
//!
//! Nothing is ever dropped from here to make room. The node refuses new tasks instead while the outbox is
//! full, see [`Outbox::has_room`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::report::Report;
use super::task::TaskKey;

/// Reports under way at once. With an answer after 1 ms this allows 512,000 a second, and a slow line is not
/// flooded with more than it can carry before the acknowledgements are due.
const WINDOW: usize = 512;

/// At capacity 10 an outage of hours does not come near: a node runs what it holds and gets nothing new.
const MAX_REPORTS: usize = 10_000;

/// Together with one result limit per running task this bounds the memory of an outage.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// A server that says "later" is asked again after this, doubling.
const RETRY_BASE: Duration = Duration::from_secs(1);
const RETRY_CAP: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReportId(u64);

#[derive(Debug, Default)]
pub(super) struct Outbox {
    entries: BTreeMap<ReportId, Entry>,
    by_attempt: BTreeMap<(TaskKey, u32), ReportId>,
    ready: VecDeque<ReportId>,
    delayed: BTreeSet<(Instant, ReportId)>,
    in_flight: usize,
    bytes: usize,
    next_id: u64,
}

#[derive(Debug)]
struct Entry {
    report: Report,
    refusals: u32,
    in_flight: bool,
}

impl Outbox {
    pub(super) fn push(&mut self, report: Report) {
        let id = ReportId(self.next_id);
        self.next_id += 1;
        self.bytes += report.payload.get().len();
        self.by_attempt.insert((report.key.clone(), report.attempt), id);
        self.entries.insert(id, Entry { report, refusals: 0, in_flight: false });
        self.ready.push_back(id);
    }

    /// The next report to send, if the window allows one.
    pub(super) fn next_to_send(&mut self, now: Instant) -> Option<(ReportId, Report)> {
        while let Some(&(due, id)) = self.delayed.first().filter(|(due, _)| *due <= now) {
            self.delayed.remove(&(due, id));
            self.ready.push_back(id);
        }
        if self.in_flight >= WINDOW {
            return None;
        }
        let id = self.ready.pop_front()?;
        let entry = self.entries.get_mut(&id).expect("only kept reports wait to be sent");
        entry.in_flight = true;
        self.in_flight += 1;
        Some((id, entry.report.clone()))
    }

    /// When [`next_to_send`](Self::next_to_send) should be asked again if nothing else happens.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.first().map(|(due, _)| *due)
    }

    /// The server has it, or will never take it.
    pub(super) fn remove(&mut self, id: ReportId) -> Option<Report> {
        let entry = self.entries.remove(&id)?;
        if entry.in_flight {
            self.in_flight -= 1;
        }
        self.bytes -= entry.report.payload.get().len();
        self.by_attempt.remove(&(entry.report.key.clone(), entry.report.attempt));
        Some(entry.report)
    }

    /// The server cannot take it now, or has not answered in time. It is sent again after `at_least`.
    pub(super) fn retry_later(&mut self, id: ReportId, now: Instant, at_least: Duration) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let delay = RETRY_BASE
            .saturating_mul(2_u32.saturating_pow(entry.refusals))
            .clamp(at_least.min(RETRY_CAP), RETRY_CAP);
        if !entry.in_flight {
            return;
        }
        entry.refusals += 1;
        entry.in_flight = false;
        self.in_flight -= 1;
        self.delayed.insert((now + delay, id));
    }

    /// Whatever was under way may not have arrived: all of it is sent again, oldest first.
    pub(super) fn connection_lost(&mut self) {
        self.delayed.clear();
        self.in_flight = 0;
        self.ready = self.entries.keys().copied().collect();
        for entry in self.entries.values_mut() {
            entry.in_flight = false;
        }
    }

    pub(super) fn holds(&self, key: &TaskKey, attempt: u32) -> bool {
        self.by_attempt.contains_key(&(key.clone(), attempt))
    }

    pub(super) fn attempts(&self) -> impl Iterator<Item = &(TaskKey, u32)> {
        self.by_attempt.keys()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether one more task may be accepted while `running` others will report sooner or later.
    pub(super) fn has_room(&self, running: usize) -> bool {
        self.entries.len() + running < MAX_REPORTS && self.bytes < MAX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::super::task::NodeName;
    use super::*;

    fn outbox(tasks: &[&str]) -> Outbox {
        let node = NodeName { node_id: "n".to_owned(), service_name: "s".to_owned() };
        let mut outbox = Outbox::default();
        for task in tasks {
            let key = TaskKey { task_id: (*task).into(), workflow_id: "w".into() };
            outbox.push(Report::of(&node, key, 1, Ok(&serde_json::json!(task))));
        }
        outbox
    }

    fn sendable(outbox: &mut Outbox, now: Instant) -> Vec<(ReportId, String)> {
        let next = || outbox.next_to_send(now).map(|(id, report)| (id, report.key.task_id.to_string()));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn everything_unacknowledged_is_sent_again_after_a_reconnect() {
        let now = Instant::now();
        let mut outbox = outbox(&["a", "b", "c"]);
        let sent = sendable(&mut outbox, now);
        assert_eq!(sent.len(), 3);
        outbox.remove(sent[1].0).unwrap();
        outbox.connection_lost();
        let again: Vec<String> = sendable(&mut outbox, now).into_iter().map(|(_, task)| task).collect();
        assert_eq!(again, ["a", "c"]);
    }

    #[test]
    fn later_means_later_and_doubles() {
        let now = Instant::now();
        let mut outbox = outbox(&["a"]);
        let (id, _) = outbox.next_to_send(now).unwrap();
        outbox.retry_later(id, now, Duration::ZERO);
        assert_eq!(outbox.next_due(), Some(now + RETRY_BASE));
        assert!(outbox.next_to_send(now).is_none());
        assert!(outbox.next_to_send(now + RETRY_BASE).is_some());
        outbox.retry_later(id, now, Duration::ZERO);
        assert_eq!(outbox.next_due(), Some(now + RETRY_BASE * 2));
        assert!(outbox.next_to_send(now + RETRY_BASE * 2).is_some());
        outbox.retry_later(id, now, Duration::from_secs(9));
        assert_eq!(outbox.next_due(), Some(now + Duration::from_secs(9)));
    }

    #[test]
    fn the_window_bounds_what_is_under_way() {
        let names: Vec<String> = (0..=WINDOW).map(|n| n.to_string()).collect();
        let mut outbox = outbox(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let sent = sendable(&mut outbox, Instant::now());
        assert_eq!(sent.len(), WINDOW);
        outbox.remove(sent[0].0).unwrap();
        assert_eq!(sendable(&mut outbox, Instant::now()).len(), 1);
        assert_eq!(outbox.len(), WINDOW);
    }
}
