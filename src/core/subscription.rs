//! Webhook subscriptions: which ends are told to which receiver, how far that has come, and how it went.
//!
//! A subscription is a cursor in the log. Everything before it was delivered, given up, passed over or missed; whoever
//! delivers reads on from there, so that neither a crash nor a receiver that is down loses or skips an end.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{AfterFailure, ByHand, DeliveryOutcome, Event, Outcome};
use super::ids::{Seq, Timestamp, WorkflowId};
use super::listing::ListFilter;
use super::state::Workflow;

/// Deliveries that a subscription remembers; the log has every try. At a few hundred bytes each, those of all
/// subscriptions together stay within a megabyte.
pub const DELIVERIES_KEPT: usize = 50;

/// The ends that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EndKind {
    WorkflowCompleted,
    WorkflowFailed,
    WorkflowCancelled,
    TaskCompleted,
    TaskFailed,
    TaskCancelled,
    TaskSkipped,
}

impl EndKind {
    pub const ALL: [Self; 7] = [
        Self::WorkflowCompleted,
        Self::WorkflowFailed,
        Self::WorkflowCancelled,
        Self::TaskCompleted,
        Self::TaskFailed,
        Self::TaskCancelled,
        Self::TaskSkipped,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::WorkflowCompleted => "workflow.completed",
            Self::WorkflowFailed => "workflow.failed",
            Self::WorkflowCancelled => "workflow.cancelled",
            Self::TaskCompleted => "task.completed",
            Self::TaskFailed => "task.failed",
            Self::TaskCancelled => "task.cancelled",
            Self::TaskSkipped => "task.skipped",
        }
    }

    /// The end that an event is, if it is one. Tasks that fall together with their workflow have no event of their own.
    pub const fn of(event: &Event) -> Option<Self> {
        match event {
            Event::WorkflowEnded { outcome: Outcome::Completed, .. } => Some(Self::WorkflowCompleted),
            Event::WorkflowEnded { outcome: Outcome::Failed | Outcome::TimedOut, .. } => {
                Some(Self::WorkflowFailed)
            }
            Event::WorkflowCancelled { .. } => Some(Self::WorkflowCancelled),
            Event::TaskCompleted { .. } | Event::TaskSettledByHand { how: ByHand::Completed { .. }, .. } => {
                Some(Self::TaskCompleted)
            }
            Event::TaskFailed { next: AfterFailure::Final, .. }
            | Event::TaskSettledByHand { how: ByHand::Failed { next: AfterFailure::Final, .. }, .. } => {
                Some(Self::TaskFailed)
            }
            Event::TaskCancelled { .. } => Some(Self::TaskCancelled),
            Event::TaskSkipped { .. } | Event::TaskSettledByHand { how: ByHand::Skipped { .. }, .. } => {
                Some(Self::TaskSkipped)
            }
            Event::TaskFailed { next: AfterFailure::RetryAt(_), .. }
            | Event::TaskSettledByHand {
                how: ByHand::Failed { next: AfterFailure::RetryAt(_), .. }, ..
            }
            | Event::EngineStarted { .. }
            | Event::WorkflowSubmitted { .. }
            | Event::WorkflowPaused { .. }
            | Event::WorkflowResumed { .. }
            | Event::RoundStarted { .. }
            | Event::TasksRetried { .. }
            | Event::WorkerNamed { .. }
            | Event::TaskOffered { .. }
            | Event::TaskAccepted { .. }
            | Event::AttemptLost { .. }
            | Event::AttemptRefused { .. }
            | Event::TaskRequeued { .. }
            | Event::GrantReleased { .. }
            | Event::LateReportSeen { .. }
            | Event::WorkflowCarried { .. }
            | Event::TasksCarried { .. }
            | Event::PayloadsCarried { .. }
            | Event::ServicesCarried { .. }
            | Event::Released { .. }
            | Event::ParametersEdited { .. }
            | Event::DeliveryTried { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::Subscription { .. }
            | Event::Access { .. } => None,
        }
    }
}

/// Which workflows a subscription is about; the conditions are those of lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndFilter {
    /// Part of the name, without regard to case.
    pub name: Option<String>,
    /// All of them.
    pub tags: Vec<String>,
    pub metadata: Vec<(String, String)>,
}

impl EndFilter {
    pub const fn is_empty(&self) -> bool {
        self.name.is_none() && self.tags.is_empty() && self.metadata.is_empty()
    }

    pub fn accepts(&self, workflow: &Workflow) -> bool {
        let filter = ListFilter {
            name: self.name.clone(),
            tags: self.tags.clone(),
            metadata: self.metadata.clone(),
            ..ListFilter::default()
        };
        self.is_empty() || filter.accepts(workflow)
    }
}

/// A secret as the log may hold it: sealed with the secret of the data directory.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret(pub Arc<[u8]>);

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(hidden)")
    }
}

/// What a subscriber asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub url: Arc<str>,
    pub description: Option<Arc<str>>,
    pub events: BTreeSet<EndKind>,
    pub filter: EndFilter,
    pub secret: SealedSecret,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub terms: Terms,
    pub status: SubscriptionStatus,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    /// The first record that has not been dealt with.
    pub cursor: Seq,
    /// Deliveries in a row that were given up.
    pub given_up: u32,
    /// The latest deliveries, in the order of their seq. At most one of them is still being tried.
    pub deliveries: VecDeque<DeliveryNote>,
    /// The latest part of the log that went before its ends were told.
    pub missed: Option<Missed>,
    /// When the first try failed after the latest one that did not. Nothing while all is well.
    pub failing_since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubscriptionStatus {
    Enabled,
    /// Somebody asked for it. The cursor waits.
    Paused,
    /// Its receiver did not answer for too long. The cursor waits.
    Disabled(DisabledFor),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DisabledFor {
    /// Too many deliveries in a row were given up.
    GivenUp,
    /// The receiver said 410: that it is gone for good.
    Gone,
}

/// What became of one end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryNote {
    pub told: Told,
    pub tries: u32,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// Of the latest try.
    pub outcome: DeliveryOutcome,
    pub then: AfterTry,
}

/// One end, as a delivery names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Where the log has it.
    pub seq: Seq,
    pub kind: EndKind,
    pub workflow: WorkflowId,
    /// The index of the task, where it is the end of one.
    pub task: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AfterTry {
    Delivered,
    RetryAt(Timestamp),
    GivenUp,
}

/// Records from `from` on, up to but not including `up_to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    pub from: Seq,
    pub up_to: Seq,
    pub at: Timestamp,
}

/// Why something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Occasion {
    /// It is the next one.
    InTurn,
    /// Somebody asked for it again.
    ByHand,
}

/// The ends that a subscription has yet to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untold {
    pub ends: usize,
    /// Whether there may be more: only so much of the log is looked at.
    pub more: bool,
}

/// What happened to a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubscriptionFact {
    Created {
        terms: Box<Terms>,
    },
    Changed {
        terms: Box<Terms>,
    },
    Paused,
    /// It goes on at this record.
    Resumed {
        cursor: Seq,
    },
    Disabled {
        why: DisabledFor,
    },
    Deleted,
    Tried {
        told: Told,
        /// Counted from 1 for each end.
        number: u32,
        occasion: Occasion,
        outcome: DeliveryOutcome,
        then: AfterTry,
    },
    /// Nothing before `up_to` is for it.
    Passed {
        up_to: Seq,
    },
    /// The log before `up_to` was released before it could be told.
    Missed {
        up_to: Seq,
    },
    /// Written again so that the log before it can be released.
    Carried {
        subscription: Box<Subscription>,
    },
}

/// What somebody wants of a subscription.
#[derive(Debug, Clone)]
pub enum SubscriptionOrder {
    Create {
        terms: Box<Terms>,
    },
    Change {
        change: Box<TermsChange>,
    },
    Pause,
    Resume {
        from: ResumeFrom,
    },
    Delete,
    /// Whoever delivers says how one try went.
    RecordTry {
        told: Told,
        occasion: Occasion,
        tried: Tried,
    },
    /// Whoever delivers has found nothing for it before `up_to`.
    Pass {
        up_to: Seq,
    },
    /// Whoever delivers wants to read what the log no longer has.
    Miss {
        up_to: Seq,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumeFrom {
    /// What happened meanwhile is told.
    Cursor,
    Now,
}

/// How one try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    pub outcome: DeliveryOutcome,
    /// The pause that the receiver asked for.
    pub asked_ms: u64,
    pub again: Again,
}

/// Whether the same request may succeed another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    MayHelp,
    Useless,
}

/// New terms; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct TermsChange {
    pub url: Option<Arc<str>>,
    /// An empty one takes it out.
    pub description: Option<Arc<str>>,
    pub events: Option<BTreeSet<EndKind>>,
    pub filter: Option<EndFilter>,
    pub secret: Option<SealedSecret>,
    pub switch: Option<Switch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    On,
    Off,
}

impl TermsChange {
    pub fn of(&self, terms: &Terms) -> Terms {
        Terms {
            url: self.url.clone().unwrap_or_else(|| Arc::clone(&terms.url)),
            description: self
                .description
                .as_ref()
                .or(terms.description.as_ref())
                .filter(|text| !text.is_empty())
                .cloned(),
            events: self.events.clone().unwrap_or_else(|| terms.events.clone()),
            filter: self.filter.clone().unwrap_or_else(|| terms.filter.clone()),
            secret: self.secret.clone().unwrap_or_else(|| terms.secret.clone()),
        }
    }
}

impl Subscription {
    pub fn is_enabled(&self) -> bool {
        self.status == SubscriptionStatus::Enabled
    }

    /// What is remembered of the delivery of the record at `seq`.
    pub fn delivery(&self, seq: Seq) -> Option<&DeliveryNote> {
        let place = self.deliveries.binary_search_by_key(&seq, |note| note.told.seq).ok()?;
        self.deliveries.get(place)
    }

    /// Since when its receiver takes nothing, and the delivery of the latest try; nothing while all is well.
    pub fn failing(&self) -> Option<(Timestamp, &DeliveryNote)> {
        let latest = self.deliveries.iter().max_by_key(|note| note.last_at)?;
        Some((self.failing_since?, latest))
    }

    /// The delivery that was tried and is to be tried again, and when.
    pub fn waiting(&self) -> Option<(Seq, Timestamp)> {
        self.deliveries.iter().rev().find_map(|note| match note.then {
            AfterTry::RetryAt(due) => Some((note.told.seq, due)),
            AfterTry::Delivered | AfterTry::GivenUp => None,
        })
    }
}
