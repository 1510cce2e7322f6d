//! What travels: the workflows that are submitted, and what a task carries to the service and back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The parameters of every task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parameters<'a> {
    /// The number of the task in its scenario.
    pub n: u32,
    /// How many tasks of the scenario must have been completed before this one may start.
    pub after: u32,
    /// As many bytes as `--payload` asks for.
    #[serde(borrow)]
    pub data: Cow<'a, str>,
}

/// The result of every task: it names the task, so that a result in the wrong place is noticed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome<'a> {
    pub n: u32,
    #[serde(borrow)]
    pub data: Cow<'a, str>,
}

/// Makes the tasks of one scenario.
#[derive(Debug, Clone)]
pub struct Work {
    /// Only the scenario's own services have this name, so nobody else is given its tasks.
    pub service: String,
    data: String,
}

#[derive(Debug, Serialize)]
pub struct Task<'a> {
    name: String,
    external: &'static str,
    service: &'a str,
    parameters: Parameters<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<String>,
}

impl Work {
    pub fn new(service: String, payload_bytes: usize) -> Self {
        Self { service, data: "x".repeat(payload_bytes) }
    }

    /// Task `n`, which waits for the tasks with the numbers in `dependencies`.
    pub fn task(&self, n: u32, after: u32, dependencies: impl IntoIterator<Item = u32>) -> Task<'_> {
        Task {
            name: name(n),
            external: "custom",
            service: &self.service,
            parameters: Parameters { n, after, data: Cow::Borrowed(&self.data) },
            dependencies: dependencies.into_iter().map(name).collect(),
        }
    }

    /// Compares the answer of `/workflows/{id}/results` with what the tasks `expected` must have given.
    /// Returns what is wrong with it.
    pub fn check(&self, answer: &[u8], expected: std::ops::Range<u32>) -> anyhow::Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Results<'a> {
            #[serde(borrow)]
            status: Cow<'a, str>,
            #[serde(borrow)]
            results: BTreeMap<Cow<'a, str>, Outcome<'a>>,
        }
        let mut answer: Results<'_> =
            serde_json::from_slice(answer).context("the results of a workflow cannot be read")?;
        let mut wrong = Vec::new();
        if answer.status != "completed" {
            wrong.push(format!("the workflow of task {} is {}", expected.start, answer.status));
        }
        for n in expected {
            match answer.results.remove(name(n).as_str()) {
                Some(outcome) if outcome.n == n && outcome.data == self.data => {}
                Some(outcome) => wrong.push(format!("task {n} has the result of task {}", outcome.n)),
                None => wrong.push(format!("task {n} has no result")),
            }
        }
        wrong.extend(answer.results.keys().map(|name| format!("a result for {name}, which does not exist")));
        Ok(wrong)
    }
}

/// The body of a submission.
pub fn workflow(name: &str, tasks: &[Task<'_>]) -> String {
    #[derive(Serialize)]
    struct Workflow<'a> {
        name: &'a str,
        tasks: &'a [Task<'a>],
    }
    serde_json::to_string(&Workflow { name, tasks }).expect("a workflow of plain texts is JSON")
}

fn name(n: u32) -> String {
    format!("t{n}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_compared_one_by_one() {
        let work = Work::new("s".to_owned(), 2);
        let check = |text: &str| work.check(text.as_bytes(), 3..5).unwrap();
        let good = r#"{"status":"completed","results":{"t3":{"n":3,"data":"xx"},"t4":{"n":4,"data":"xx"}},"more":1}"#;
        assert!(check(good).is_empty());
        let wrong =
            check(r#"{"status":"failed","results":{"t3":{"n":4,"data":"xx"},"t9":{"n":9,"data":""}}}"#);
        assert_eq!(
            wrong,
            [
                "the workflow of task 3 is failed",
                "task 3 has the result of task 4",
                "task 4 has no result",
                "a result for t9, which does not exist",
            ]
        );
    }
}
