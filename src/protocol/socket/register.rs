//! `node:register`: what a worker says of itself, once for each connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::reports::ActiveTask;
use super::{TEXT_BYTES_MAX, shown};
use crate::core::command::{Held, WorkerFacts, WorkerKind};
use crate::core::errors::INVALID_ARGUMENT;
use crate::core::ids::WorkerId;
use crate::core::limits::HEARTBEAT_MS_MAX;
use crate::core::rejection::Rejection;
use crate::protocol::fields::{Count, Figure, MaybeText, Text};
use crate::protocol::task_types;

const CAPACITY: u32 = 10;

/// A worker may promise heartbeats at most this often: more frequent ones would make a short pause look like its end.
const HEARTBEAT_MS_MIN: u64 = 1_000;

/// Types, capabilities, models, tags or functions of one worker. All workers' facts are kept in memory.
const LIST_MAX: usize = 256;

/// `node:register` of services and of executor nodes.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `node_id` and `capabilities`", bound(deserialize = "'de: 'a"))]
pub struct RegisterPayload<'a> {
    node_id: Text<'a>,
    name: Option<Text<'a>>,
    service_name: Option<Text<'a>>,
    #[serde(default)]
    node_type: MaybeText<'a>,
    capabilities: Option<Capabilities<'a>>,
    heartbeat_ms: Option<Figure>,
    restart_aware: Option<bool>,
    instance: Option<Text<'a>>,
    active: Option<Vec<ActiveTask<'a>>>,
}

/// What a worker calls itself whose registration may be wrong in every other respect.
#[derive(Debug, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Caption<'a> {
    #[serde(default)]
    pub node_id: MaybeText<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    expecting = "an object with `task_types`, `max_concurrent_tasks`, ...",
    bound(deserialize = "'de: 'a")
)]
struct Capabilities<'a> {
    task_types: Option<Vec<Text<'a>>>,
    max_concurrent_tasks: Option<Count>,
    external_service: Option<bool>,
    #[serde(rename = "service_capabilities")]
    of_service: Option<Vec<Text<'a>>>,
    functions: Option<Vec<Text<'a>>>,
    available_models: Option<Vec<Text<'a>>>,
    models: Option<Vec<Text<'a>>>,
    tags: Option<Vec<Text<'a>>>,
    #[serde(default)]
    cpu_cores: Figure,
    #[serde(default)]
    memory_gb: Figure,
    #[serde(default)]
    gpu_memory_mb: Figure,
    has_gpu: Option<bool>,
}

impl RegisterPayload<'_> {
    pub fn facts(&self) -> Result<WorkerFacts, Rejection> {
        let none = Capabilities::default();
        let given = self.capabilities.as_ref().unwrap_or(&none);
        check("node_id", &self.node_id)?;
        let name = self.name.as_ref().or(self.service_name.as_ref()).unwrap_or(&self.node_id);
        check("name", name)?;
        let is_service =
            given.external_service == Some(true) || self.node_type.0.as_deref() == Some("external_service");
        let capacity = given.max_concurrent_tasks.map_or(CAPACITY, |count| count.0);
        if capacity == 0 {
            return Err(invalid(
                "`max_concurrent_tasks` is 0; a worker that takes no tasks has the status draining",
            ));
        }
        let capabilities = list("service_capabilities", given.of_service.as_deref())?;
        if let Some(instance) = &self.instance {
            check("instance", instance)?;
        }
        let models = given.available_models.as_deref().or(given.models.as_deref());
        let heartbeat_ms = self.heartbeat_ms.map(Figure::count);
        Ok(WorkerFacts {
            worker: WorkerId::new(&self.node_id),
            name: name.to_arc(),
            kind: if is_service { WorkerKind::Service } else { WorkerKind::Executor },
            task_types: offered_types(given.task_types.as_deref(), &capabilities)?,
            functions: match given.functions.as_deref() {
                Some(functions) => Some(list("functions", Some(functions))?.into_iter().collect()),
                None => None,
            },
            allowed_types: None,
            capabilities,
            capacity,
            cpu_cores: u32::try_from(given.cpu_cores.count()).unwrap_or(u32::MAX),
            memory_mb: Figure(given.memory_gb.0 * 1_024.0).count(),
            gpu_memory_mb: given.gpu_memory_mb.count(),
            has_gpu: given.has_gpu.unwrap_or_default(),
            models: list("models", models)?.into_iter().collect(),
            tags: list("tags", given.tags.as_deref())?.into_iter().collect(),
            remarks: BTreeMap::new(),
            heartbeat_ms: heartbeat_ms.map(|ms| ms.clamp(HEARTBEAT_MS_MIN, HEARTBEAT_MS_MAX)),
            // Whoever can name its attempts knows what an attempt is.
            fences: self.active.is_some(),
            restart_aware: self.restart_aware.unwrap_or_default(),
            owner: None,
            instance: self.instance.as_ref().map(Text::to_arc),
        })
    }

    pub fn active(&self) -> Option<Vec<Held>> {
        self.active.as_ref().map(|active| active.iter().map(ActiveTask::held).collect())
    }
}

/// Types in the spelling that tasks have. A service that names only capabilities offers what they stand for.
fn offered_types(
    given: Option<&[Text<'_>]>,
    capabilities: &[Arc<str>],
) -> Result<BTreeSet<Arc<str>>, Rejection> {
    let given = list("task_types", given)?;
    if given.is_empty() {
        let types = capabilities.iter().flat_map(|capability| task_types::of_capability(capability));
        return Ok(types.map(Arc::from).collect());
    }
    Ok(given.into_iter().map(|name| task_types::canonical(&name).map_or(name, Arc::from)).collect())
}

/// Each once, in their order.
fn list(field: &str, texts: Option<&[Text<'_>]>) -> Result<Vec<Arc<str>>, Rejection> {
    let texts = texts.unwrap_or_default();
    if texts.len() > LIST_MAX {
        return Err(invalid(format!("`{field}` has {} entries; the limit is {LIST_MAX}", texts.len())));
    }
    let mut kept: Vec<Arc<str>> = Vec::with_capacity(texts.len());
    for text in texts {
        check(field, text)?;
        if !kept.iter().any(|known| **known == **text) {
            kept.push(text.to_arc());
        }
    }
    Ok(kept)
}

fn check(field: &str, text: &str) -> Result<(), Rejection> {
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(invalid(format!("`{field}` is empty or holds a control character")));
    }
    if text.len() > TEXT_BYTES_MAX {
        let bytes = text.len();
        return Err(invalid(format!(
            "`{field}` begins with `{}` and has {bytes} bytes; the limit is {TEXT_BYTES_MAX}",
            shown(text)
        )));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Rejection {
    Rejection::new(INVALID_ARGUMENT, message)
}
