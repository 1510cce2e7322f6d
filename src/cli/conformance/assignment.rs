//! What a node is asked to do, in the words of `task:assign`.

use std::sync::Arc;

use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::peer::Peer;
use crate::clock;
use crate::core::command::{WorkerFacts, WorkerKind};
use crate::protocol::fields::Seconds;
use crate::protocol::socket::{Assign, External};
use crate::protocol::time::NaiveUtc;

/// Every task belongs to this workflow.
pub(super) const WORKFLOW: &str = "conformance";
const TIMEOUT: Seconds = Seconds { ms: 1_800_000 };
/// The general type of a service's own types, see `docs/conformance.md`.
const CUSTOM: &str = "external_custom";

/// Tasks of one kind for one node.
#[derive(Debug)]
pub(super) struct Order {
    task_type: Arc<str>,
    /// For services: the type within the service, and its name.
    external: Option<(Arc<str>, Arc<str>)>,
    parameters: Box<RawValue>,
}

impl Order {
    /// `asked` are the parameters that the handler is to see.
    pub fn new(facts: &WorkerFacts, wanted: &str, asked: &serde_json::Value) -> Self {
        let offered = |name: &str| facts.task_types.get(name).map(Arc::clone);
        let first = || facts.task_types.first().map_or_else(|| Arc::from(wanted), Arc::clone);
        let (task_type, external, parameters) = match facts.kind {
            WorkerKind::Service => {
                let task_type = offered(CUSTOM).or_else(|| offered(wanted)).unwrap_or_else(first);
                let parameters = json!({
                    "external_task_type": wanted,
                    "service_name": &*facts.name,
                    "external_parameters": asked,
                    "external_timeout": 1_800,
                });
                (task_type, Some((Arc::from(wanted), Arc::clone(&facts.name))), parameters)
            }
            WorkerKind::Executor | WorkerKind::BuiltIn => (Arc::from(wanted), None, asked.clone()),
        };
        Self { task_type, external, parameters: to_raw_value(&parameters).expect("a value is JSON") }
    }

    /// Sends one task of this kind; whether it could be sent.
    pub fn assign(&self, peer: &Peer, task_id: &str, attempt: u32) -> bool {
        let external = self.external.as_ref().map(|(external_type, service)| {
            External::new(&self.parameters, Some(external_type), Some(service), TIMEOUT)
        });
        let assign = Assign {
            task_id,
            workflow_id: WORKFLOW,
            attempt,
            task_type: &self.task_type,
            task_name: task_id,
            parameters: &self.parameters,
            priority: "normal",
            max_retries: 3,
            timeout: TIMEOUT,
            assigned_at: NaiveUtc(clock::wall()),
            traceparent: None,
            external,
        };
        peer.emit(Assign::EVENT, &assign)
    }
}
