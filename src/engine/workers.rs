//! Reading about workers and their services. Ten thousand of them may be connected, so the engine is asked for some at a
//! time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::handle::EngineHandle;
use super::step::View;
use crate::core::command::{Reported, WorkerFacts, WorkerStatus};
use crate::core::ids::{TaskId, Timestamp, WorkerId};
use crate::core::presence::{DEPARTED_MAX, Departed, Present};
use crate::core::rejection::Rejection;
use crate::core::state::{Breaker, ServiceTotals};

/// Workers that the engine describes at once, which takes it well below a millisecond.
const PART: usize = 500;

/// A worker as it stands.
#[derive(Debug, Clone)]
pub struct WorkerPicture {
    pub facts: Arc<WorkerFacts>,
    pub connected: bool,
    pub connected_at: Timestamp,
    pub last_seen: Timestamp,
    pub last_heartbeat: Option<Timestamp>,
    pub status: WorkerStatus,
    pub drained: bool,
    pub capacity: u32,
    /// Attempts that take a slot.
    pub held: Vec<TaskId>,
    pub totals: ServiceTotals,
    pub breaker: Breaker,
    pub reported: Reported,
}

/// A service as it stands: all workers of one name.
#[derive(Debug, Clone)]
pub struct ServicePicture {
    pub name: Arc<str>,
    /// Those that are connected.
    pub workers: u64,
    pub slots: u64,
    /// Attempts that take a slot.
    pub held: u64,
    pub totals: ServiceTotals,
    pub breaker: Breaker,
}

/// A service that was here and is gone: no worker of its name is known.
#[derive(Debug, Clone)]
pub struct GonePicture {
    pub name: Arc<str>,
    pub last_seen: Timestamp,
    pub totals: ServiceTotals,
    /// What was seen of it; nothing of one that only the log knows, as one that went before the server was started.
    pub departed: Option<Departed>,
}

impl ServicePicture {
    fn new(name: Arc<str>, totals: ServiceTotals, now: Timestamp) -> Self {
        Self { name, workers: 0, slots: 0, held: 0, totals, breaker: totals.breaker(now) }
    }
}

impl EngineHandle {
    /// All workers that are known, by their ids.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn workers(&self) -> Result<Vec<WorkerPicture>, Rejection> {
        self.workers_after(None, usize::MAX).await.map(|(workers, _)| workers)
    }

    /// At most `limit` workers whose ids come after `last`, and whether there are more.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn workers_after(
        &self,
        mut last: Option<WorkerId>,
        limit: usize,
    ) -> Result<(Vec<WorkerPicture>, bool), Rejection> {
        let mut all: Vec<WorkerPicture> = Vec::new();
        loop {
            let wanted = PART.min(limit - all.len());
            let part = self.query(move |view| part(view, last.as_ref(), wanted + 1)).await?;
            let more = part.len() > wanted;
            all.extend(part.into_iter().take(wanted));
            if !more || all.len() == limit {
                return Ok((all, more));
            }
            last = all.last().map(|worker| worker.facts.worker.clone());
        }
    }

    /// The worker with this id, or the only one with this name.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn worker(&self, id: String) -> Result<Option<WorkerPicture>, Rejection> {
        self.query(move |view| {
            let mut named = view.presence.workers().filter(|worker| *worker.facts.name == *id);
            let by_name = || named.next().filter(|_| named.next().is_none());
            let found = view.presence.worker(&WorkerId::new(&id)).or_else(by_name);
            found.map(|worker| picture(view, worker))
        })
        .await
    }

    /// Services that were here and are gone, the one that was seen last first.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn gone_services(&self) -> Result<Vec<GonePicture>, Rejection> {
        self.query(gone).await
    }

    /// Every service that is connected or was ever given work.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn services(&self) -> Result<Vec<ServicePicture>, Rejection> {
        self.query(services).await
    }
}

fn gone(view: &View<'_>) -> Vec<GonePicture> {
    let departed = &view.presence.departed;
    let totals = |name: &str| view.state.services.get(name).copied().unwrap_or_default();
    let seen = departed.all().map(|known| GonePicture {
        name: Arc::clone(&known.facts.name),
        last_seen: known.at,
        totals: totals(&known.facts.name),
        departed: Some(known.clone()),
    });
    let outside = |name: &str| !WorkerId::new(name).is_built_in() && departed.get(name).is_none();
    let logged =
        view.state.services.iter().filter(|(name, _)| outside(name)).map(|(name, totals)| GonePicture {
            name: Arc::clone(name),
            last_seen: totals.last_seen_at,
            totals: *totals,
            departed: None,
        });
    let mut all: Vec<GonePicture> = seen.chain(logged).filter(|one| !departed.is_here(&one.name)).collect();
    all.sort_by(|one, other| other.last_seen.cmp(&one.last_seen).then_with(|| one.name.cmp(&other.name)));
    all.truncate(DEPARTED_MAX);
    all
}

fn services(view: &View<'_>) -> Vec<ServicePicture> {
    let totals = view.state.services.iter().map(|(name, totals)| (Arc::clone(name), *totals));
    let mut all: BTreeMap<Arc<str>, ServicePicture> = totals
        .map(|(name, totals)| (Arc::clone(&name), ServicePicture::new(name, totals, view.now)))
        .collect();
    for worker in view.presence.workers().filter(|worker| worker.is_connected()) {
        let name = &worker.facts.name;
        let service = all
            .entry(Arc::clone(name))
            .or_insert_with(|| ServicePicture::new(Arc::clone(name), ServiceTotals::default(), view.now));
        service.workers += 1;
        service.slots += u64::from(worker.capacity());
        service.held += u64::from(view.state.grants.count(&worker.facts.worker));
    }
    all.into_values().collect()
}

fn part(view: &View<'_>, last: Option<&WorkerId>, limit: usize) -> Vec<WorkerPicture> {
    view.presence.workers_after(last).take(limit).map(|worker| picture(view, worker)).collect()
}

fn picture(view: &View<'_>, worker: &Present) -> WorkerPicture {
    let id: &WorkerId = &worker.facts.worker;
    WorkerPicture {
        facts: Arc::clone(&worker.facts),
        connected: worker.is_connected(),
        connected_at: worker.connected_at,
        last_seen: worker.last_seen,
        last_heartbeat: worker.last_heartbeat,
        status: worker.status,
        drained: worker.drained,
        capacity: worker.capacity(),
        held: view.state.grants.of(id).map(|(task, _, _)| task).collect(),
        totals: view.state.services.get(&worker.facts.name).copied().unwrap_or_default(),
        breaker: view.state.breaker(&worker.facts.name, view.now),
        reported: worker.reported.clone(),
    }
}
