//! Writing again what is alive, so that the log before it can be released.

use std::sync::Arc;

use super::{Decision, Inputs, access, subscription};
use crate::core::carried::{CarriedWorkflow, History, Moved};
use crate::core::effect::{Effect, Receipt};
use crate::core::event::Event;
use crate::core::ids::{Seq, WorkflowId};
use crate::core::payload::{Payload, Stored};
use crate::core::state::State;

/// Payloads get a new place. Whoever refers to them still refers to the old one.
pub(super) fn payloads(state: &State, workflow: WorkflowId, payloads: &[Payload]) -> Decision {
    let mut next_part = 0;
    let payloads = payloads.iter().map(|payload| Stored::fresh(payload.clone(), &mut next_part)).collect();
    let answer = Ok(Receipt::Carried { seq: state.next_seq });
    Decision { answer, ..Decision::events(vec![Event::PayloadsCarried { workflow, payloads }]) }
}

/// A workflow that has come back into memory since it was read is carried from there, and one that has ended anew
/// is read again.
pub(super) fn archived(
    state: &State,
    inputs: &Inputs,
    workflow: &CarriedWorkflow,
    ended_seq: Option<Seq>,
) -> Decision {
    if state.workflow(workflow.id).is_some() || inputs.existing.archived_end != ended_seq {
        return Decision::nothing();
    }
    let effects = vec![Effect::Archive { workflow: workflow.id }];
    let mut carried = workflow.clone();
    carried.take_grants(state);
    Decision { effects, ..Decision::events(carried.into_events()) }
}

pub(super) fn live(state: &State, id: WorkflowId, moved: &Moved, released: Option<History>) -> Decision {
    let Some(workflow) = state.workflow(id) else { return Decision::nothing() };
    let mut carried = CarriedWorkflow::of(workflow, state);
    carried.follow(moved);
    carried.released = released;
    let ended = workflow.status.has_ended();
    let effects = ended.then_some(Effect::Archive { workflow: id }).into_iter().collect();
    Decision { effects, ..Decision::events(carried.into_events()) }
}

pub(super) fn services(state: &State) -> Decision {
    let services = state.services.iter().map(|(name, totals)| (Arc::clone(name), *totals)).collect();
    let workers = state.workers.iter().map(|(worker, name)| (worker.clone(), Arc::clone(name))).collect();
    let services = Event::ServicesCarried { services, workers };
    let carried = subscription::carried(state).chain(access::carried(state));
    Decision::events([services].into_iter().chain(carried).collect())
}

/// The release never goes back.
pub(super) fn release(state: &State, up_to: Seq) -> Decision {
    if up_to <= state.released {
        return Decision::nothing();
    }
    Decision::events(vec![Event::Released { up_to }])
}
