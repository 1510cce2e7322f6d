//! What the monitor knows: a fold of what the server told. Pure, and bounded however long it runs.

use std::collections::VecDeque;

use super::figures::{Figures, Mark, Pace, Samples};
use crate::client::{
    FeedEvent, GoneService, Health, Service, ServicePage, Stats, StatsHistory, TaskInfo, WorkflowInfo,
};
use crate::core::ids::Timestamp;

/// Events that can be looked at; more than anybody scrolls through, and a megabyte at most times.
pub const EVENTS_MAX: usize = 1_000;
/// Rows of any other list.
pub const ROWS_MAX: usize = 1_000;

/// Everything that is shown.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub link: Link,
    pub figures: Option<Figures>,
    pub health: Option<Health>,
    pub services: Vec<Service>,
    /// Those that were here.
    pub gone: Vec<GoneService>,
    pub workflows: Vec<WorkflowInfo>,
    /// Tasks that failed for good, of the latest workflow first.
    pub letters: Vec<TaskInfo>,
    pub tasks: Option<TaskList>,
    /// The newest first.
    pub events: VecDeque<FeedEvent>,
    /// Events that came too fast to be shown.
    pub skipped: u64,
    pub pace: Pace,
    pub samples: Samples,
    mark: Option<Mark>,
}

/// Whether the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Link {
    #[default]
    Connecting,
    Live,
    Lost {
        since: Timestamp,
        reason: String,
    },
}

/// The tasks of one workflow, in its order.
#[derive(Debug, Clone)]
pub struct TaskList {
    pub workflow: WorkflowInfo,
    pub items: Vec<TaskInfo>,
}

/// What comes in.
#[derive(Debug)]
pub enum Told {
    /// A look at the figures.
    Figures {
        stats: Box<Stats>,
        health: Health,
    },
    Services(ServicePage),
    Workflows(Vec<WorkflowInfo>),
    Letters(Vec<TaskInfo>),
    Tasks(Box<TaskList>),
    /// What was sampled since the last time.
    History(Box<StatsHistory>),
    Happened(FeedEvent),
    /// So many events were passed over.
    Skipped(u64),
    Lost(String),
}

impl Model {
    /// Takes in what was told at `now`.
    pub fn fold(&mut self, told: Told, now: Timestamp) {
        match told {
            Told::Figures { stats, health } => {
                self.figured(Figures::from(&*stats), now);
                self.health = Some(health);
                self.link = Link::Live;
            }
            Told::Services(page) => {
                self.services = bounded(page.items);
                self.gone = bounded(page.gone);
            }
            Told::Workflows(workflows) => self.workflows = bounded(workflows),
            Told::Letters(letters) => self.letters = bounded(letters),
            Told::Tasks(mut tasks) => {
                tasks.items = bounded(tasks.items);
                self.tasks = Some(*tasks);
            }
            Told::History(history) => self.samples.extend(&history),
            Told::Happened(event) => self.remember(event),
            Told::Skipped(count) => self.skipped = self.skipped.saturating_add(count),
            Told::Lost(reason) => self.lose(reason, now),
        }
    }

    fn figured(&mut self, figures: Figures, now: Timestamp) {
        let mark = Mark::of(&figures, now);
        let before = self.mark.replace(mark);
        self.pace = before.map(|before| mark.since(&before)).unwrap_or_default();
        // What another process has sampled comes anew.
        if self.figures.as_ref().is_some_and(|before| before.pid != figures.pid) {
            self.samples.clear();
        }
        self.figures = Some(figures);
    }

    fn remember(&mut self, event: FeedEvent) {
        // A server on another data directory counts from the beginning.
        if self.events.front().is_some_and(|newest| newest.seq >= event.seq) {
            self.events.clear();
        }
        self.events.push_front(event);
        self.events.truncate(EVENTS_MAX);
    }

    fn lose(&mut self, reason: String, now: Timestamp) {
        let since = match self.link {
            Link::Lost { since, .. } => since,
            Link::Connecting | Link::Live => now,
        };
        self.link = Link::Lost { since, reason };
    }

    /// What needs a person, the worst first.
    pub fn needs(&self) -> Vec<String> {
        let mut needs: Vec<String> = self.health.iter().flat_map(|health| health.problems.clone()).collect();
        for service in &self.services {
            let breaker = super::super::output::text(&service.more, "breaker");
            if !breaker.is_empty() && breaker != "closed" {
                needs.push(format!("{} failed repeatedly: its breaker is {}", service.name, breaker));
            }
            if !service.connected && service.active_tasks > 0 {
                needs.push(format!("{} is away and holds {} tasks", service.name, service.active_tasks));
            }
            if service.draining && service.connected {
                needs.push(format!("{} is drained: {} tasks left", service.name, service.active_tasks));
            }
        }
        let paused = self.workflows.iter().filter(|workflow| workflow.status.name() == "paused");
        needs.extend(paused.map(|workflow| format!("workflow {} is paused", workflow.name)));
        needs
    }
}

/// As many as anybody looks through.
fn bounded<T>(mut rows: Vec<T>) -> Vec<T> {
    rows.truncate(ROWS_MAX);
    rows.shrink_to_fit();
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(seq: u64) -> FeedEvent {
        serde_json::from_value(json!({"seq": seq, "type": "task_completed"})).unwrap()
    }

    #[test]
    fn a_night_of_events_takes_no_more_than_an_hour() {
        let mut model = Model::default();
        for seq in 0..10 * EVENTS_MAX as u64 {
            model.fold(Told::Happened(event(seq)), Timestamp(seq));
        }
        assert_eq!((model.events.len(), model.events[0].seq), (EVENTS_MAX, 10 * EVENTS_MAX as u64 - 1));
        model.fold(Told::Happened(event(5)), Timestamp(0));
        assert_eq!(model.events.len(), 1, "another log begins anew");
    }

    #[test]
    fn an_outage_begins_once() {
        let mut model = Model::default();
        for at in 5..9 {
            model.fold(Told::Lost("nobody answers".to_owned()), Timestamp(at));
        }
        assert_eq!(model.link, Link::Lost { since: Timestamp(5), reason: "nobody answers".to_owned() });
    }
}
