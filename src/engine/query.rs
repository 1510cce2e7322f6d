//! Reading: live workflows from memory, ended ones from the store. Nothing here blocks the writer for longer
//! than it takes to clone a few handles.

use std::sync::Arc;
use std::time::Duration;

use super::handle::EngineHandle;
use super::step::View;
use crate::core::command::{Progress, WorkerKind};
use crate::core::errors;
use crate::core::event::Record;
use crate::core::ids::{Seq, TaskId, Timestamp, WorkflowId, canonical_uuid};
use crate::core::listing::{ListFilter, Listed, Place, Summary};
use crate::core::payload::{Payload, Stored};
use crate::core::rejection::Rejection;
use crate::core::state::{Workflow, WorkflowStatus};
use crate::core::why::{self, Beside, Reason, Why};

/// Live workflows that one list call looks at; a longer search goes on with its cursor.
const LIST_SCAN_MAX: usize = 20_000;

/// Figures of the whole engine.
#[derive(Debug, Clone)]
pub struct EnginePicture {
    pub seq: u64,
    pub live_workflows: usize,
    /// Of the workflows in memory, by status.
    pub workflows: Vec<(&'static str, usize)>,
    /// Waiting tasks, from urgent to low.
    pub queued: [usize; 4],
    pub running_tasks: usize,
    /// Attempts that take a slot.
    pub held: usize,
    /// Connected executor nodes, and services.
    pub executors: usize,
    pub services: usize,
    pub now: Timestamp,
}

impl EngineHandle {
    /// The workflow, live or archived.
    ///
    /// # Errors
    /// When there is none with this id.
    pub async fn workflow(&self, id: WorkflowId) -> Result<Arc<Workflow>, Rejection> {
        self.workflow_at(id).await.map(|(workflow, _)| workflow)
    }

    /// The same, and the last position of the log that it holds.
    ///
    /// # Errors
    /// When there is none with this id.
    pub async fn workflow_at(&self, id: WorkflowId) -> Result<(Arc<Workflow>, Seq), Rejection> {
        let look = move |view: &View<'_>| {
            (view.state.workflow(id).cloned(), Seq(view.state.next_seq.0.saturating_sub(1)))
        };
        let (live, seq) = self.query(look).await?;
        if let Some(workflow) = live {
            return Ok((Arc::new(workflow), seq));
        }
        let views = Arc::clone(self.views());
        let archived = blocking(move || views.load(id)).await??;
        let archived = archived.ok_or_else(|| {
            Rejection::new(errors::WORKFLOW_NOT_FOUND, format!("there is no workflow {id}"))
        })?;
        Ok((archived, seq))
    }

    /// The task that a person or program names: by its generated id, or by its own id where that is a UUID.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find_task(&self, name: &str) -> Result<(Arc<Workflow>, TaskId), Rejection> {
        let missing = || Rejection::new(errors::TASK_NOT_FOUND, format!("there is no task {name}"));
        let id = match TaskId::parse(name) {
            Some(id) => id,
            None => self.find_own(name).await?.ok_or_else(missing)?,
        };
        let workflow = self.workflow(id.workflow).await.map_err(|rejection| {
            if rejection.code == errors::WORKFLOW_NOT_FOUND { missing() } else { rejection }
        })?;
        if workflow.tasks.get(id.at()).is_none() {
            return Err(missing());
        }
        Ok((workflow, id))
    }

    async fn find_own(&self, name: &str) -> Result<Option<TaskId>, Rejection> {
        let Some(uuid) = canonical_uuid(name) else { return Ok(None) };
        let text = name.to_owned();
        let live = self.query(move |view| view.state.by_own_uuid(&text)).await?;
        if live.is_some() {
            return Ok(live);
        }
        let views = Arc::clone(self.views());
        blocking(move || views.find_task(uuid)).await?
    }

    /// Why a task is where it is; nothing for a task of an archived workflow. `receiver` is whom it is handed on to.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn why(&self, id: TaskId, receiver: Option<Arc<str>>) -> Result<Option<Why>, Rejection> {
        let offers = if self.commits().is_read_only() { why::Offers::DiskFull } else { why::Offers::Made };
        self.query(move |view| {
            why::explain(view.state, view.presence, id, view.now, Beside { offers, receiver })
        })
        .await
    }

    /// Attempts of a task that workers were told to stop and have not confirmed.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn releasing(&self, id: TaskId) -> Result<Vec<Reason>, Rejection> {
        self.query(move |view| why::releasing(view.state, id)).await
    }

    /// The latest progress of a running task.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn progress(&self, id: TaskId) -> Result<Option<(Timestamp, Progress)>, Rejection> {
        self.query(move |view| {
            let holder = view.state.task(id)?.holder()?;
            view.presence.worker(holder)?.progress.get(&id).cloned()
        })
        .await
    }

    /// A page of workflows, the latest first.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn list(
        &self,
        filter: ListFilter,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Listed, Rejection> {
        let wanted = filter.clone();
        let live = self.query(move |view| live_page(view, &wanted, before, limit)).await?;
        let views = Arc::clone(self.views());
        let archived = blocking(move || views.list(&filter, before, limit)).await??;
        Ok(merged(live, archived, limit))
    }

    /// The workflows that have not ended, at most so many.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn open_workflows(&self, limit: usize) -> Result<Vec<Workflow>, Rejection> {
        self.query(move |view| {
            let open = view.state.workflows.values().filter(|workflow| !workflow.status.has_ended());
            open.take(limit).cloned().collect()
        })
        .await
    }

    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn picture(&self) -> Result<EnginePicture, Rejection> {
        self.query(|view| {
            let census = view.state.census;
            let connected = |kind: WorkerKind| {
                let workers = view.presence.workers();
                workers.filter(|worker| worker.is_connected() && worker.facts.kind == kind).count()
            };
            let by_status = WorkflowStatus::ALL.map(|status| (status.name(), census.of(status)));
            EnginePicture {
                seq: view.state.next_seq.0 - 1,
                live_workflows: census.open(),
                workflows: by_status.to_vec(),
                queued: view.state.ready.waiting_by_priority(),
                running_tasks: view.state.grants.current(),
                held: view.state.grants.held(),
                executors: connected(WorkerKind::Executor),
                services: connected(WorkerKind::Service),
                now: view.now,
            }
        })
        .await
    }

    /// Events of the log; see [`super::Feed::read`].
    ///
    /// # Errors
    /// When the log cannot be read, or the position is no longer kept.
    pub async fn read_events(
        &self,
        from: Seq,
        limit: usize,
        wanted: impl Fn(&Record) -> bool + Send + 'static,
    ) -> Result<(Vec<(Seq, Record)>, Seq), Rejection> {
        let feed = self.feed().clone();
        blocking(move || feed.read(from, limit, &wanted)).await?
    }

    /// Where the events of a workflow begin; see [`super::Feed::beginning_of`].
    ///
    /// # Errors
    /// As for [`Self::read_events`].
    pub async fn beginning_of(&self, workflow: &Workflow) -> Result<Seq, Rejection> {
        let (feed, spec_seq, created_at) = (self.feed().clone(), workflow.spec_seq, workflow.created_at);
        blocking(move || feed.beginning_of(spec_seq, created_at)).await?
    }

    /// Returns when the workflow has ended, or when the time is up.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn wait_for_end(&self, id: WorkflowId, limit: Duration) -> Result<(), Rejection> {
        let mut feed = self.feed().follow();
        let ended = async {
            loop {
                if self.workflow(id).await?.status.has_ended() {
                    return Ok(());
                }
                // Whatever happens to this workflow, or a feed that ran ahead, is a reason to look again.
                while let Ok(item) = feed.recv().await {
                    if item.is_about(id) {
                        break;
                    }
                }
            }
        };
        tokio::time::timeout(limit, ended).await.unwrap_or(Ok(()))
    }

    /// The text of a stored payload.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn payload(&self, stored: &Stored) -> Result<Payload, Rejection> {
        match stored {
            Stored::Inline(payload) => Ok(payload.clone()),
            Stored::Own(own) => Ok(own.text.clone().expect("what memory holds refers to its record")),
            Stored::Logged { seq, part, .. } => {
                let (log, seq, part) = (Arc::clone(self.log()), *seq, *part);
                let text = blocking(move || log.part(seq, part)).await?;
                text.map(Payload::new).map_err(|error| super::feed::unreadable(&error))
            }
        }
    }
}

/// Runs something that reads the disk where it disturbs nobody.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Rejection> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Rejection::new(errors::INTERNAL_ERROR, format!("a read did not finish: {error}")))
}

fn live_page(view: &View<'_>, filter: &ListFilter, before: Option<Place>, limit: usize) -> Listed {
    let places: Box<dyn Iterator<Item = &Place>> = match before {
        Some(place) => Box::new(view.state.listed.range(..place).rev()),
        None => Box::new(view.state.listed.iter().rev()),
    };
    let mut page = Listed::default();
    for (looked, place) in places.enumerate() {
        if page.items.len() == limit || looked == LIST_SCAN_MAX {
            return page;
        }
        page.next = Some(*place);
        let Some(workflow) = view.state.workflow(place.1) else { continue };
        if filter.accepts(workflow) {
            page.items.push(Summary::of(workflow));
        }
    }
    page.next = None;
    page
}

/// One page out of two. Beyond the point where one source stopped short, the other may not go on yet.
fn merged(live: Listed, archived: Listed, limit: usize) -> Listed {
    let floor = [live.next, archived.next].into_iter().flatten().max();
    // A workflow that was retried is in both places; memory knows it better.
    let mut known: std::collections::BTreeMap<Place, Summary> =
        archived.items.into_iter().map(|item| (item.place, item)).collect();
    known.extend(live.items.into_iter().map(|item| (item.place, item)));
    let within = |place: &Place| floor.is_none_or(|floor| *place >= floor);
    let all: Vec<Summary> = known.into_values().rev().filter(|item| within(&item.place)).collect();
    let full = all.len() > limit;
    let items: Vec<Summary> = all.into_iter().take(limit).collect();
    let next = if full { items.last().map(|item| item.place) } else { floor };
    Listed { items, next }
}
