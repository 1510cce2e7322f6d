//! People who take in a run of another server, and then ask for what must never be: that it runs here. The model knows
//! nothing of these workflows, so whatever happens to a task of one is a violation.

use std::sync::Arc;

use gleitzeit::core::carried::{CarriedTasks, CarriedWorkflow};
use gleitzeit::core::command::{Command, Verdict};
use gleitzeit::core::errors;
use gleitzeit::core::event::Note;
use gleitzeit::core::ids::{Fingerprint, Seq, TaskId, Timestamp};
use gleitzeit::core::payload::{Payload, Stored};
use gleitzeit::core::spec::{Imported, WorkflowSpec};
use gleitzeit::core::state::{Task, TaskStatus, WorkflowStatus};

use super::checker::Asked;
use super::people::generated;
use super::specs;
use super::world::World;

/// Tasks of imports have own ids of their own.
const UNIQUE_FROM: u64 = 1_000_000;

fn large() -> Stored {
    Stored::fresh(Payload::new(format!("\"{}\"", "i".repeat(900))), &mut 0)
}

impl World {
    pub fn import(&mut self) {
        let unique = UNIQUE_FROM + self.rng.range(0, UNIQUE_FROM);
        let spec = specs::workflow(&mut self.rng, self.size.tasks_max, unique);
        let (id, now) = (generated(self.now, &mut self.rng), Timestamp(self.now));
        let mut task = |index: usize| {
            let mut task = Task::new(0, now);
            (task.ended_at, task.ended_seq) = (Some(now), Some(Seq(0)));
            task.status = if index.is_multiple_of(3) {
                TaskStatus::Completed { result: large(), worker: None, usage: None }
            } else {
                TaskStatus::Cancelled { code: errors::WORKFLOW_IMPORTED }
            };
            task
        };
        let tasks = (0..spec.tasks.len()).map(&mut task).collect();
        let imported =
            Imported { status: WorkflowStatus::Running, version: Arc::from("0.1.0"), events: large() };
        let workflow = CarriedWorkflow {
            id,
            spec: Arc::new(WorkflowSpec { imported: Some(Box::new(imported)), ..spec }),
            body: Fingerprint(u128::from(unique)),
            key: None,
            status: WorkflowStatus::Cancelled,
            created_at: now,
            timed_from: now,
            started_at: None,
            ended_at: Some(now),
            second_round: true,
            released: None,
            first: CarriedTasks { from: 0, tasks, grants: Vec::new() },
        };
        for _ in 0..self.rng.range(1, 2) {
            let workflow = Box::new(workflow.clone());
            self.demand(Asked::Other, Command::ImportWorkflow { workflow });
        }
        let (note, edits) = (Note::default(), Vec::new());
        self.demand(Asked::Other, Command::RetryWorkflow { workflow: id, edits, note: note.clone() });
        let task = TaskId::new(id, 1);
        self.demand(Asked::Other, Command::RetryTask { task, edit: None, note: note.clone() });
        self.demand(
            Asked::Other,
            Command::SettleTask { task, verdict: Verdict::Complete(Payload::null()), note },
        );
    }
}
