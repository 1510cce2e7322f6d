//! `store verify`: whether everything that the store refers to is there.

use std::ops::ControlFlow;

use super::check::FIRST_PLACE;
use super::error::StoreError;
use super::fetch;
use super::keys;
use super::pages;
use super::stored::Draft;
use super::views::{Store, draft};
use crate::core::ids::Seq;
use crate::core::listing::Place;
use crate::core::payload::Stored;
use crate::core::state::{Task, Workflow};

/// Workflows that are read from the log together.
const GROUP_MAX: usize = 200;
/// Problems that are told one by one.
const PROBLEMS_MAX: usize = 100;

/// Whether anybody writes meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    AtRest,
    /// Counters change while they are compared, so they are not; and what has gone since it was listed is no problem.
    InUse,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViewsReport {
    pub workflows: u64,
    pub tasks: u64,
    /// Payloads that were read from the log.
    pub payloads: u64,
    pub problems: Vec<String>,
    /// How many problems there were beyond these.
    pub more: u64,
}

impl ViewsReport {
    pub const fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, text: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(text);
        } else {
            self.more += 1;
        }
    }
}

impl Store {
    /// Reads every archived workflow and every payload that it refers to. Nothing may refer to a record before
    /// `released`.
    pub fn verify(&self, released: Seq, scope: Scope) -> ViewsReport {
        let mut report = ViewsReport::default();
        if scope == Scope::AtRest
            && let Err(error) = self.check_content()
        {
            report.problem(error.to_string());
        }
        let mut from = FIRST_PLACE;
        loop {
            match self.places(from) {
                Ok(places) => {
                    self.verify_group(&places, released, scope, &mut report);
                    let Some(last) = places.last().filter(|_| places.len() >= GROUP_MAX) else { break };
                    from = keys::place_after(*last);
                }
                Err(error) => {
                    report.problem(error.to_string());
                    break;
                }
            }
        }
        report
    }

    /// The next workflows from `from` on.
    fn places(&self, from: Place) -> Result<Vec<Place>, StoreError> {
        let mut places = Vec::new();
        self.read(|kv| {
            pages::scan(kv, from, &mut |heads| {
                let room = GROUP_MAX - places.len();
                places.extend(heads.iter().take(room).map(|(place, _)| *place));
                Ok(if places.len() < GROUP_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })
        })?;
        Ok(places)
    }

    fn verify_group(&self, places: &[Place], released: Seq, scope: Scope, report: &mut ViewsReport) {
        let mut drafts: Vec<Draft> = Vec::new();
        for place in places {
            match self.read(|kv| draft(kv, *place)) {
                Ok(draft) => drafts.extend(draft),
                Err(error) => report.problem(format!("workflow {}: {error}", place.1)),
            }
        }
        if let Ok(workflows) = fetch::complete(&*self.log, drafts) {
            for workflow in workflows {
                self.verify_workflow(&workflow, released, report);
            }
            return;
        }
        // One of them could not be completed: find out which.
        for place in places {
            match self.load(place.1) {
                Ok(Some(workflow)) => self.verify_workflow(&workflow, released, report),
                Ok(None) if scope == Scope::InUse => {}
                Ok(None) => report.problem(format!("workflow {} is listed but cannot be found", place.1)),
                Err(error) => report.problem(format!("workflow {}: {error}", place.1)),
            }
        }
    }

    fn verify_workflow(&self, workflow: &Workflow, released: Seq, report: &mut ViewsReport) {
        report.workflows += 1;
        report.tasks += workflow.tasks.len() as u64;
        if workflow.spec_seq < released {
            report.problem(format!(
                "workflow {} refers to record {}, which has been released",
                workflow.id, workflow.spec_seq.0
            ));
        }
        let submitted = workflow.spec.payloads();
        let kept = workflow.tasks.iter().flat_map(Task::payloads);
        for stored in submitted.chain(kept) {
            let Stored::Logged { seq, part, len } = stored else { continue };
            report.payloads += 1;
            match self.log.part(*seq, *part) {
                Ok(_) if *seq < released => report.problem(format!(
                    "workflow {} refers to record {}, which has been released",
                    workflow.id, seq.0
                )),
                Ok(text) if text.len() != *len as usize => report.problem(format!(
                    "workflow {} refers to {len} bytes in part {part} of record {}, but there are {}",
                    workflow.id,
                    seq.0,
                    text.len()
                )),
                Ok(_) => {}
                Err(error) => report.problem(format!("workflow {}: {error}", workflow.id)),
            }
        }
    }
}
