//! Dead letters: tasks that have failed for good, over everything in memory and in the store.
//!
//! They are found over the workflows that have any: in memory by their counts, in the store by an index of places.
//! One page looks into a bounded number of workflows and says where it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::handle::EngineHandle;
use super::query::blocking;
use super::step::View;
use crate::core::ids::{Timestamp, WorkerId, WorkflowId};
use crate::core::letters::LetterFilter;
use crate::core::listing::Place;
use crate::core::rejection::Rejection;
use crate::core::state::{StatusKind, Workflow};

/// Workflows that one page looks into. Each may have to be read from the log.
const LOOKED_MAX: usize = 200;
/// Workflows in memory that one page passes over.
const PASSED_MAX: usize = 20_000;

/// The next task to look at, by its workflow's place and its index.
pub type LetterPlace = (Place, u32);

/// One task that has failed.
#[derive(Debug, Clone)]
pub struct Letter {
    pub workflow: Arc<Workflow>,
    pub index: u32,
}

#[derive(Debug, Default)]
pub struct Letters {
    /// Those of the latest workflow first, inside a workflow in its order.
    pub items: Vec<Letter>,
    pub next: Option<LetterPlace>,
}

/// Workflows with failed tasks, from memory or still to be loaded.
type Candidates = BTreeMap<Place, Option<Arc<Workflow>>>;

impl EngineHandle {
    /// A page of failed tasks.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn dead_letters(
        &self,
        filter: LetterFilter,
        from: Option<LetterPlace>,
        limit: usize,
    ) -> Result<Letters, Rejection> {
        let before = from.map(|(place, _)| after(place));
        let service = filter.service.clone();
        let (live, live_next, workers) = self
            .query(move |view| {
                let (live, next) = failing(view, before);
                (live, next, service.map(|service| workers_of(view, &service)).unwrap_or_default())
            })
            .await?;
        let views = Arc::clone(self.views());
        let (archived, archived_next) = blocking(move || views.with_failures(before, LOOKED_MAX)).await??;
        // Beyond the point where one source stopped short, the other may not go on yet.
        let floor = [live_next, archived_next].into_iter().flatten().max();
        let mut candidates: Candidates = archived.into_iter().map(|place| (place, None)).collect();
        candidates.extend(live.into_iter().map(|workflow| (workflow.listed_at(), Some(Arc::new(workflow)))));
        candidates.retain(|place, _| floor.is_none_or(|floor| *place >= floor));
        self.gather(candidates, &filter, &workers, from, limit, floor).await
    }

    async fn gather(
        &self,
        candidates: Candidates,
        filter: &LetterFilter,
        workers: &BTreeSet<WorkerId>,
        from: Option<LetterPlace>,
        limit: usize,
        floor: Option<Place>,
    ) -> Result<Letters, Rejection> {
        let mut letters = Letters::default();
        for (looked, (place, workflow)) in candidates.into_iter().rev().enumerate() {
            let start = from.filter(|(at, _)| *at == place).map_or(0, |(_, index)| index);
            if letters.items.len() >= limit || looked == LOOKED_MAX {
                letters.next = Some((place, start));
                return Ok(letters);
            }
            let Some(workflow) = self.known(workflow, place.1).await? else { continue };
            if !filter.workflow.accepts(&workflow) {
                continue;
            }
            for index in start..workflow.spec.total() {
                if !filter.accepts(&workflow, index, workers) {
                    continue;
                }
                if letters.items.len() >= limit {
                    letters.next = Some((place, index));
                    return Ok(letters);
                }
                letters.items.push(Letter { workflow: Arc::clone(&workflow), index });
            }
        }
        letters.next = floor.map(|floor| (floor_before(floor), 0));
        Ok(letters)
    }

    async fn known(
        &self,
        workflow: Option<Arc<Workflow>>,
        id: WorkflowId,
    ) -> Result<Option<Arc<Workflow>>, Rejection> {
        if workflow.is_some() {
            return Ok(workflow);
        }
        let views = Arc::clone(self.views());
        blocking(move || views.load(id)).await?
    }
}

/// Workflows in memory with failed tasks, the latest first, and where the search stopped.
fn failing(view: &View<'_>, before: Option<Place>) -> (Vec<Workflow>, Option<Place>) {
    let mut found = Vec::new();
    let end = before.map_or(Bound::Unbounded, Bound::Excluded);
    for (passed, place) in view.state.listed.range((Bound::Unbounded, end)).rev().enumerate() {
        let Some(workflow) = view.state.workflow(place.1) else { continue };
        if workflow.counts.of(StatusKind::Failed) > 0 {
            found.push(workflow.clone());
        }
        if found.len() == LOOKED_MAX || passed == PASSED_MAX {
            return (found, Some(*place));
        }
    }
    (found, None)
}

fn workers_of(view: &View<'_>, service: &str) -> BTreeSet<WorkerId> {
    let named = view.state.workers.iter().filter(|(_, name)| ***name == *service);
    named.map(|(worker, _)| worker.clone()).collect()
}

/// The place right after this one.
const fn after(place: Place) -> Place {
    match place.1.0.checked_add(1) {
        Some(id) => (place.0, WorkflowId(id)),
        None => (place.0.plus(1), WorkflowId(0)),
    }
}

/// The place right before this one, to go on at.
const fn floor_before(place: Place) -> Place {
    match place.1.0.checked_sub(1) {
        Some(id) => (place.0, WorkflowId(id)),
        None => (Timestamp(place.0.0.saturating_sub(1)), WorkflowId(u128::MAX)),
    }
}
