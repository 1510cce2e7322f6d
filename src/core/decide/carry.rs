//! Writing again what is alive, so that the log before it can be released.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Decision, subscription};
use crate::core::carried::CarriedWorkflow;
use crate::core::effect::Effect;
use crate::core::event::Event;
use crate::core::ids::{Seq, WorkflowId};
use crate::core::payload::Payload;
use crate::core::state::State;

/// A workflow that has come back into memory meanwhile is carried from there.
pub(super) fn archived(state: &State, workflow: &CarriedWorkflow) -> Decision {
    if state.workflow(workflow.id).is_some() {
        return Decision::nothing();
    }
    let effects = vec![Effect::Archive { workflow: workflow.id }];
    let events = vec![Event::WorkflowCarried { workflow: Box::new(workflow.clone()) }];
    Decision { events, effects, ..Decision::nothing() }
}

pub(super) fn live(state: &State, id: WorkflowId, payloads: &BTreeMap<(Seq, u32), Payload>) -> Decision {
    let Some(workflow) = state.workflow(id) else { return Decision::nothing() };
    let mut carried = CarriedWorkflow::of(workflow, state);
    carried.embed(|seq, part| payloads.get(&(seq, part)).cloned());
    let ended = workflow.status.has_ended();
    let effects = ended.then_some(Effect::Archive { workflow: id }).into_iter().collect();
    let events = vec![Event::WorkflowCarried { workflow: Box::new(carried) }];
    Decision { events, effects, ..Decision::nothing() }
}

pub(super) fn services(state: &State) -> Decision {
    let services = state.services.iter().map(|(name, totals)| (Arc::clone(name), *totals)).collect();
    let workers = state.workers.iter().map(|(worker, name)| (worker.clone(), Arc::clone(name))).collect();
    let services = Event::ServicesCarried { services, workers };
    Decision::events([services].into_iter().chain(subscription::carried(state)).collect())
}

/// The release never goes back.
pub(super) fn release(state: &State, up_to: Seq) -> Decision {
    if up_to <= state.released {
        return Decision::nothing();
    }
    Decision::events(vec![Event::Released { up_to }])
}
