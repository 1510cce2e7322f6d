//! Ready tasks of one kind: a lane for each workflow, and the workflows' turns.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;

use super::ready::Turn;
use crate::core::ids::{TaskId, WorkflowId};

#[derive(Debug, Default)]
pub(super) struct Lanes {
    turns: BTreeMap<u64, WorkflowId>,
    by_workflow: FxHashMap<WorkflowId, Lane>,
    waiting: usize,
}

#[derive(Debug, Default)]
struct Lane {
    /// Absent while the workflow is parked: paused, or at its own limit.
    turn: Option<u64>,
    tasks: VecDeque<u32>,
}

impl Lanes {
    /// Tasks that wait, parked ones included.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether some workflow takes part in the turns.
    pub(super) fn has_turns(&self) -> bool {
        !self.turns.is_empty()
    }

    pub(super) fn push(&mut self, task: TaskId, turn: Turn, next_turn: &mut u64) {
        let lane = self.by_workflow.entry(task.workflow).or_default();
        lane.tasks.push_back(task.index);
        self.waiting += 1;
        if lane.turn.is_none() && turn == Turn::Takes {
            lane.turn = Some(*next_turn);
            self.turns.insert(*next_turn, task.workflow);
            *next_turn += 1;
        }
    }

    /// Whether the task is the next one of its workflow.
    pub(super) fn is_first(&self, task: TaskId) -> bool {
        self.by_workflow.get(&task.workflow).is_some_and(|lane| lane.tasks.front() == Some(&task.index))
    }

    /// Takes a task out, and says whether it was here.
    pub(super) fn take(&mut self, task: TaskId, next_turn: &mut u64) -> bool {
        let Some(lane) = self.by_workflow.get_mut(&task.workflow) else { return false };
        let Some(at) = lane.tasks.iter().position(|index| *index == task.index) else { return false };
        lane.tasks.remove(at);
        self.waiting -= 1;
        // Only the workflow whose task went first passes its turn on.
        if let Some(turn) = lane.turn.filter(|_| at == 0) {
            self.turns.remove(&turn);
            lane.turn = None;
            if !lane.tasks.is_empty() {
                lane.turn = Some(*next_turn);
                self.turns.insert(*next_turn, task.workflow);
                *next_turn += 1;
            }
        }
        if lane.tasks.is_empty() {
            self.by_workflow.remove(&task.workflow);
        }
        true
    }

    pub(super) fn drop_lane(&mut self, workflow: WorkflowId) {
        let Some(lane) = self.by_workflow.remove(&workflow) else { return };
        self.waiting -= lane.tasks.len();
        if let Some(turn) = lane.turn {
            self.turns.remove(&turn);
        }
    }

    /// Lets a workflow's tasks take part in the turns, or not, and says whether they do now and did not before.
    pub(super) fn set_turn(&mut self, workflow: WorkflowId, turn: Turn, next_turn: &mut u64) -> bool {
        let Some(lane) = self.by_workflow.get_mut(&workflow) else { return false };
        match (turn, lane.turn) {
            (Turn::Takes, None) => {
                lane.turn = Some(*next_turn);
                self.turns.insert(*next_turn, workflow);
                *next_turn += 1;
                true
            }
            (Turn::Parked, Some(number)) => {
                lane.turn = None;
                self.turns.remove(&number);
                false
            }
            (Turn::Takes, Some(_)) | (Turn::Parked, None) => false,
        }
    }

    /// The first task of each workflow, in the order of their turns, with the numbers of these.
    pub(super) fn heads(&self) -> impl Iterator<Item = (u64, TaskId)> {
        self.in_turn().map(|(turn, workflow, lane)| {
            let index = lane.tasks.front().expect("a lane is dropped when it is empty");
            (turn, TaskId::new(workflow, *index))
        })
    }

    /// All tasks that take part in the turns, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, TaskId)> {
        self.in_turn().flat_map(|(turn, workflow, lane)| {
            lane.tasks.iter().map(move |index| (turn, TaskId::new(workflow, *index)))
        })
    }

    fn in_turn(&self) -> impl Iterator<Item = (u64, WorkflowId, &Lane)> {
        self.turns.iter().map(|(turn, workflow)| {
            let lane = self.by_workflow.get(workflow).expect("a workflow with a turn has a lane");
            (*turn, *workflow, lane)
        })
    }
}

/// For the check of invariants.
#[expect(clippy::disallowed_methods, reason = "what is sought or summed up here knows no order")]
impl Lanes {
    /// Every task, and whether it takes part in the turns.
    pub(super) fn places(&self) -> impl Iterator<Item = (TaskId, Turn)> {
        self.by_workflow.iter().flat_map(|(workflow, lane)| {
            let turn = if lane.turn.is_some() { Turn::Takes } else { Turn::Parked };
            lane.tasks.iter().map(move |index| (TaskId::new(*workflow, *index), turn))
        })
    }

    pub(super) fn is_inconsistent(&self) -> bool {
        let in_turn = self.by_workflow.values().filter(|lane| lane.turn.is_some()).count();
        let waiting = self.by_workflow.values().map(|lane| lane.tasks.len()).sum::<usize>();
        self.turns.len() != in_turn
            || waiting != self.waiting
            || self.by_workflow.values().any(|lane| lane.tasks.is_empty())
    }
}
