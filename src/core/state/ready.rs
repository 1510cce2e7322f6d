//! The ready tasks, queued per routing class, so that an absent service blocks nobody else.
//!
//! Inside a class every priority has its own queue; inside a priority workflows take turns; inside a workflow
//! tasks are served first come, first served. Nothing is ever scanned to find the next task, but for the few
//! tasks that some workers must not get.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use crate::core::ids::{TaskId, WorkflowId};
use crate::core::spec::{Priority, Route};

/// Unused classes that are kept for the next workflow of the same kind.
const UNUSED_CLASSES_MAX: usize = 1_024;

/// A routing class: all tasks with the same route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

#[derive(Debug, Default)]
pub struct Ready {
    classes: BTreeMap<ClassId, Class>,
    by_route: BTreeMap<Route, ClassId>,
    unused: BTreeSet<ClassId>,
    /// Classes with a task that may be offered.
    open: BTreeSet<ClassId>,
    next_class: u32,
    /// Turns are numbered over all classes, so that workflows take turns across classes too.
    next_turn: u64,
}

#[derive(Debug)]
struct Class {
    route: Route,
    /// Live workflows with this route.
    users: u32,
    levels: [Level; 4],
    /// Tasks that came back from a worker: some workers must not get them again yet.
    returned: VecDeque<(TaskId, Priority)>,
}

#[derive(Debug, Default)]
struct Level {
    turns: BTreeMap<u64, WorkflowId>,
    lanes: FxHashMap<WorkflowId, Lane>,
    waiting: usize,
}

#[derive(Debug, Default)]
struct Lane {
    /// Absent while the workflow is parked: paused, or at its own limit.
    turn: Option<u64>,
    tasks: VecDeque<u32>,
}

/// Whether the workflow of a queued task takes part in the turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Takes,
    Parked,
}

impl Ready {
    /// The class of a route, made when it is new. Each call is one user more.
    pub(in crate::core) fn enter(&mut self, route: &Route) -> ClassId {
        let id = self.by_route.get(route).copied().unwrap_or_else(|| self.create(route));
        self.unused.remove(&id);
        self.class_mut(id).users += 1;
        id
    }

    fn create(&mut self, route: &Route) -> ClassId {
        let id = ClassId(self.next_class);
        self.next_class += 1;
        let levels = [Level::default(), Level::default(), Level::default(), Level::default()];
        self.classes.insert(id, Class { route: route.clone(), users: 0, levels, returned: VecDeque::new() });
        self.by_route.insert(route.clone(), id);
        id
    }

    /// A user of the class is gone.
    pub(in crate::core) fn leave(&mut self, id: ClassId) {
        let class = self.class_mut(id);
        class.users -= 1;
        if class.users > 0 {
            return;
        }
        self.unused.insert(id);
        if self.unused.len() > UNUSED_CLASSES_MAX
            && let Some(oldest) = self.unused.pop_first()
            && let Some(class) = self.classes.remove(&oldest)
        {
            self.by_route.remove(&class.route);
        }
    }

    pub(in crate::core) fn push(&mut self, class: ClassId, priority: Priority, task: TaskId, turn: Turn) {
        let next = &mut self.next_turn;
        let level = level_mut(&mut self.classes, class, priority);
        let lane = level.lanes.entry(task.workflow).or_default();
        lane.tasks.push_back(task.index);
        level.waiting += 1;
        if lane.turn.is_none() && turn == Turn::Takes {
            lane.turn = Some(*next);
            level.turns.insert(*next, task.workflow);
            *next += 1;
        }
        if turn == Turn::Takes {
            self.open.insert(class);
        }
    }

    /// Queues a task that came back from a worker, before all others.
    pub(in crate::core) fn push_returned(&mut self, class: ClassId, priority: Priority, task: TaskId) {
        self.class_mut(class).returned.push_back((task, priority));
        self.open.insert(class);
    }

    /// Takes a task out, wherever in its class it waits. A task that is next costs the same however many wait.
    pub(in crate::core) fn remove(&mut self, class: ClassId, priority: Priority, task: TaskId) {
        let held = self.class_mut(class);
        if let Some(at) = held.returned.iter().position(|(other, _)| *other == task) {
            held.returned.remove(at);
        } else {
            let next = &mut self.next_turn;
            let level = level_mut(&mut self.classes, class, priority);
            level.take(task, next);
        }
        self.close_if_empty(class);
    }

    /// Takes every task of a workflow out.
    pub(in crate::core) fn remove_workflow(&mut self, class: ClassId, workflow: WorkflowId) {
        let held = self.class_mut(class);
        held.returned.retain(|(task, _)| task.workflow != workflow);
        for level in &mut held.levels {
            if let Some(lane) = level.lanes.remove(&workflow) {
                level.waiting -= lane.tasks.len();
                if let Some(turn) = lane.turn {
                    level.turns.remove(&turn);
                }
            }
        }
        self.close_if_empty(class);
    }

    /// Lets a workflow's tasks take part in the turns, or not.
    pub(in crate::core) fn set_turn(&mut self, class: ClassId, workflow: WorkflowId, turn: Turn) {
        let next = &mut self.next_turn;
        let mut opened = false;
        for level in &mut class_of(&mut self.classes, class).levels {
            let Some(lane) = level.lanes.get_mut(&workflow) else { continue };
            match (turn, lane.turn) {
                (Turn::Takes, None) => {
                    lane.turn = Some(*next);
                    level.turns.insert(*next, workflow);
                    *next += 1;
                    opened = true;
                }
                (Turn::Parked, Some(number)) => {
                    lane.turn = None;
                    level.turns.remove(&number);
                }
                (Turn::Takes, Some(_)) | (Turn::Parked, None) => {}
            }
        }
        if opened {
            self.open.insert(class);
        }
        self.close_if_empty(class);
    }

    fn close_if_empty(&mut self, id: ClassId) {
        let class = self.class_mut(id);
        if class.returned.is_empty() && class.levels.iter().all(|level| level.turns.is_empty()) {
            self.open.remove(&id);
        }
    }

    fn class_mut(&mut self, id: ClassId) -> &mut Class {
        class_of(&mut self.classes, id)
    }

    fn class(&self, id: ClassId) -> &Class {
        self.classes.get(&id).expect("a class is kept while it has users")
    }

    /// Classes with a task that may be offered.
    pub const fn open(&self) -> &BTreeSet<ClassId> {
        &self.open
    }

    pub fn routes(&self) -> impl Iterator<Item = (ClassId, &Route)> {
        self.classes.iter().map(|(id, class)| (*id, &class.route))
    }

    pub fn has_class(&self, id: ClassId) -> bool {
        self.classes.contains_key(&id)
    }

    /// The next class number: a reader that remembers it finds the classes made since.
    pub const fn next_class(&self) -> ClassId {
        ClassId(self.next_class)
    }

    pub fn route(&self, id: ClassId) -> &Route {
        &self.class(id).route
    }

    /// The task whose turn it is, and the number of that turn.
    pub fn head(&self, class: ClassId, priority: Priority) -> Option<(u64, TaskId)> {
        let level = self.class(class).levels.get(priority as usize)?;
        let (turn, workflow) = level.turns.first_key_value()?;
        let lane = level.lanes.get(workflow).expect("a workflow with a turn has a lane");
        let index = lane.tasks.front().expect("a lane is dropped when it is empty");
        Some((*turn, TaskId::new(*workflow, *index)))
    }

    /// Tasks that came back from a worker.
    pub fn returned(&self, class: ClassId) -> impl Iterator<Item = (TaskId, Priority)> {
        self.class(class).returned.iter().copied()
    }

    /// Tasks that wait for a worker, parked ones included.
    pub fn waiting(&self, class: ClassId) -> usize {
        let class = self.class(class);
        class.returned.len() + class.levels.iter().map(|level| level.waiting).sum::<usize>()
    }

    /// Waiting tasks of each priority, over all classes.
    pub fn waiting_by_priority(&self) -> [usize; 4] {
        let mut waiting = [0; 4];
        for class in self.classes.values() {
            for (sum, level) in waiting.iter_mut().zip(&class.levels) {
                *sum += level.waiting;
            }
            for (_, priority) in &class.returned {
                *waiting.get_mut(*priority as usize).expect("four priorities") += 1;
            }
        }
        waiting
    }
}

/// Where a ready task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::core) enum Standing {
    Returned,
    InLane(Turn),
}

/// For the check of invariants.
impl Ready {
    /// Every queued task with its place.
    pub(in crate::core) fn places(&self) -> Vec<(TaskId, ClassId, Priority, Standing)> {
        let mut places = Vec::new();
        for (id, class) in &self.classes {
            let returned = class.returned.iter();
            places.extend(returned.map(|(task, priority)| (*task, *id, *priority, Standing::Returned)));
            for (level, priority) in class.levels.iter().zip(Priority::ALL) {
                for (workflow, lane) in &level.lanes {
                    let turn = if lane.turn.is_some() { Turn::Takes } else { Turn::Parked };
                    let tasks = lane.tasks.iter().map(|index| TaskId::new(*workflow, *index));
                    places.extend(tasks.map(|task| (task, *id, priority, Standing::InLane(turn))));
                }
            }
        }
        places
    }

    /// A class whose counters, turns or users do not fit together. `users` says how many workflows use a class.
    #[expect(clippy::disallowed_methods, reason = "sums and the question whether any is wrong know no order")]
    pub(in crate::core) fn inconsistent(&self, users: impl Fn(ClassId) -> u32) -> Option<ClassId> {
        let wrong = |(id, class): &(&ClassId, &Class)| {
            let turns = class.levels.iter().map(|level| level.turns.len()).sum::<usize>();
            let lanes = class.levels.iter().flat_map(|level| level.lanes.values());
            let in_turn = lanes.clone().filter(|lane| lane.turn.is_some()).count();
            let waiting = lanes.map(|lane| lane.tasks.len()).sum::<usize>();
            let counted = class.levels.iter().map(|level| level.waiting).sum::<usize>();
            let open = turns > 0 || !class.returned.is_empty();
            turns != in_turn
                || waiting != counted
                || open != self.open.contains(id)
                || class.users != users(**id)
                || (class.users == 0) != self.unused.contains(id)
                || class.levels.iter().any(|level| level.lanes.values().any(|lane| lane.tasks.is_empty()))
        };
        self.classes.iter().find(wrong).map(|(id, _)| *id)
    }
}

impl Level {
    fn take(&mut self, task: TaskId, next_turn: &mut u64) {
        let lane = self.lanes.get_mut(&task.workflow).expect("a queued task has a lane");
        let at =
            lane.tasks.iter().position(|index| *index == task.index).expect("a queued task is in its lane");
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
            self.lanes.remove(&task.workflow);
        }
    }
}

fn class_of(classes: &mut BTreeMap<ClassId, Class>, id: ClassId) -> &mut Class {
    classes.get_mut(&id).expect("a class is kept while it has users")
}

fn level_mut(classes: &mut BTreeMap<ClassId, Class>, id: ClassId, priority: Priority) -> &mut Level {
    class_of(classes, id).levels.get_mut(priority as usize).expect("four priorities")
}
