//! Which failed tasks a list of dead letters shows.

use std::collections::BTreeSet;

use super::errors::Code;
use super::ids::{Timestamp, WorkerId};
use super::listing::ListFilter;
use super::state::{Task, TaskStatus, Workflow};

/// Which failed tasks are wanted. What is empty or absent does not matter.
#[derive(Debug, Clone, Default)]
pub struct LetterFilter {
    /// Of their workflow.
    pub workflow: ListFilter,
    pub codes: Vec<Code>,
    /// The service that the task asked for, or the worker or service that ran it last.
    pub service: Option<String>,
    /// Part of the message or of the task's name, without regard to case.
    pub text: Option<String>,
    /// Failed at this time or later.
    pub failed_after: Option<Timestamp>,
    /// Failed before this time.
    pub failed_before: Option<Timestamp>,
}

impl LetterFilter {
    /// `workers` are those of the wanted service.
    pub fn accepts(&self, workflow: &Workflow, index: u32, workers: &BTreeSet<WorkerId>) -> bool {
        let task = workflow.task(index);
        let TaskStatus::Failed { failure } = &task.status else { return false };
        let ended_at = task.ended_at.unwrap_or_default();
        let holds = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        (self.codes.is_empty() || self.codes.contains(&failure.code))
            && self.failed_after.is_none_or(|after| ended_at >= after)
            && self.failed_before.is_none_or(|before| ended_at < before)
            && self
                .text
                .as_ref()
                .is_none_or(|part| holds(&failure.message, part) || holds(&workflow.name_of(index), part))
            && self.service.as_ref().is_none_or(|service| {
                let asked = workflow.spec.route_of(index).service.as_deref() == Some(service);
                asked
                    || last_worker(task)
                        .is_some_and(|worker| *worker.0 == **service || workers.contains(worker))
            })
    }
}

fn last_worker(task: &Task) -> Option<&WorkerId> {
    task.trouble.as_ref()?.history.last()?.worker.as_ref()
}
