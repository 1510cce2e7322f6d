//! Webhook subscriptions as others see them, and how long the log waits for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::handle::EngineHandle;
use super::query::blocking;
use crate::core::errors;
use crate::core::event::Record;
use crate::core::ids::{Seq, SubscriptionId, WorkflowId};
use crate::core::limits::SUBSCRIPTION_HOLD_MS;
use crate::core::rejection::Rejection;
use crate::core::state::Workflow;
use crate::core::subscription::{EndKind, Subscription, SubscriptionStatus, Untold};

/// Ends that are counted of those that wait for one subscription: nobody reads a larger number otherwise.
const UNTOLD_MAX: usize = 1_000;
/// Records that are looked at for it, which takes some hundredths of a second.
const UNTOLD_LOOKED_MAX: u64 = 20_000;

impl EngineHandle {
    pub fn fresh_subscription_id(&self) -> SubscriptionId {
        SubscriptionId(self.fresh_workflow_id().0)
    }

    /// All subscriptions in the order of their creation.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping.
    pub async fn subscriptions(&self) -> Result<Vec<(SubscriptionId, Arc<Subscription>)>, Rejection> {
        self.query(|view| {
            view.state.subscriptions.iter().map(|(id, known)| (*id, Arc::clone(known))).collect()
        })
        .await
    }

    /// # Errors
    /// When there is none with this id.
    pub async fn subscription(&self, id: SubscriptionId) -> Result<Arc<Subscription>, Rejection> {
        let found = self.query(move |view| view.state.subscriptions.get(&id).cloned()).await?;
        found.ok_or_else(|| Rejection::new(errors::WEBHOOK_NOT_FOUND, format!("there is no webhook {id}")))
    }

    /// What waits for a subscription, from its cursor on.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping, or that the log or the store cannot be read.
    pub async fn untold(&self, known: &Subscription) -> Result<Untold, Rejection> {
        let (feed, kinds) = (self.feed().clone(), known.terms.events.clone());
        let from = known.cursor.max(self.first_kept());
        let (found, next) = blocking(move || {
            let wanted =
                |record: &Record| EndKind::of(&record.event).is_some_and(|kind| kinds.contains(&kind));
            feed.read_among(from, UNTOLD_LOOKED_MAX, UNTOLD_MAX, &wanted)
        })
        .await??;
        let more = next < self.feed().durable_end();
        if known.terms.filter.is_empty() {
            return Ok(Untold { ends: found.len(), more });
        }
        let of: Vec<WorkflowId> = found.iter().filter_map(|(_, record)| record.event.workflow()).collect();
        let known_ids: BTreeSet<WorkflowId> = of.iter().copied().collect();
        let ids: Vec<WorkflowId> = known_ids.into_iter().collect();
        let workflows = self.workflows(ids.clone()).await?;
        let refused: BTreeSet<WorkflowId> = ids
            .into_iter()
            .zip(workflows)
            .filter(|(_, workflow)| workflow.as_ref().is_some_and(|one| !known.terms.filter.accepts(one)))
            .map(|(id, _)| id)
            .collect();
        Ok(Untold { ends: of.iter().filter(|id| !refused.contains(id)).count(), more })
    }

    /// Several workflows, live or archived, by one look into memory; nothing for those that nobody knows.
    ///
    /// # Errors
    /// That the engine is overloaded or stopping, or that the store cannot be read.
    pub async fn workflows(&self, ids: Vec<WorkflowId>) -> Result<Vec<Option<Arc<Workflow>>>, Rejection> {
        let wanted = ids.clone();
        let live: Vec<Option<Workflow>> = self
            .query(move |view| wanted.iter().map(|id| view.state.workflow(*id).cloned()).collect())
            .await?;
        let views = Arc::clone(self.views());
        let found = move || {
            let known = |(live, id): (Option<Workflow>, WorkflowId)| match live {
                Some(workflow) => Ok(Some(Arc::new(workflow))),
                None => views.load(id),
            };
            live.into_iter().zip(ids).map(known).collect()
        };
        blocking(found).await?
    }

    /// The first record that the log still has.
    pub fn first_kept(&self) -> Seq {
        self.log().first_seq()
    }
}

/// How far the log may be released for the sake of those that have yet to be told of it. A disk that is full, a
/// subscription that is disabled and one that lags for too long hold nothing.
pub(super) fn held_back(engine: &EngineHandle, up_to: Seq) -> Result<Seq, Rejection> {
    if engine.commits().is_read_only() {
        return Ok(up_to);
    }
    let mut cursors = engine.query_blocking(move |view| {
        let waits = |known: &&Arc<Subscription>| {
            known.cursor < up_to && !matches!(known.status, SubscriptionStatus::Disabled(_))
        };
        view.state.subscriptions.values().filter(waits).map(|known| known.cursor).collect::<Vec<Seq>>()
    })?;
    cursors.sort_unstable();
    let young = |cursor: &Seq| {
        let read = engine.feed().read(*cursor, 1, &|_| true);
        let at = read.ok().and_then(|(found, _)| found.first().map(|(_, record)| record.at));
        at.is_some_and(|at| engine.now().since(at) < SUBSCRIPTION_HOLD_MS)
    };
    Ok(cursors.into_iter().find(young).unwrap_or(up_to))
}
