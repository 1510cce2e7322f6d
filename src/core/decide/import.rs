//! A workflow that another server ran is taken in as it was exported. It has ended here, whatever it was there, so nothing
//! of it is ever given to a worker, and nobody is told of its end.

use super::verbs::taken_task_id;
use super::{Decision, Inputs};
use crate::core::carried::CarriedWorkflow;
use crate::core::effect::{Effect, First, Receipt};
use crate::core::errors;
use crate::core::event::Event;
use crate::core::rejection::Rejection;
use crate::core::state::State;

pub(super) fn import(
    state: &State,
    inputs: &Inputs,
    workflow: &CarriedWorkflow,
) -> Result<Decision, Rejection> {
    let id = workflow.id;
    let archived = inputs.existing.submitted.map(|(_, body)| body);
    if let Some(body) = state.workflow(id).map(|known| known.body).or(archived) {
        if body != workflow.body {
            return Err(Rejection::new(
                errors::WORKFLOW_CONFLICT,
                format!("there is a workflow {id} already, and it is not from this file"),
            ));
        }
        let answer = Ok(Receipt::Submitted { workflow: id, first: First::Repeated });
        return Ok(Decision { answer, ..Decision::nothing() });
    }
    taken_task_id(state, &workflow.spec)?;
    let mut carried = workflow.clone();
    let payloads = carried.lay_out(state.next_seq);
    let laid_out = (!payloads.is_empty()).then_some(Event::PayloadsCarried { workflow: id, payloads });
    let events = laid_out.into_iter().chain(carried.into_events()).collect();
    let answer = Ok(Receipt::Submitted { workflow: id, first: First::Created });
    Ok(Decision { events, effects: vec![Effect::Archive { workflow: id }], answer })
}
