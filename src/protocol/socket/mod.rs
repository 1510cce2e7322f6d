//! What travels in the events of the Socket.IO namespace `/cluster`.
//!
//! Payloads of clients are read leniently: unknown keys mean nothing, a number may be written as a float, and
//! what an old client leaves out has a default. What decides about a task must be there and right.

mod acks;
mod broadcast;
mod envelope;
mod heartbeat;
mod metrics;
mod register;
mod reports;
mod requests;
mod tasks;

#[cfg(test)]
mod tests;

use std::marker::PhantomData;

use serde::Deserialize;

use crate::core::errors::INVALID_ARGUMENT;
use crate::core::rejection::Rejection;
use crate::protocol::fault;

pub use acks::{
    Acknowledged, Answered, Authenticated, AuthenticationFailed, ErrorEvent, Refused, RegisteredNode,
};
pub use broadcast::{NodeDeparture, NodeRegistration, ServiceDeparture, ServiceRegistration, StatusChange};
pub use envelope::{event_name, first_argument, payload_of};
pub use heartbeat::{HeartbeatPayload, StatusPayload};
pub use metrics::{
    AggregateMetrics, ClusterMetrics, ClusterStats, InitialMetrics, Metrics, MetricsResponse, NodeMetrics,
    QueueMetrics, ServiceMetrics, Subscribed, SystemMetrics, TaskMetrics, UPDATE_INTERVAL_SECONDS,
    Unsubscribed,
};
pub use register::{Caption, RegisterPayload};
pub use reports::{AcceptedPayload, CompletedPayload, FailedPayload, ProgressPayload};
pub use requests::{
    AuthenticatePayload, GetMetricsPayload, MetricKind, StatsPayload, SubscribePayload, WatchPayload,
    WorkflowPayload,
};
pub use tasks::{
    Assign, Cancel, Connected, External, Shutdown, TaskCompletion, TaskFailure, TaskProgress, WatchFrame,
    WorkflowCancellation, WorkflowEnd, WorkflowProgress, WorkflowStart, WorkflowState,
    WorkflowStatusResponse,
};

/// Ids, names, types and tags; the same as for names in a submission.
const TEXT_BYTES_MAX: usize = 256;

/// A foreign text as far as a message repeats it.
fn shown(text: &str) -> &str {
    const SHOWN_BYTES_MAX: usize = 80;
    text.get(..text.floor_char_boundary(SHOWN_BYTES_MAX)).unwrap_or_default()
}

/// Reads the payload of an event, which is an object. The refusal names the field that is wrong.
pub fn read<'p, T: Deserialize<'p>>(payload: &'p str) -> Result<T, Rejection> {
    if !payload.trim_ascii_start().starts_with('{') {
        let message = format!("the payload must be an object, not `{}`", shown(payload));
        return Err(Rejection::new(INVALID_ARGUMENT, message));
    }
    serde_json::from_str(payload).map_err(|_| fault::locate_json("the payload", payload, PhantomData::<T>))
}

/// The same for events that may come without a payload.
pub fn read_optional<'p, T: Deserialize<'p>>(payload: Option<&'p str>) -> Result<T, Rejection> {
    match payload {
        None | Some("null" | "") => read("{}"),
        Some(payload) => read(payload),
    }
}
