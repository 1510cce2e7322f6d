//! What travels: the workflows that are submitted, and what a task carries to the service and back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the services do, as they are asked for it: the type that `external: custom` means.
pub const TASK_TYPE: &str = "custom_processing";
/// How much of a result or of an error is shown.
const SHOWN_CHARS: usize = 200;

/// The parameters of every task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What somebody's own service has returned.
#[derive(Debug, PartialEq, Eq)]
pub struct Echoes {
    pub wrong: Vec<String>,
    /// Results that are right, and alike.
    pub nulls: u32,
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

    /// Compares the answer of `/workflows/{id}/results` with what the tasks 0 to `tasks` must have given where
    /// the service is somebody's own: their parameters, or null.
    pub fn check_echoes(&self, answer: &[u8], tasks: u32) -> anyhow::Result<Echoes> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            status: Cow<'a, str>,
            #[serde(borrow)]
            results: BTreeMap<Cow<'a, str>, &'a RawValue>,
            #[serde(borrow)]
            errors: BTreeMap<Cow<'a, str>, &'a RawValue>,
        }
        let mut answer: Answer<'_> =
            serde_json::from_slice(answer).context("the results of a workflow cannot be read")?;
        let (mut wrong, mut nulls) = (Vec::new(), 0);
        if answer.status != "completed" {
            wrong.push(format!("the workflow is {}", answer.status));
        }
        for n in 0..tasks {
            let name = name(n);
            match (answer.results.remove(name.as_str()), answer.errors.get(name.as_str())) {
                (Some(result), _) if result.get() == "null" => nulls += 1,
                (Some(result), _) if self.is_echo(n, result) => {}
                (Some(result), _) => wrong.push(format!(
                    "task {n} returned {} and not its parameters (external_parameters), or null",
                    shown(result)
                )),
                (None, Some(error)) => wrong.push(format!("task {n} failed: {}", shown(error))),
                (None, None) => wrong.push(format!("task {n} has no result")),
            }
        }
        wrong.extend(answer.results.keys().map(|name| format!("a result for {name}, which does not exist")));
        Ok(Echoes { wrong, nulls })
    }

    fn is_echo(&self, n: u32, result: &RawValue) -> bool {
        let wanted = Parameters { n, after: 0, data: Cow::Borrowed(&self.data) };
        serde_json::from_str::<Parameters<'_>>(result.get()).is_ok_and(|result| result == wanted)
    }

    /// How many services of this name are connected, by one page of `/services`, and where the next one begins.
    pub fn connected(&self, answer: &[u8]) -> anyhow::Result<(usize, Option<String>)> {
        #[derive(Deserialize)]
        struct Services<'a> {
            #[serde(borrow)]
            items: Vec<Listed<'a>>,
            next_cursor: Option<String>,
        }
        #[derive(Deserialize)]
        struct Listed<'a> {
            #[serde(borrow)]
            name: Cow<'a, str>,
            connected: bool,
        }
        let answer: Services<'_> =
            serde_json::from_slice(answer).context("the list of services cannot be read")?;
        let ours = answer.items.iter().filter(|service| service.connected && service.name == self.service);
        Ok((ours.count(), answer.next_cursor))
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

fn shown(json: &RawValue) -> String {
    json.get().chars().take(SHOWN_CHARS).collect()
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
    #[test]
    fn a_service_gives_back_what_it_got_or_nothing() {
        let work = Work::new("s".to_owned(), 2);
        let check = |text: &str| work.check_echoes(text.as_bytes(), 2).unwrap();
        let good =
            r#"{"status":"completed","errors":{},"results":{"t0":null,"t1":{"data":"xx","after":0,"n":1}}}"#;
        assert_eq!(check(good), Echoes { wrong: Vec::new(), nulls: 1 });
        let wrong = check(
            r#"{"status":"failed","errors":{"t1":"no"},"results":{"t0":{"n":1,"after":0,"data":"xx"},"t2":null}}"#,
        );
        assert_eq!(
            wrong.wrong,
            [
                "the workflow is failed",
                "task 0 returned {\"n\":1,\"after\":0,\"data\":\"xx\"} and not its parameters \
                 (external_parameters), or null",
                "task 1 failed: \"no\"",
                "a result for t2, which does not exist",
            ]
        );
        assert!(
            check(r#"{"status":"completed","errors":{},"results":{"t0":7,"t1":{"n":1}}}"#).wrong.len() == 2
        );
    }

    #[test]
    fn connected_services_are_counted_by_name() {
        let work = Work::new("s".to_owned(), 0);
        let list = r#"{"items":[{"name":"s","connected":true},{"name":"s","connected":false},
                       {"name":"t","connected":true}],"next_cursor":null}"#;
        assert_eq!(work.connected(list.as_bytes()).unwrap(), (1, None));
    }
}
