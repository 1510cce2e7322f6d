//! Says where two states differ.

use gleitzeit::core::state::State;

/// The first difference of two states that should be equal.
pub fn difference(one: &State, other: &State) -> String {
    if one.next_seq != other.next_seq {
        return format!("next {:?} and {:?}", one.next_seq, other.next_seq);
    }
    for (id, workflow) in &other.workflows {
        let Some(found) = one.workflow(*id) else { return format!("workflow {id} is missing") };
        for index in 0..workflow.spec.total() {
            if found.task(index) != workflow.task(index) {
                return format!(
                    "task {index} of {id}: {:?} and {:?}",
                    found.task(index),
                    workflow.task(index)
                );
            }
        }
        if found.status != workflow.status || found.counts != workflow.counts {
            return format!("workflow {id}: {:?} and {:?}", found.status, workflow.status);
        }
    }
    if one.grants != other.grants {
        return format!("grants {:?} and {:?}", one.grants, other.grants);
    }
    if one.timers != other.timers {
        return format!("timers {:?} and {:?}", one.timers, other.timers);
    }
    if one.access != other.access {
        return format!("users and keys {:?} and {:?}", one.access, other.access);
    }
    "in services or in facts of a workflow".to_owned()
}
