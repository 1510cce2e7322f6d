//! The ready tasks, queued per routing class, so that an absent service blocks nobody else.
//!
//! Inside a class every priority has its own queue; inside a priority those that came back from a worker go first,
//! and workflows take turns; inside a workflow tasks are served first come, first served. Nothing is ever scanned to
//! find the next task, but for the few tasks that some workers must not get.

use std::collections::{BTreeMap, BTreeSet};

use super::lanes::Lanes;
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
}

/// The ready tasks of one priority.
#[derive(Debug, Default)]
struct Level {
    /// Tasks that came back from a worker: some workers must not get them again yet.
    returned: Lanes,
    fresh: Lanes,
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
        self.classes.insert(id, Class { route: route.clone(), users: 0, levels });
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
        level_mut(&mut self.classes, class, priority).fresh.push(task, turn, &mut self.next_turn);
        if turn == Turn::Takes {
            self.open.insert(class);
        }
    }

    /// Queues a task that came back from a worker, before all others of its priority.
    pub(in crate::core) fn push_returned(
        &mut self,
        class: ClassId,
        priority: Priority,
        task: TaskId,
        turn: Turn,
    ) {
        level_mut(&mut self.classes, class, priority).returned.push(task, turn, &mut self.next_turn);
        if turn == Turn::Takes {
            self.open.insert(class);
        }
    }

    /// Takes a task out, wherever in its class it waits. A task that is next costs the same however many wait.
    pub(in crate::core) fn remove(&mut self, class: ClassId, priority: Priority, task: TaskId) {
        let level = level_mut(&mut self.classes, class, priority);
        let next = &mut self.next_turn;
        if level.fresh.is_first(task) || !level.returned.take(task, next) {
            let taken = level.fresh.take(task, next);
            debug_assert!(taken, "a queued task is in its lane");
        }
        self.close_if_empty(class);
    }

    /// Takes every task of a workflow out.
    pub(in crate::core) fn remove_workflow(&mut self, class: ClassId, workflow: WorkflowId) {
        for level in &mut self.class_mut(class).levels {
            level.returned.drop_lane(workflow);
            level.fresh.drop_lane(workflow);
        }
        self.close_if_empty(class);
    }

    /// Lets a workflow's tasks take part in the turns, or not.
    pub(in crate::core) fn set_turn(&mut self, class: ClassId, workflow: WorkflowId, turn: Turn) {
        let next = &mut self.next_turn;
        let mut opened = false;
        for level in &mut class_of(&mut self.classes, class).levels {
            for lanes in [&mut level.returned, &mut level.fresh] {
                opened |= lanes.set_turn(workflow, turn, next);
            }
        }
        if opened {
            self.open.insert(class);
        }
        self.close_if_empty(class);
    }

    fn close_if_empty(&mut self, id: ClassId) {
        let class = self.class_mut(id);
        if !class.lanes().any(Lanes::has_turns) {
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

    /// The first task of each workflow, in the order of their turns, with the numbers of these.
    pub fn heads(&self, class: ClassId, priority: Priority) -> impl Iterator<Item = (u64, TaskId)> {
        self.level(class, priority).fresh.heads()
    }

    /// The tasks that came back from a worker, in the order of their turns.
    pub fn returned(&self, class: ClassId, priority: Priority) -> impl Iterator<Item = (u64, TaskId)> {
        self.level(class, priority).returned.all()
    }

    fn level(&self, class: ClassId, priority: Priority) -> &Level {
        self.class(class).levels.get(priority as usize).expect("four priorities")
    }

    /// Tasks that wait for a worker, parked ones included.
    pub fn waiting(&self, class: ClassId) -> usize {
        self.class(class).lanes().map(Lanes::waiting).sum()
    }

    /// Waiting tasks of each priority, over all classes.
    pub fn waiting_by_priority(&self) -> [usize; 4] {
        let mut waiting = [0; 4];
        for class in self.classes.values() {
            for (sum, level) in waiting.iter_mut().zip(&class.levels) {
                *sum += level.returned.waiting() + level.fresh.waiting();
            }
        }
        waiting
    }
}

/// Where a ready task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::core) enum Standing {
    Returned(Turn),
    Fresh(Turn),
}

/// For the check of invariants.
impl Ready {
    /// Every queued task with its place.
    pub(in crate::core) fn places(&self) -> Vec<(TaskId, ClassId, Priority, Standing)> {
        let mut places = Vec::new();
        for (id, class) in &self.classes {
            for (level, priority) in class.levels.iter().zip(Priority::ALL) {
                let returned = level.returned.places().map(|(task, turn)| (task, Standing::Returned(turn)));
                let fresh = level.fresh.places().map(|(task, turn)| (task, Standing::Fresh(turn)));
                places.extend(returned.chain(fresh).map(|(task, standing)| (task, *id, priority, standing)));
            }
        }
        places
    }

    /// A class whose counters, turns or users do not fit together. `users` says how many workflows use a class.
    pub(in crate::core) fn inconsistent(&self, users: impl Fn(ClassId) -> u32) -> Option<ClassId> {
        let wrong = |(id, class): &(&ClassId, &Class)| {
            let open = class.lanes().any(Lanes::has_turns);
            class.lanes().any(Lanes::is_inconsistent)
                || open != self.open.contains(id)
                || class.users != users(**id)
                || (class.users == 0) != self.unused.contains(id)
        };
        self.classes.iter().find(wrong).map(|(id, _)| *id)
    }
}

impl Class {
    fn lanes(&self) -> impl Iterator<Item = &Lanes> {
        self.levels.iter().flat_map(|level| [&level.returned, &level.fresh])
    }
}

fn class_of(classes: &mut BTreeMap<ClassId, Class>, id: ClassId) -> &mut Class {
    classes.get_mut(&id).expect("a class is kept while it has users")
}

fn level_mut(classes: &mut BTreeMap<ClassId, Class>, id: ClassId, priority: Priority) -> &mut Level {
    class_of(classes, id).levels.get_mut(priority as usize).expect("four priorities")
}
