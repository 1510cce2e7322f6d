//! Retention: what is alive in the oldest part of the log is written again, and then that part goes. Everything may
//! end between any two steps, and people go on meanwhile.

use std::sync::Arc;

use gleitzeit::core::carried::{CarriedWorkflow, Moved};
use gleitzeit::core::command::Command;
use gleitzeit::core::effect::Receipt;
use gleitzeit::core::ids::{Seq, WorkflowId};
use gleitzeit::core::payload::Payload;
use gleitzeit::core::state::Workflow;
use gleitzeit::engine::{Answer, Input, Views};
use gleitzeit::log::{Log, LogError};

use super::checker::Asked;
use super::world::{Caller, Happening, World};

/// How often it looks for the checkpoint, and how many times.
const LOOK_MS: u64 = 500;
const LOOKS_MAX: u32 = 400;

/// How far it has come.
#[derive(Debug, Default)]
pub enum Keeper {
    #[default]
    Idle,
    /// A workflow's payloads are on their way to a new place.
    Moving {
        up_to: Seq,
        id: WorkflowId,
        /// As it was read, where it has left memory.
        archived: Option<Arc<Workflow>>,
        places: Vec<(Seq, u32)>,
        todo: Vec<WorkflowId>,
    },
    Carrying {
        up_to: Seq,
        todo: Vec<WorkflowId>,
    },
    Services {
        up_to: Seq,
    },
    /// A checkpoint beyond this position makes it safe.
    Waiting {
        up_to: Seq,
        safe: Seq,
        looks: u32,
    },
    Releasing,
}

impl World {
    /// Begins, unless it is at work. Some of the workflows before a position are written again, or all of them,
    /// and then the log is released.
    pub fn keep(&mut self) {
        let (Keeper::Idle, Some(process)) = (&self.keeper, &self.process) else { return };
        let reader = process.log.reader();
        let (first, end) = (reader.first_seq(), reader.durable_end());
        let up_to = Seq(first.0 + (end.0 - first.0) * self.rng.range(1, 9) / 10);
        let mut todo = self.below(up_to);
        todo.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
        self.trace.say(self.now, format_args!("the log before {up_to:?} is wanted by {}", todo.len()));
        self.carry_next(up_to, todo);
    }

    /// What the log must not lose yet.
    fn below(&self, up_to: Seq) -> Vec<WorkflowId> {
        let Some(process) = &self.process else { return Vec::new() };
        let state = &process.engine.state;
        let wants = |workflow: &Workflow| {
            let tasks = workflow.tasks.iter().any(|task| task.ended_seq.is_some_and(|seq| seq < up_to));
            workflow.spec_seq < up_to
                || tasks && workflow.status.has_ended()
                || !CarriedWorkflow::references_below(workflow, up_to).is_empty()
        };
        let live = state.workflows.values().filter(|known| wants(known)).map(|known| known.id);
        let archived = self.store.views.all().into_iter().filter(|known| wants(known)).map(|known| known.id);
        live.chain(archived.filter(|id| state.workflow(*id).is_none())).collect()
    }

    fn carry_next(&mut self, up_to: Seq, mut todo: Vec<WorkflowId>) {
        let Some(id) = todo.pop() else {
            self.keeper = Keeper::Services { up_to };
            return self.order(Command::CarryServices);
        };
        let Some(process) = &self.process else { return self.give_up() };
        let live = process.engine.state.workflow(id).cloned();
        let archived =
            if live.is_none() { self.store.views.load(id).expect("memory can be read") } else { None };
        let Some(workflow) = live.as_ref().or(archived.as_deref()) else {
            return self.carry_next(up_to, todo);
        };
        let places = CarriedWorkflow::references_below(workflow, up_to);
        if places.is_empty() {
            return self.carry(up_to, id, archived, Moved::new(), todo);
        }
        let reader = process.log.reader();
        let mut payloads = Vec::new();
        for (seq, part) in &places {
            match reader.part(*seq, *part) {
                Ok(text) => payloads.push(Payload::new(text)),
                // The machine has just gone off.
                Err(LogError::Io { .. }) => return self.give_up(),
                Err(error) => panic!("what is durable cannot be read: {error}"),
            }
        }
        self.keeper = Keeper::Moving { up_to, id, archived, places, todo };
        self.order(Command::CarryPayloads { workflow: id, payloads });
    }

    fn carry(
        &mut self,
        up_to: Seq,
        id: WorkflowId,
        archived: Option<Arc<Workflow>>,
        moved: Moved,
        todo: Vec<WorkflowId>,
    ) {
        self.keeper = Keeper::Carrying { up_to, todo };
        self.order(match archived {
            None => Command::CarryLive { workflow: id, moved, released: None },
            Some(workflow) => {
                let mut carried = CarriedWorkflow::without_grants(&workflow);
                carried.follow(&moved);
                Command::CarryArchived { workflow: Box::new(carried), ended_seq: workflow.ended_seq }
            }
        });
    }

    fn order(&mut self, command: Command) {
        let call = self.ask(Asked::Other, Caller::Keeper);
        self.request(command, call);
    }

    pub fn give_up(&mut self) {
        self.keeper = Keeper::Idle;
    }

    pub fn keeper_hears(&mut self, answer: &Answer) {
        let keeper = std::mem::take(&mut self.keeper);
        // A full disk: another time.
        let Ok(accepted) = answer else { return };
        match keeper {
            Keeper::Moving { up_to, id, archived, places, todo } => {
                let Receipt::Carried { seq } = accepted.receipt else { panic!("{accepted:?}") };
                let moved = places.into_iter().zip((0..).map(|part| (seq, part))).collect();
                self.carry(up_to, id, archived, moved, todo);
            }
            Keeper::Carrying { up_to, todo } => self.carry_next(up_to, todo),
            Keeper::Services { up_to } => {
                if let Some(process) = &mut self.process {
                    process.inbox.push_back((Input::Checkpoint, None));
                    self.wake();
                }
                self.keeper = Keeper::Waiting { up_to, safe: accepted.seq, looks: 0 };
                self.after(LOOK_MS, Happening::Keeper);
            }
            Keeper::Releasing => self.released += 1,
            Keeper::Idle | Keeper::Waiting { .. } => {}
        }
    }

    /// Looks whether a checkpoint has come, and whether nobody wants the old part any more.
    pub fn keeper_looks(&mut self) {
        let Keeper::Waiting { up_to, safe, looks } = self.keeper else { return };
        if self.store.checkpoint().is_none_or(|picture| picture.next_seq <= safe) {
            self.keeper = if looks < LOOKS_MAX {
                Keeper::Waiting { up_to, safe, looks: looks + 1 }
            } else {
                Keeper::Idle
            };
            return self.after(LOOK_MS, Happening::Keeper);
        }
        if !self.below(up_to).is_empty() {
            return self.give_up();
        }
        self.keeper = Keeper::Releasing;
        self.order(Command::ReleaseLog { up_to });
    }
}
