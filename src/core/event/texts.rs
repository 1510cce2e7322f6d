//! The large payloads of events, which the log keeps apart from their records.

use super::{ByHand, Event};
use crate::core::carried::drop_spec_texts;
use crate::core::payload::{Payload, Stored};

impl Event {
    /// The large payloads of this event, in the order of their part numbers.
    pub fn own_texts(&self) -> Vec<&Payload> {
        match self {
            Self::WorkflowSubmitted { spec, .. } => spec.payloads().filter_map(Stored::own_text).collect(),
            Self::TaskCompleted { result, .. } => result.own_text().into_iter().collect(),
            Self::PayloadsCarried { payloads, .. } => payloads.iter().filter_map(Stored::own_text).collect(),
            Self::TaskSettledByHand { how, .. } => {
                how.result().and_then(Stored::own_text).into_iter().collect()
            }
            Self::ParametersEdited { parameters, .. } => parameters.own_text().into_iter().collect(),
            Self::EngineStarted { .. }
            | Self::WorkflowPaused { .. }
            | Self::WorkflowResumed { .. }
            | Self::WorkflowCancelled { .. }
            | Self::WorkflowEnded { .. }
            | Self::RoundStarted { .. }
            | Self::TasksRetried { .. }
            | Self::WorkerNamed { .. }
            | Self::TaskOffered { .. }
            | Self::TaskAccepted { .. }
            | Self::TaskFailed { .. }
            | Self::AttemptLost { .. }
            | Self::AttemptRefused { .. }
            | Self::TaskRequeued { .. }
            | Self::TaskCancelled { .. }
            | Self::TaskSkipped { .. }
            | Self::GrantReleased { .. }
            | Self::LateReportSeen { .. }
            | Self::WorkflowCarried { .. }
            | Self::TasksCarried { .. }
            | Self::ServicesCarried { .. }
            | Self::Released { .. }
            | Self::DeliveryTried { .. }
            | Self::BreakerOpened { .. }
            | Self::BreakerClosed { .. }
            | Self::Subscription { .. }
            | Self::Access { .. } => Vec::new(),
        }
    }

    /// Lets go of the large payloads, once the log has them: as the event will be read from there.
    pub fn drop_texts(&mut self) {
        match self {
            Self::WorkflowSubmitted { spec, .. } => drop_spec_texts(spec),
            Self::TaskCompleted { result, .. } => result.drop_text(),
            Self::PayloadsCarried { payloads, .. } => payloads.iter_mut().for_each(Stored::drop_text),
            Self::TaskSettledByHand { how, .. } => match how {
                ByHand::Completed { result } | ByHand::Skipped { with: Some(result) } => result.drop_text(),
                ByHand::Failed { .. } | ByHand::Skipped { with: None } => {}
            },
            Self::ParametersEdited { parameters, .. } => parameters.drop_text(),
            Self::EngineStarted { .. }
            | Self::WorkflowPaused { .. }
            | Self::WorkflowResumed { .. }
            | Self::WorkflowCancelled { .. }
            | Self::WorkflowEnded { .. }
            | Self::RoundStarted { .. }
            | Self::TasksRetried { .. }
            | Self::WorkerNamed { .. }
            | Self::TaskOffered { .. }
            | Self::TaskAccepted { .. }
            | Self::TaskFailed { .. }
            | Self::AttemptLost { .. }
            | Self::AttemptRefused { .. }
            | Self::TaskRequeued { .. }
            | Self::TaskCancelled { .. }
            | Self::TaskSkipped { .. }
            | Self::GrantReleased { .. }
            | Self::LateReportSeen { .. }
            | Self::WorkflowCarried { .. }
            | Self::TasksCarried { .. }
            | Self::ServicesCarried { .. }
            | Self::BreakerOpened { .. }
            | Self::BreakerClosed { .. }
            | Self::Subscription { .. }
            | Self::Access { .. }
            | Self::DeliveryTried { .. }
            | Self::Released { .. } => {}
        }
    }
}
