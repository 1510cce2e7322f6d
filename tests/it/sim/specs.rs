//! Random workflows, and the kinds of tasks and workers there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gleitzeit::core::command::{WorkerFacts, WorkerKind};
use gleitzeit::core::ids::WorkerId;
use gleitzeit::core::payload::{Payload, Stored};
use gleitzeit::core::spec::{
    ErrorStrategy, Policy, Priority, Requirements, RetryPolicy, RetryStrategy, Route, TaskSpec, Trigger,
    WorkflowSpec,
};

use super::rng::Rng;

/// What a worker can be good for. Each trade has at least one route, and together they serve all routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trade {
    BuiltIn,
    Executor,
    Gpu,
    Crunch,
    Billing,
    /// Inside the binary, but its work is done outside and outlives the process.
    Courier,
}

impl Trade {
    /// Those of workers that dial in.
    pub const REMOTE: [Self; 4] = [Self::Executor, Self::Gpu, Self::Crunch, Self::Billing];

    pub fn facts(self, id: &str, capacity: u32, fences: bool, heartbeat_ms: Option<u64>) -> WorkerFacts {
        let (kind, name, types): (_, _, &[&str]) = match self {
            Self::BuiltIn => (WorkerKind::BuiltIn, "built-in", &["text", "function"]),
            Self::Executor => (WorkerKind::Executor, "executor", &["text", "function"]),
            Self::Gpu => (WorkerKind::Executor, "gpu", &["text", "vision"]),
            Self::Crunch => (WorkerKind::Service, "crunch", &["external_custom", "external_ml"]),
            Self::Billing => (WorkerKind::Service, "billing", &["external_api"]),
            Self::Courier => (WorkerKind::BuiltIn, WorkerId::WEBHOOKS, &["webhook_delivery"]),
        };
        let gpu = self == Self::Gpu;
        WorkerFacts {
            worker: WorkerId::new(id),
            name: Arc::from(name),
            kind,
            task_types: types.iter().map(|name| Arc::from(*name)).collect(),
            functions: None,
            capabilities: Vec::new(),
            capacity,
            cpu_cores: 4,
            memory_mb: 8_000,
            gpu_memory_mb: if gpu { 16_000 } else { 0 },
            has_gpu: gpu,
            models: BTreeSet::new(),
            tags: BTreeSet::new(),
            remarks: BTreeMap::new(),
            heartbeat_ms,
            fences,
            restart_aware: false,
            instance: None,
            owner: None,
            allowed_types: None,
        }
    }
}

pub fn plain(task_type: &str) -> Route {
    Route {
        task_type: Arc::from(task_type),
        external_type: None,
        service: None,
        function: None,
        requirements: None,
    }
}

fn external(task_type: &str, kind: &str) -> Route {
    Route { external_type: Some(Arc::from(kind)), ..plain(task_type) }
}

/// Of a task that the server hands on.
pub fn handed_on() -> Route {
    let service = Some(Arc::from(WorkerId::WEBHOOKS));
    Route { service, ..external("external_webhook", "webhook_delivery") }
}

fn route(rng: &mut Rng) -> Route {
    match rng.range(0, 8) {
        0 | 1 => plain("text"),
        2 => Route { function: Some(Arc::from(*rng.pick(&["add", "join"]))), ..plain("function") },
        3 => external("external_custom", "custom_processing"),
        4 => external("external_ml", "ml_training"),
        5 => Route { service: Some(Arc::from("billing")), ..external("external_api", "api_integration") },
        6 => external("external_custom", "of_our_own"),
        7 => handed_on(),
        _ => {
            let requirements = Requirements { requires_gpu: true, ..Requirements::default() };
            Route { requirements: Some(requirements), ..plain("vision") }
        }
    }
}

fn policy(rng: &mut Rng) -> Policy {
    let strategies = [RetryStrategy::Fixed, RetryStrategy::Linear, RetryStrategy::Exponential];
    Policy {
        priority: *rng.pick(&Priority::ALL),
        trigger: if rng.chance(250) { Trigger::OnEnd } else { Trigger::OnSuccess },
        retry: RetryPolicy {
            max_attempts: u32::try_from(rng.range(1, 4)).expect("small"),
            strategy: *rng.pick(&strategies),
            base_delay_ms: rng.range(10, 3_000),
            max_delay_ms: rng.range(1_000, 20_000),
            jitter_permille: 200,
        },
        run_timeout_ms: rng.range(2_000, 90_000),
        queue_timeout_ms: rng.chance(100).then(|| rng.range(1_000, 120_000)),
    }
}

/// A workflow of up to `tasks_max` tasks. `unique` makes names that no other workflow has.
pub fn workflow(rng: &mut Rng, tasks_max: u64, unique: u64) -> WorkflowSpec {
    let strategies =
        [ErrorStrategy::Stop, ErrorStrategy::Continue, ErrorStrategy::Skip, ErrorStrategy::Retry];
    let total = usize::try_from(rng.range(1, tasks_max)).expect("small");
    let routes: Vec<Route> = (0..rng.range(1, 4)).map(|_| route(rng)).collect();
    let policies: Vec<Policy> = (0..rng.range(1, 3)).map(|_| policy(rng)).collect();
    let density = rng.range(50, 700);
    let mut parts = 0;
    let tasks =
        (0..total).map(|index| task(rng, index, density, (&routes, &policies), unique, &mut parts)).collect();
    WorkflowSpec {
        label: None,
        name: Arc::from(format!("workflow {unique}")),
        description: None,
        error_strategy: *rng.pick(&strategies),
        max_parallel_tasks: rng.chance(300).then(|| u32::try_from(rng.range(1, 4)).expect("small")),
        timeout_ms: rng.chance(250).then(|| rng.range(20_000, 900_000)),
        tags: Vec::new(),
        metadata: None,
        traceparent: None,
        routes,
        policies,
        tasks,
        imported: None,
    }
}

fn task(
    rng: &mut Rng,
    index: usize,
    density: u64,
    (routes, policies): (&[Route], &[Policy]),
    unique: u64,
    parts: &mut u32,
) -> TaskSpec {
    let mut dependencies: BTreeSet<u32> = BTreeSet::new();
    while index > 0 && dependencies.len() < 5 && rng.chance(density) {
        dependencies.insert(u32::try_from(rng.index(index)).expect("small"));
    }
    let text = parameters(rng, &dependencies);
    let number = |at: usize| u32::try_from(at).expect("small");
    TaskSpec {
        key: Some(Arc::from(format!("task_{index}"))),
        own_id: own_id(rng, index, unique),
        name: None,
        route: number(rng.index(routes.len())),
        policy: number(rng.index(policies.len())),
        has_templates: text.contains("{{"),
        parameters: Stored::fresh(Payload::new(text), parts),
        dependencies: dependencies.into_iter().collect(),
        tags: Vec::new(),
        metadata: None,
    }
}

/// Some tasks bring an id of their own, and some of these are UUIDs.
fn own_id(rng: &mut Rng, index: usize, unique: u64) -> Option<Arc<str>> {
    match rng.range(0, 9) {
        0 => Some(Arc::from(format!("own-{index}"))),
        1 => Some(Arc::from(format!("00000000-0000-4000-8000-{unique:06x}{index:06x}"))),
        _ => None,
    }
}

fn parameters(rng: &mut Rng, dependencies: &BTreeSet<u32>) -> String {
    let source = dependencies.first().filter(|_| rng.chance(300));
    match source {
        // One in ten asks for something that no result has.
        Some(source) if rng.chance(100) => {
            format!("{{\"x\":\"{{{{task_{source}.result.nothing.there}}}}\"}}")
        }
        Some(source) => format!("{{\"x\":\"{{{{task_{source}.result}}}}\"}}"),
        None if rng.chance(50) => format!("{{\"large\":\"{}\"}}", "x".repeat(rng.index(2_000))),
        None => format!("{{\"n\":{}}}", rng.range(0, 99)),
    }
}
