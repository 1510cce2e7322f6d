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
    offers_work(facts, route)
        && route.requirements.as_ref().is_none_or(|requirements| meets(facts, requirements))
}

/// Whether the worker offers the work itself, whatever else the task requires.
pub fn offers_work(facts: &WorkerFacts, route: &Route) -> bool {
    let named = route.service.as_ref().is_none_or(|service| *service == facts.name);
    named
        && offers_type(facts, route)
        && is_allowed(facts, route)
        && route.function.as_ref().is_none_or(|function| offers_function(facts, function))
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

/// What the worker lacks of the requirements, with what it has instead, in words. Empty where it meets them all.
pub fn lacks(facts: &WorkerFacts, requirements: &Requirements) -> Vec<String> {
    let mut lacking = Vec::new();
    if facts.kind != WorkerKind::BuiltIn {
        let amounts = [
            ("CPU cores", u64::from(requirements.cpu_cores), u64::from(facts.cpu_cores)),
            ("MB of memory", requirements.memory_mb, facts.memory_mb),
            ("MB of GPU memory", requirements.gpu_memory_mb, facts.gpu_memory_mb),
        ];
        let short = amounts.into_iter().filter(|(_, wanted, has)| has < wanted);
        lacking.extend(short.map(|(what, wanted, has)| format!("{wanted} {what} (it has {has})")));
        if requirements.requires_gpu && !facts.has_gpu {
            lacking.push("a GPU".to_owned());
        }
    }
    let models = requirements.required_models.iter().filter(|model| !facts.models.contains(*model));
    lacking.extend(models.map(|model| format!("the model {model}")));
    let tags = requirements.node_tags.iter().filter(|tag| !facts.tags.contains(*tag));
    lacking.extend(tags.map(|tag| format!("the tag {tag}")));
    lacking
}

/// All that is required, in words.
pub fn required(requirements: &Requirements) -> Vec<String> {
    let amounts = [
        ("CPU cores", u64::from(requirements.cpu_cores)),
        ("MB of memory", requirements.memory_mb),
        ("MB of GPU memory", requirements.gpu_memory_mb),
    ];
    let wanted = amounts.into_iter().filter(|(_, wanted)| *wanted > 0);
    let mut required: Vec<String> = wanted.map(|(what, wanted)| format!("{wanted} {what}")).collect();
    required.extend(requirements.requires_gpu.then(|| "a GPU".to_owned()));
    required.extend(requirements.required_models.iter().map(|model| format!("the model {model}")));
    required.extend(requirements.node_tags.iter().map(|tag| format!("the tag {tag}")));
    required
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::core::ids::WorkerId;

    fn worker(kind: WorkerKind) -> WorkerFacts {
        WorkerFacts {
            worker: WorkerId::new("w"),
            name: Arc::from("w"),
            kind,
            task_types: BTreeSet::new(),
            functions: None,
            allowed_types: None,
            capabilities: Vec::new(),
            capacity: 1,
            cpu_cores: 4,
            memory_mb: 8_000,
            gpu_memory_mb: 0,
            has_gpu: false,
            models: BTreeSet::from([Arc::from("mistral")]),
            tags: BTreeSet::from([Arc::from("blue")]),
            remarks: BTreeMap::new(),
            heartbeat_ms: None,
            fences: false,
            restart_aware: false,
            instance: None,
            owner: None,
        }
    }

    #[test]
    fn a_worker_that_lacks_nothing_meets_the_requirements_and_no_other_does() {
        let (some, none) = (|name: &str| vec![Arc::from(name)], Requirements::default());
        let cases = [
            (none.clone(), ""),
            (Requirements { cpu_cores: 4, memory_mb: 8_000, ..none.clone() }, ""),
            (Requirements { cpu_cores: 5, ..none.clone() }, "5 CPU cores (it has 4)"),
            (Requirements { memory_mb: 9_000, ..none.clone() }, "9000 MB of memory (it has 8000)"),
            (Requirements { gpu_memory_mb: 1, ..none.clone() }, "1 MB of GPU memory (it has 0)"),
            (Requirements { requires_gpu: true, ..none.clone() }, "a GPU"),
            (Requirements { required_models: some("mistral"), node_tags: some("blue"), ..none.clone() }, ""),
            (Requirements { required_models: some("llama"), ..none.clone() }, "the model llama"),
            (Requirements { node_tags: some("red"), ..none }, "the tag red"),
        ];
        for (requirements, wanted) in cases {
            let facts = worker(WorkerKind::Executor);
            assert_eq!(lacks(&facts, &requirements).join(", "), wanted);
            assert_eq!(meets(&facts, &requirements), wanted.is_empty(), "{requirements:?}");
            let inside = worker(WorkerKind::BuiltIn);
            assert_eq!(lacks(&inside, &requirements).is_empty(), meets(&inside, &requirements));
        }
    }
}
