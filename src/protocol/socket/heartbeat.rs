//! `node:heartbeat` and `node:status`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::reports::ActiveTask;
use crate::core::command::{Heartbeat, Reported, WorkerStatus};
use crate::core::errors::INVALID_ARGUMENT;
use crate::core::rejection::Rejection;
use crate::protocol::fields::{Figure, MaybeText, Tally, Text};

/// `node:heartbeat` of services, of executor nodes and of their thin variant. Who sends it is known by the
/// connection; a `node_id` in it decides nothing.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `node_id` and `status`", bound(deserialize = "'de: 'a"))]
pub struct HeartbeatPayload<'a> {
    #[serde(default)]
    status: MaybeText<'a>,
    active: Option<Vec<ActiveTask<'a>>>,
    #[serde(default)]
    active_tasks: Tally,
    /// What the thin variant calls it.
    #[serde(default)]
    current_tasks: Tally,
    #[serde(default)]
    cpu_usage: Figure,
    #[serde(default)]
    memory_usage: Figure,
    #[serde(default)]
    tasks_completed: Figure,
    #[serde(default)]
    tasks_failed: Figure,
    #[serde(default)]
    uptime_seconds: Figure,
    /// Broadcast as it is, as `monitor:task_metrics`.
    pub task_metrics: Option<&'a RawValue>,
}

impl HeartbeatPayload<'_> {
    pub fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            status: self.status.0.as_deref().and_then(WorkerStatus::parse),
            active: self.active.as_ref().map(|active| active.iter().map(ActiveTask::held).collect()),
            active_count: self.active_tasks.0.or(self.current_tasks.0),
            reported: Reported {
                cpu_usage: self.cpu_usage.0,
                memory_usage: self.memory_usage.0,
                tasks_completed: self.tasks_completed.count(),
                tasks_failed: self.tasks_failed.count(),
                uptime_seconds: self.uptime_seconds.0,
            },
        }
    }
}

/// `node:status`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `status`", bound(deserialize = "'de: 'a"))]
pub struct StatusPayload<'a> {
    status: Text<'a>,
}

impl StatusPayload<'_> {
    pub fn status(&self) -> Result<WorkerStatus, Rejection> {
        WorkerStatus::parse(&self.status).ok_or_else(|| {
            let message = format!(
                "`{}` is no status of a node (known: starting, healthy, ready, busy, overloaded, unhealthy, \
                 offline, draining)",
                super::shown(&self.status)
            );
            Rejection::new(INVALID_ARGUMENT, message)
        })
    }
}
