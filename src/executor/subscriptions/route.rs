//! The way to one receiver: finds the next end that it wants, posts it until it is taken or given up, and moves on.
//!
//! Everything that must last is in the log: the cursor, and the tries of the end that is under way. A route may be
//! dropped and started again at any moment; the worst that can happen is that an end is sent twice under one id.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::Tools;
use super::notice::{Notice, Wanted, told};
use super::recent::End;
use crate::core::effect::Receipt;
use crate::core::errors;
use crate::core::event::DeliveryOutcome;
use crate::core::ids::{Seq, SubscriptionId, Timestamp, WorkflowId};
use crate::core::rejection::Rejection;
use crate::core::state::Workflow;
use crate::core::subscription::{
    AfterTry, Again, Occasion, Subscription, SubscriptionOrder, SubscriptionStatus, Told, Tried,
};

/// Ends that are looked at together; their workflows are looked up by one question.
const LOOK: usize = 64;
/// A cursor without ends is written down after so many records, so that a start has no more than these to read.
const PASS_EVERY: u64 = 10_000;
/// What the engine does not take now is said again after this.
const PAUSE: Duration = Duration::from_secs(1);

/// What a route needs beside the tools.
#[derive(Debug)]
pub(super) struct Route {
    pub tools: Arc<Tools>,
    pub id: SubscriptionId,
    /// The terms as they are; closed when the subscription is not to be served any longer.
    pub known: watch::Receiver<Arc<Subscription>>,
    /// The one before it, which may be in the middle of a request.
    pub before: Option<JoinHandle<()>>,
}

/// The subscription is gone or the server stops: whatever follows, it is not this route's.
struct Over;

/// An end that is to be told, or of which nobody can say whether.
struct Next {
    end: End,
    told: Told,
    workflow: Option<Arc<Workflow>>,
}

/// Where a route stands.
struct Position {
    cursor: Seq,
    /// The cursor as the log has it.
    noted: Seq,
    waiting: Option<(Seq, Timestamp)>,
    /// Found, and not dealt with.
    found: VecDeque<Next>,
}

impl Route {
    pub async fn run(mut self) {
        if let Some(before) = self.before.take() {
            // It ends by itself; one that panicked has ended too.
            let _ = before.await;
        }
        // As it is now: the one before has moved the cursor.
        let Ok(known) = self.tools.engine.subscription(self.id).await else { return };
        let mut position = Position {
            cursor: known.cursor,
            noted: known.cursor,
            waiting: known.waiting(),
            found: VecDeque::new(),
        };
        while self.go_on(&mut position).await.is_ok() {}
    }

    /// One end, or one wait for the next.
    async fn go_on(&mut self, position: &mut Position) -> Result<(), Over> {
        if self.known.has_changed().map_err(|_| Over)? {
            position.found.clear();
        }
        let known = Arc::clone(&self.known.borrow_and_update());
        position.cursor = position.cursor.max(known.cursor);
        if position.found.is_empty() {
            let mut news = self.tools.recent.news();
            news.mark_unchanged();
            if self.look(&known, position).await? {
                return Ok(());
            }
            if position.found.is_empty() {
                tokio::select! {
                    _ = news.changed() => {}
                    changed = self.known.changed() => changed.map_err(|_| Over)?,
                }
                return Ok(());
            }
        }
        self.deliver(&known, position).await
    }

    /// Looks for ends from the cursor on. Says whether there may be more although none was found.
    async fn look(&self, known: &Subscription, position: &mut Position) -> Result<bool, Over> {
        let engine = &self.tools.engine;
        let kinds = known.terms.events.clone();
        let recent = self.tools.recent.from(position.cursor, LOOK, |kind| kinds.contains(&kind));
        let (ends, next) = match recent {
            Some(found) => found,
            None => match self.read_log(known, position.cursor).await {
                Ok(found) => found,
                Err(rejection) if rejection.code == errors::EVENTS_RELEASED => {
                    let up_to = engine.first_kept();
                    warn!(webhook = %self.id, cursor = position.cursor.0, up_to = up_to.0, "the log was released before it was told");
                    self.order(SubscriptionOrder::Miss { up_to }).await?;
                    (position.cursor, position.noted) = (up_to, up_to);
                    return Ok(true);
                }
                Err(rejection) => {
                    warn!(webhook = %self.id, %rejection, "the log could not be read for a webhook");
                    tokio::time::sleep(PAUSE).await;
                    return Ok(true);
                }
            },
        };
        self.choose(known, ends, position).await;
        if position.found.is_empty() {
            position.cursor = position.cursor.max(next);
            if position.cursor.0 - position.noted.0 >= PASS_EVERY {
                self.order(SubscriptionOrder::Pass { up_to: position.cursor }).await?;
                position.noted = position.cursor;
            }
        }
        Ok(position.found.is_empty() && next < engine.feed().durable_end() && self.is_behind(position))
    }

    /// Whether the log has more than the feed has brought.
    fn is_behind(&self, position: &Position) -> bool {
        self.tools.recent.from(position.cursor, 1, |_| true).is_none_or(|(found, _)| !found.is_empty())
    }

    async fn read_log(&self, known: &Subscription, from: Seq) -> Result<(Vec<End>, Seq), Rejection> {
        let kinds = known.terms.events.clone();
        let wanted = move |record: &crate::core::event::Record| {
            crate::core::subscription::EndKind::of(&record.event).is_some_and(|kind| kinds.contains(&kind))
        };
        let (found, next) = self.tools.engine.read_events(from, LOOK, wanted).await?;
        Ok((found.into_iter().map(|(seq, record)| (seq, Arc::new(record))).collect(), next))
    }

    /// Keeps those that fit the filter.
    async fn choose(&self, known: &Subscription, ends: Vec<End>, position: &mut Position) {
        let ends: Vec<(End, Told)> =
            ends.into_iter().filter_map(|end| told(end.0, &end.1).map(|told| (end, told))).collect();
        let ids: BTreeSet<WorkflowId> = ends.iter().map(|(_, told)| told.workflow).collect();
        let ids: Vec<WorkflowId> = ids.into_iter().collect();
        let workflows = loop {
            if ids.is_empty() {
                break Vec::new();
            }
            match self.tools.engine.workflows(ids.clone()).await {
                Ok(workflows) => break workflows,
                Err(rejection) if rejection.code == errors::SHUTTING_DOWN => return,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        };
        for (end, told) in ends {
            let place = ids.binary_search(&told.workflow).ok();
            let workflow = place.and_then(|place| workflows.get(place).cloned().flatten());
            if workflow.as_ref().is_none_or(|workflow| known.terms.filter.accepts(workflow)) {
                position.found.push_back(Next { end, told, workflow });
            }
        }
    }

    /// Posts the first of those that were found, once.
    async fn deliver(&mut self, known: &Subscription, position: &mut Position) -> Result<(), Over> {
        let Some(next) = position.found.front() else { return Ok(()) };
        let told = next.told;
        if let Some((_, due)) = position.waiting.filter(|(seq, _)| *seq == told.seq) {
            let pause = due.since(self.tools.engine.now());
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
                changed = self.known.changed() => {
                    position.found.clear();
                    self.known.mark_changed();
                    return changed.map_err(|_| Over);
                }
            }
        }
        let tried = match &next.workflow {
            Some(workflow) => {
                let record = &*next.end.1;
                let wanted = Wanted { subscription: self.id, told, record, workflow };
                let notice = Notice::write(&self.tools, wanted).await;
                self.tools.send(self.id, known, &notice).await
            }
            None => Tried {
                outcome: DeliveryOutcome::Unanswered {
                    reason: Arc::from("the workflow is no longer known: its retention is over"),
                },
                asked_ms: 0,
                again: Again::Useless,
            },
        };
        let occasion = Occasion::InTurn;
        let receipt = self.order(SubscriptionOrder::RecordTry { told, occasion, tried }).await?;
        let Receipt::Tried { then, status } = receipt else { return Err(Over) };
        match then {
            AfterTry::RetryAt(due) => position.waiting = Some((told.seq, due)),
            AfterTry::Delivered | AfterTry::GivenUp => {
                position.found.pop_front();
                position.waiting = None;
                (position.cursor, position.noted) = (told.seq.next(), told.seq.next());
            }
        }
        if status != SubscriptionStatus::Enabled {
            // Whoever started this route hears of it too, and drops it unless somebody has thought better of it.
            self.known.changed().await.map_err(|_| Over)?;
            self.known.mark_changed();
        }
        Ok(())
    }

    /// What was done must be written down before anything else is done, so a refusal for want of room is waited for.
    async fn order(&self, order: SubscriptionOrder) -> Result<Receipt, Over> {
        loop {
            match self.tools.order(self.id, order.clone()).await {
                Ok(receipt) => return Ok(receipt),
                Err(rejection) if [errors::OVERLOADED, errors::DISK_SPACE_FULL].contains(&rejection.code) => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(rejection) => {
                    info!(webhook = %self.id, %rejection, "a webhook is served no longer");
                    return Err(Over);
                }
            }
        }
    }
}
