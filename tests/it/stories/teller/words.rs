//! What happened, in words.

use gleitzeit::core::event::{AfterFailure, ByHand, DeliveryOutcome, Event, GrantAfter};
use gleitzeit::core::ids::TaskId;
use gleitzeit::core::subscription::{AfterTry, Occasion, SubscriptionFact};

use super::{Teller, id};

impl Teller {
    fn names(&self, tasks: &[u32]) -> String {
        let names: Vec<String> = tasks.iter().map(|index| self.name(TaskId::new(id(), *index))).collect();
        names.join(" ")
    }

    pub(super) fn line(&self, event: &Event) -> Option<String> {
        let slot = |grant: &GrantAfter| if *grant == GrantAfter::Freed { "" } else { ", releasing" };
        Some(match event {
            Event::TaskOffered { task, attempt, worker } => {
                format!("offer {}#{attempt} to {worker}", self.name(*task))
            }
            Event::TaskAccepted { task, attempt } => format!("{}#{attempt} accepted", self.name(*task)),
            Event::TaskCompleted { task, attempt, .. } => format!("{}#{attempt} completed", self.name(*task)),
            Event::TaskFailed { task, attempt, failure, next, grant } => {
                let then = if *next == AfterFailure::Final { "for good" } else { "to be retried" };
                let code = failure.code.entry().name;
                format!("{}#{attempt} failed {then}: {code}{}", self.name(*task), slot(grant))
            }
            Event::AttemptLost { task, attempt, reason, grant } => {
                format!("{}#{attempt} lost: {reason:?}{}", self.name(*task), slot(grant))
            }
            Event::AttemptRefused { task, attempt, reason } => {
                format!("{}#{attempt} refused: {reason:?}", self.name(*task))
            }
            Event::TaskRequeued { task } => format!("{} requeued", self.name(*task)),
            Event::TaskCancelled { task, .. } => format!("{} cancelled", self.name(*task)),
            Event::TaskSkipped { task, cause } => {
                format!("{} skipped for {}", self.name(*task), self.name(*cause))
            }
            Event::GrantReleased { task, attempt, worker } => {
                format!("{worker} released {}#{attempt}", self.name(*task))
            }
            Event::DeliveryTried { task, attempt, delivery } => {
                let how = outcome(&delivery.outcome);
                format!("{}#{attempt} delivery {} {how}", self.name(*task), delivery.number)
            }
            Event::LateReportSeen { task, attempt, .. } => {
                format!("{}#{attempt} late report", self.name(*task))
            }
            Event::WorkflowEnded { outcome, .. } => format!("workflow ended: {outcome:?}"),
            Event::WorkflowCancelled { .. } => "workflow cancelled".to_owned(),
            Event::WorkflowPaused { .. } => "workflow paused".to_owned(),
            Event::WorkflowResumed { .. } => "workflow resumed".to_owned(),
            Event::WorkflowCarried { .. } => "workflow written again".to_owned(),
            Event::RoundStarted { .. } => "second round".to_owned(),
            Event::TasksRetried { tasks, .. } => {
                format!("retry {}", self.names(tasks))
            }
            Event::TaskSettledByHand { task, how, again, .. } => {
                let how = match how {
                    ByHand::Completed { .. } => "completed",
                    ByHand::Failed { next: AfterFailure::Final, .. } => "failed",
                    ByHand::Failed { next: AfterFailure::RetryAt(_), .. } => "failed, to be retried,",
                    ByHand::Skipped { with: None } => "skipped",
                    ByHand::Skipped { with: Some(_) } => "skipped with a value",
                };
                let again =
                    if again.is_empty() { String::new() } else { format!("; again {}", self.names(again)) };
                format!("{} {how} by hand{again}", self.name(*task))
            }
            Event::BreakerOpened { service } => format!("{service} pauses"),
            Event::Subscription { fact, .. } => return hook(fact),
            Event::BreakerClosed { service } => format!("{service} works again"),
            Event::ParametersEdited { task, .. } => format!("{} edited", self.name(*task)),
            Event::EngineStarted { .. } if !self.records.is_empty() => "restart".to_owned(),
            Event::EngineStarted { .. }
            | Event::WorkflowSubmitted { .. }
            | Event::WorkerNamed { .. }
            | Event::ServicesCarried { .. }
            | Event::TasksCarried { .. }
            | Event::PayloadsCarried { .. }
            | Event::Access { .. }
            | Event::Released { .. } => return None,
        })
    }
}

fn hook(fact: &SubscriptionFact) -> Option<String> {
    Some(match fact {
        SubscriptionFact::Created { .. } => "hook made".to_owned(),
        SubscriptionFact::Changed { .. } => "hook changed".to_owned(),
        SubscriptionFact::Paused => "hook paused".to_owned(),
        SubscriptionFact::Resumed { cursor } => format!("hook goes on at {}", cursor.0),
        SubscriptionFact::Disabled { why } => format!("hook disabled: {why:?}"),
        SubscriptionFact::Deleted => "hook deleted".to_owned(),
        SubscriptionFact::Tried { told, number, occasion, outcome, then } => {
            let then = match then {
                AfterTry::Delivered => "",
                // Those in the middle of many say nothing new.
                AfterTry::RetryAt(_) if *number > 2 => return None,
                AfterTry::RetryAt(_) => ", to be sent again",
                AfterTry::GivenUp => ", given up",
            };
            let by_hand = if *occasion == Occasion::ByHand { " by hand" } else { "" };
            let how = self::outcome(outcome);
            format!("hook told {} {}{by_hand}, try {number}: {how}{then}", told.seq.0, told.kind.name())
        }
        SubscriptionFact::Passed { up_to } => format!("hook passed to {}", up_to.0),
        SubscriptionFact::Missed { up_to } => format!("hook missed what was before {}", up_to.0),
        SubscriptionFact::Carried { .. } => "hook written again".to_owned(),
    })
}

const fn outcome(outcome: &DeliveryOutcome) -> &'static str {
    match outcome {
        DeliveryOutcome::Taken { .. } => "taken",
        DeliveryOutcome::Refused { .. } => "refused",
        DeliveryOutcome::Unanswered { .. } => "unanswered",
    }
}
