//! A workflow that is taken over from several records.

use crate::core::carried::{CarriedTasks, CarriedWorkflow};
use crate::core::ids::{AttemptNo, Seq, TaskId, WorkerId};

use super::{Grant, Task};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core) struct Arriving {
    /// All but its tasks.
    pub head: CarriedWorkflow,
    /// Where it began.
    pub seq: Seq,
    pub tasks: Vec<Task>,
    pub grants: Vec<(WorkerId, TaskId, AttemptNo, Grant)>,
}

impl Arriving {
    /// `seq` is the position of the record.
    pub fn new(carried: &CarriedWorkflow, seq: Seq) -> Self {
        let mut head = carried.clone();
        let first = std::mem::take(&mut head.first);
        let mut arriving = Self { head, seq, tasks: Vec::new(), grants: Vec::new() };
        arriving.take(&first, seq);
        arriving
    }

    /// Adds the tasks that the record at `seq` holds: from now on it is the one that tells how they ended.
    pub fn take(&mut self, part: &CarriedTasks, seq: Seq) {
        for (index, task) in (part.from..).zip(&part.tasks) {
            let mut task = task.clone();
            task.ended_seq = task.ended_seq.map(|_| seq);
            if let Some(trouble) = &mut task.trouble {
                // Those of a workflow that was not in memory may have been released meanwhile.
                let lingering = part
                    .grants
                    .iter()
                    .filter(|(_, held, _, grant)| held.index == index && !grant.phase.is_current());
                trouble.lingering =
                    u32::try_from(lingering.count()).expect("bounded by the number of workers");
            }
            self.tasks.push(task);
        }
        self.grants.extend(part.grants.iter().cloned());
    }

    pub fn is_whole(&self) -> bool {
        self.tasks.len() >= self.head.spec.tasks.len()
    }
}
