//! What is drawn: tasks and what they wait for.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::client::TaskInfo;

/// A workflow as a graph without circles.
#[derive(Debug, Serialize)]
pub(super) struct Drawing {
    pub(super) name: String,
    /// In the order of the specification.
    #[serde(rename = "tasks")]
    pub(super) nodes: Vec<Shown>,
    #[serde(skip)]
    pub(super) dependencies: Vec<Vec<usize>>,
    #[serde(skip)]
    pub(super) dependents: Vec<Vec<usize>>,
}

/// One task of it, as it is read.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) label: String,
    pub(super) status: Option<String>,
    pub(super) dependencies: Vec<usize>,
}

/// One task of it, as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    #[serde(rename = "name")]
    pub(super) label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<String>,
    /// From 1: what stands in one step can run at the same time.
    #[serde(serialize_with = "from_one")]
    pub(super) step: usize,
    #[serde(rename = "dependencies")]
    after: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's serialize_with hands over a reference")]
fn from_one<S: Serializer>(step: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(*step as u64 + 1)
}

impl Drawing {
    /// # Panics
    /// When a dependency is no place of a node.
    pub(super) fn new(name: String, nodes: Vec<Node>) -> Self {
        let mut dependents = vec![Vec::new(); nodes.len()];
        for (at, node) in nodes.iter().enumerate() {
            for dependency in &node.dependencies {
                dependents.get_mut(*dependency).expect("a dependency is a place").push(at);
            }
        }
        let steps = steps(&nodes, &dependents);
        let labels: Vec<String> = nodes.iter().map(|node| node.label.clone()).collect();
        let label = |at: &usize| labels.get(*at).cloned().expect("a dependency is a place");
        let shown = nodes.iter().zip(steps).map(|(node, step)| Shown {
            label: node.label.clone(),
            status: node.status.clone(),
            step,
            after: node.dependencies.iter().map(label).collect(),
        });
        let shown = shown.collect();
        let dependencies = nodes.into_iter().map(|node| node.dependencies).collect();
        Self { name, nodes: shown, dependencies, dependents }
    }

    /// Of tasks as the server lists them: dependencies are names, which are unique inside a workflow.
    pub(super) fn of_tasks(name: String, tasks: &[TaskInfo]) -> Self {
        let places: BTreeMap<&str, usize> =
            tasks.iter().enumerate().map(|(at, task)| (task.name.as_str(), at)).collect();
        let node = |task: &TaskInfo| {
            let names = task.more.get("dependencies").and_then(Value::as_array).into_iter().flatten();
            let dependencies = names.filter_map(|name| places.get(name.as_str()?).copied()).collect();
            Node { label: task.name.clone(), status: Some(task.status.clone()), dependencies }
        };
        Self::new(name, tasks.iter().map(node).collect())
    }
}

/// The step of each task: the first one after all that it waits for.
fn steps(nodes: &[Node], dependents: &[Vec<usize>]) -> Vec<usize> {
    let mut open: Vec<usize> = nodes.iter().map(|node| node.dependencies.len()).collect();
    let mut steps = vec![0; nodes.len()];
    let mut ready: Vec<usize> = (0..nodes.len()).filter(|at| open.get(*at) == Some(&0)).collect();
    // Each task is taken once, when the last one that it waits for has been.
    while let Some(at) = ready.pop() {
        let next = steps.get(at).copied().unwrap_or(0) + 1;
        for dependent in dependents.get(at).into_iter().flatten() {
            if let (Some(step), Some(open)) = (steps.get_mut(*dependent), open.get_mut(*dependent)) {
                *step = next.max(*step);
                *open -= 1;
                if *open == 0 {
                    ready.push(*dependent);
                }
            }
        }
    }
    steps
}
