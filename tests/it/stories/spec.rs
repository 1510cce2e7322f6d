//! Workflows in the short words of stories.

use std::sync::Arc;

use gleitzeit::core::payload::{Payload, Stored};
use gleitzeit::core::spec::{
    ErrorStrategy, Policy, Priority, RetryPolicy, RetryStrategy, TaskSpec, Trigger, WorkflowSpec,
};

use crate::sim::specs::{handed_on, plain};

/// `a`, `b(a)`, `c!(a,b)`, `d~`, `e^`, `f@`.
pub fn workflow(strategy: &str, tasks: &[&str]) -> WorkflowSpec {
    let error_strategy = match strategy {
        "stop" => ErrorStrategy::Stop,
        "skip" => ErrorStrategy::Skip,
        "retry" => ErrorStrategy::Retry,
        _ => ErrorStrategy::Continue,
    };
    let name_of = |text: &str| text.split(['(', '!', '~', '^', '@']).next().unwrap_or_default().to_owned();
    let names: Vec<String> = tasks.iter().map(|text| name_of(text)).collect();
    let place =
        |name: &str| u32::try_from(names.iter().position(|known| known == name).expect("a task")).unwrap();
    let policy = |trigger, max_attempts, priority| Policy {
        priority,
        trigger,
        retry: RetryPolicy {
            max_attempts,
            strategy: RetryStrategy::Fixed,
            base_delay_ms: 1_000,
            max_delay_ms: 1_000,
            jitter_permille: 0,
        },
        run_timeout_ms: 300_000,
        queue_timeout_ms: None,
    };
    let task = |text: &&str| {
        let inside = text.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'));
        let mut dependencies: Vec<u32> =
            inside.split(',').filter(|name| !name.is_empty()).map(place).collect();
        dependencies.sort_unstable();
        TaskSpec {
            key: Some(Arc::from(name_of(text))),
            own_id: None,
            name: None,
            route: u32::from(text.contains('@')),
            policy: u32::from(text.contains('!'))
                + 2 * u32::from(text.contains('~'))
                + 4 * u32::from(text.contains('^')),
            parameters: Stored::Inline(Payload::new("{}")),
            has_templates: false,
            dependencies,
            tags: Vec::new(),
            metadata: None,
        }
    };
    WorkflowSpec {
        label: Some(Arc::from("story")),
        name: Arc::from("story"),
        description: None,
        error_strategy,
        max_parallel_tasks: None,
        timeout_ms: None,
        tags: Vec::new(),
        metadata: None,
        traceparent: None,
        routes: vec![plain("text"), handed_on()],
        policies: [Priority::Normal, Priority::Urgent]
            .into_iter()
            .flat_map(|priority| {
                [3, 1].into_iter().flat_map(move |tries| {
                    [Trigger::OnSuccess, Trigger::OnEnd].map(|trigger| policy(trigger, tries, priority))
                })
            })
            .collect(),
        tasks: tasks.iter().map(task).collect(),
        imported: None,
    }
}
