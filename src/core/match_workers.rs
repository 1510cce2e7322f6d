//! Which workers can run which tasks.

use std::sync::Arc;

use super::command::{WorkerFacts, WorkerKind};
use super::spec::{Requirements, Route};

/// The specific types that each external task type falls into, one for each capability.
const SPECIFIC: [(&str, &[&str]); 6] = [
    ("external_ml", &["ml_training", "ml_inference"]),
    ("external_processing", &["data_processing"]),
    ("external_api", &["api_integration"]),
    ("external_database", &["database_operations"]),
    ("external_webhook", &["webhook_handling"]),
    ("external_custom", &["file_processing", "custom_processing"]),
];

/// Whether the worker could run tasks of this route, if it had a free slot.
pub fn can_run(facts: &WorkerFacts, route: &Route) -> bool {
    let named = route.service.as_ref().is_none_or(|service| *service == facts.name);
    named
        && offers_type(facts, route)
        && is_allowed(facts, route)
        && route.function.as_ref().is_none_or(|function| offers_function(facts, function))
        && route.requirements.as_ref().is_none_or(|requirements| meets(facts, requirements))
}

/// A worker that names some specific types of a kind is not given the others of that kind; one that names only
/// the kind takes them all.
fn offers_type(facts: &WorkerFacts, route: &Route) -> bool {
    let offers = |name: &str| facts.task_types.contains(name);
    let Some(wanted) = &route.external_type else { return offers(&route.task_type) };
    if offers(wanted) {
        return true;
    }
    let specific =
        SPECIFIC.iter().find(|(kind, _)| **kind == *route.task_type).map_or(&[][..], |(_, all)| all);
    let chooses = specific.contains(&&**wanted) && specific.iter().any(|name| offers(name));
    offers(&route.task_type) && !chooses
}

/// A key that is bound to specific types gives no right to others of their kind.
fn is_allowed(facts: &WorkerFacts, route: &Route) -> bool {
    let wanted = route.external_type.as_ref().unwrap_or(&route.task_type);
    facts.allowed_types.as_ref().is_none_or(|allowed| allowed.contains(wanted))
}

fn offers_function(facts: &WorkerFacts, function: &Arc<str>) -> bool {
    facts.functions.as_ref().is_none_or(|functions| functions.contains(function))
}

fn meets(facts: &WorkerFacts, requirements: &Requirements) -> bool {
    // The executor inside the binary runs on the server itself and declares no hardware.
    let has_hardware = facts.kind == WorkerKind::BuiltIn
        || facts.cpu_cores >= requirements.cpu_cores
            && facts.memory_mb >= requirements.memory_mb
            && facts.gpu_memory_mb >= requirements.gpu_memory_mb
            && (facts.has_gpu || !requirements.requires_gpu);
    has_hardware
        && requirements.required_models.iter().all(|model| facts.models.contains(model))
        && requirements.node_tags.iter().all(|tag| facts.tags.contains(tag))
}
