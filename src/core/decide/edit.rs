//! New parameters for tasks that run again.

use std::collections::{BTreeSet, VecDeque};

use crate::core::command::Edit;
use crate::core::errors;
use crate::core::event::{Event, Note};
use crate::core::payload::Stored;
use crate::core::rejection::Rejection;
use crate::core::spec::references;
use crate::core::state::Workflow;
use crate::core::template;

/// Checks the edit as a submission would be: what its templates name must have ended by the time the task runs.
///
/// # Errors
/// When a template leads nowhere or would make a circle, or when somebody else has changed the parameters since.
pub(super) fn edited(workflow: &Workflow, index: u32, edit: &Edit, note: &Note) -> Result<Event, Rejection> {
    let task = workflow.task_id(index);
    if *workflow.parameters_of(index) != edit.over {
        return Err(Rejection::new(
            errors::PARAMETERS_CHANGED,
            format!("the parameters of task {task} have changed since they were read"),
        ));
    }
    let name = workflow.name_of(index);
    let names = references(&workflow.spec.tasks);
    let wanted = template::references(edit.parameters.as_str(), &|name| names.get(name).copied())
        .map_err(|bad| bad.rejection(&name, names.keys().copied()))?;
    if let Some(stranger) = wanted.iter().find(|named| !has_ended_before(workflow, **named, index)) {
        return Err(Rejection::new(
            errors::PARAMETER_SUBSTITUTION_FAILED,
            format!(
                "a template in the new parameters of task `{name}` names task `{}`, which need not have ended \
                 when `{name}` runs: name a task that it depends on, or one before these that has completed",
                workflow.name_of(*stranger)
            ),
        ));
    }
    let parameters = Stored::fresh(edit.parameters.clone(), &mut 0);
    Ok(Event::ParametersEdited { task, parameters, references: wanted, note: note.clone() })
}

/// A dependency has always ended. What lies further up has too, but could run again unless it has completed.
fn has_ended_before(workflow: &Workflow, wanted: u32, index: u32) -> bool {
    let direct = &workflow.spec.task(index).dependencies;
    if direct.contains(&wanted) {
        return true;
    }
    if workflow.task(wanted).status.result().is_none() {
        return false;
    }
    let mut seen: BTreeSet<u32> = direct.iter().copied().collect();
    let mut queue: VecDeque<u32> = direct.iter().copied().collect();
    while let Some(at) = queue.pop_front() {
        for dependency in &workflow.spec.task(at).dependencies {
            if *dependency == wanted {
                return true;
            }
            if seen.insert(*dependency) {
                queue.push_back(*dependency);
            }
        }
    }
    false
}
