//! Commands about workflows that have left memory. Reading a large one takes a while, so a thread of its own does
//! that, and the command comes back with what was found: nobody else waits for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use super::gate::may_be_archived;
use super::step::{Engine, Input};
use super::turn::{Output, Reply, Turn};
use super::views::Views;
use crate::core::command::Command;
use crate::core::decide::Existing;
use crate::core::errors;
use crate::core::ids::{Timestamp, WorkflowId};
use crate::core::rejection::Rejection;
use crate::core::state::Workflow;

/// Commands that may wait for the store at once. Each may have to read a whole workflow.
const LOOKUPS_MAX: usize = 256;

/// A command that waits until its workflow has been read.
pub struct Lookup {
    pub workflow: WorkflowId,
    pub command: Command,
    pub reply: Option<Reply>,
}

/// A command with what the store has of its workflow.
#[derive(Debug)]
pub struct Found {
    pub lookup: Lookup,
    pub workflow: Result<Option<Arc<Workflow>>, Rejection>,
}

/// What the thread that reads is asked for.
#[derive(Debug)]
pub(super) enum LookupJob {
    Read(Box<Lookup>),
    /// Freeing a large workflow takes a while as well.
    Discard(Arc<Workflow>),
}

impl Lookup {
    /// Reads what the store has.
    pub fn perform(self, views: &dyn Views) -> Found {
        let workflow = views.load(self.workflow);
        Found { lookup: self, workflow }
    }
}

impl Engine {
    /// Takes a command, at once or after its workflow has been read.
    pub(super) fn receive(
        &mut self,
        command: Command,
        reply: Option<Reply>,
        now: Timestamp,
        turn: &mut Turn,
    ) {
        let elsewhere = may_be_archived(&command).filter(|id| self.state.workflow(*id).is_none());
        if let Some(workflow) = elsewhere {
            return self.look_up(Lookup { workflow, command, reply }, turn);
        }
        let existing = self.existing(&command, now);
        let answer = existing.and_then(|existing| self.command(&command, existing, now, turn));
        answer_with(reply, answer, turn);
    }

    fn look_up(&mut self, lookup: Lookup, turn: &mut Turn) {
        if self.lookups >= LOOKUPS_MAX {
            let message = format!("{LOOKUPS_MAX} requests wait for ended workflows to be read already");
            let overloaded = Rejection::new(errors::OVERLOADED, message).retry_after(1_000);
            return answer_with(lookup.reply, Err(overloaded), turn);
        }
        self.lookups += 1;
        turn.outputs.push(Output::LookUp(Box::new(lookup)));
    }

    /// Takes a command up again. What was read may be old by now: the workflow may have been opened again since,
    /// and memory knows it better; or it may even have ended anew, and is read once more.
    pub(super) fn resume(&mut self, found: Found, now: Timestamp, turn: &mut Turn) {
        self.lookups -= 1;
        let Found { lookup, workflow } = found;
        let archived = match workflow {
            _ if self.state.workflow(lookup.workflow).is_some() => None,
            Ok(archived) => archived,
            Err(rejection) => return answer_with(lookup.reply, Err(rejection), turn),
        };
        if let Some(read) = &archived {
            match self.views.archived_end(lookup.workflow) {
                Ok(end) if end == read.ended_seq => {}
                Ok(_) => return self.look_up(lookup, turn),
                Err(rejection) => return answer_with(lookup.reply, Err(rejection), turn),
            }
        }
        let existing = Existing { workflow: archived.clone(), ..Existing::default() };
        let answer = self.command(&lookup.command, existing, now, turn);
        answer_with(lookup.reply, answer, turn);
        turn.outputs.extend(archived.map(Output::Discard));
    }
}

fn answer_with(reply: Option<Reply>, answer: super::turn::Answer, turn: &mut Turn) {
    if let Some(reply) = reply {
        turn.outputs.push(Output::Answer { reply, answer });
    }
}

/// Reads until nobody can ask any more.
pub(super) fn run(
    jobs: &Receiver<LookupJob>,
    views: &dyn Views,
    engine: &Sender<Input>,
    waiting: &AtomicUsize,
) {
    while let Ok(job) = jobs.recv() {
        match job {
            LookupJob::Read(lookup) => {
                waiting.fetch_add(1, Ordering::Relaxed);
                // An engine that has stopped answers nobody.
                let _ = engine.send(Input::Found(Box::new(lookup.perform(views))));
            }
            LookupJob::Discard(workflow) => drop(workflow),
        }
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("command", &self.command).finish_non_exhaustive()
    }
}
