//! What clients that run no tasks ask for.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::core::errors::INVALID_ARGUMENT;
use crate::core::ids::WorkflowId;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;
use crate::protocol::fields::{Figure, MaybeText, Text};

/// `authenticate`. A token that is no text is no token.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an object with `token`", bound(deserialize = "'de: 'a"))]
pub struct AuthenticatePayload<'a> {
    #[serde(default)]
    pub token: MaybeText<'a>,
    #[serde(default)]
    pub client_type: MaybeText<'a>,
    #[serde(default)]
    pub service_name: MaybeText<'a>,
    #[serde(default)]
    pub client_id: MaybeText<'a>,
}

/// `workflow:cancel` and `workflow:status`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `workflow_id`", bound(deserialize = "'de: 'a"))]
pub struct WorkflowPayload<'a> {
    pub workflow_id: Text<'a>,
}

impl WorkflowPayload<'_> {
    pub fn workflow(&self) -> WorkflowId {
        WorkflowId::from_text(&self.workflow_id)
    }
}

/// `watch`: one workflow, or all of them.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object, with `workflow_id` for one workflow", bound(deserialize = "'de: 'a"))]
pub struct WatchPayload<'a> {
    pub workflow_id: Option<Text<'a>>,
    /// The last position the client has seen.
    pub since: Option<u64>,
}

impl WatchPayload<'_> {
    pub fn workflow(&self) -> Option<WorkflowId> {
        self.workflow_id.as_deref().map(WorkflowId::from_text)
    }
}

/// `cluster:stats`. The id comes back with the answer, whatever JSON it is.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object", bound(deserialize = "'de: 'a"))]
pub struct StatsPayload<'a> {
    pub request_id: Option<&'a RawValue>,
}

/// A part of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricKind {
    Node,
    Task,
    Workflow,
    Cluster,
}

impl MetricKind {
    pub const ALL: [Self; 4] = [Self::Node, Self::Task, Self::Workflow, Self::Cluster];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "node_metrics",
            Self::Task => "task_metrics",
            Self::Workflow => "workflow_metrics",
            Self::Cluster => "cluster_metrics",
        }
    }

    /// The kinds that a name stands for.
    fn named(name: &str) -> Result<&'static [Self], Rejection> {
        if name == "all" {
            return Ok(&Self::ALL);
        }
        let place = Self::ALL.iter().position(|kind| kind.name() == name);
        place.and_then(|place| Self::ALL.get(place..=place)).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            let near = suggestion(name, names);
            let message = format!(
                "`{}` is no kind of metrics{near} (known: all, {})",
                super::shown(name),
                names.join(", ")
            );
            Rejection::new(INVALID_ARGUMENT, message)
        })
    }
}

/// `monitor:subscribe`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `types`", bound(deserialize = "'de: 'a"))]
pub struct SubscribePayload<'a> {
    types: Option<Vec<Text<'a>>>,
}

impl SubscribePayload<'_> {
    /// Nothing chosen is everything.
    pub fn kinds(&self) -> Result<BTreeSet<MetricKind>, Rejection> {
        match self.types.as_deref() {
            None | Some([]) => Ok(MetricKind::ALL.into()),
            Some(types) => {
                let mut kinds = BTreeSet::new();
                for name in types {
                    kinds.extend(MetricKind::named(name)?);
                }
                Ok(kinds)
            }
        }
    }
}

/// `monitor:get_metrics`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `type` and `history_minutes`", bound(deserialize = "'de: 'a"))]
pub struct GetMetricsPayload<'a> {
    #[serde(rename = "type")]
    kind: Option<Text<'a>>,
    history_minutes: Option<Figure>,
}

impl GetMetricsPayload<'_> {
    pub fn kinds(&self) -> Result<&'static [MetricKind], Rejection> {
        MetricKind::named(self.kind.as_deref().unwrap_or("all"))
    }

    /// How far back, in minutes; the server keeps 30.
    pub fn history_minutes(&self) -> u64 {
        self.history_minutes.map_or(5, Figure::count)
    }
}
