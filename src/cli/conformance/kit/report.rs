//! What came out: a table for people, JSON for programs.

use serde::Serialize;

use super::rules::Rule;
use super::stage::Stage;
use super::verdict::{Outcome, Verdict};
use crate::cli::output::{lines, print, table};
use crate::core::command::{WorkerFacts, WorkerKind};

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Absent where nobody registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<Service>,
    passed: usize,
    failed: usize,
    deviations: usize,
    not_applicable: usize,
    rules: Vec<Judged>,
}

#[derive(Debug, Serialize)]
struct Service {
    node_id: String,
    name: String,
    node_type: &'static str,
    max_concurrent_tasks: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct Judged {
    rule: &'static str,
    pub outcome: Outcome,
    expected: &'static str,
    seen: String,
}

impl Judged {
    pub fn new(rule: &'static Rule, verdict: Verdict) -> Self {
        Self { rule: rule.id, outcome: verdict.outcome, expected: rule.expected, seen: verdict.seen }
    }
}

impl Service {
    fn new(facts: &WorkerFacts) -> Self {
        let node_type = match facts.kind {
            WorkerKind::Service => "external_service",
            WorkerKind::Executor | WorkerKind::BuiltIn => "executor",
        };
        Self {
            node_id: facts.worker.0.to_string(),
            name: facts.name.to_string(),
            node_type,
            max_concurrent_tasks: facts.capacity,
        }
    }
}

impl Report {
    pub(super) fn new(stage: &Stage, rules: Vec<Judged>) -> Self {
        let count = |outcome| rules.iter().filter(|judged| judged.outcome == outcome).count();
        Self {
            service: stage.facts().map(Service::new),
            passed: count(Outcome::Passed),
            failed: count(Outcome::Failed),
            deviations: count(Outcome::Deviation),
            not_applicable: count(Outcome::NotApplicable),
            rules,
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.failed == 0
    }

    pub(crate) fn print(&self, json: bool) {
        if json {
            print(&(serde_json::to_string_pretty(self).expect("outcomes and texts are JSON") + "\n"));
            return;
        }
        let mut rules: Vec<&Judged> = self.rules.iter().collect();
        rules.sort_by_key(|judged| judged.outcome);
        let row = |judged: &&Judged| {
            vec![judged.outcome.told().to_owned(), judged.rule.to_owned(), judged.seen.clone()]
        };
        let broken = rules.iter().filter(|judged| judged.outcome == Outcome::Failed);
        let broken = broken.map(|judged| format!("{}: expected: {}", judged.rule, judged.expected));
        let Self { passed, failed, deviations, not_applicable, .. } = self;
        let sum = format!(
            "{passed} passed, {failed} failed, {deviations} deviations of the Base protocol, {not_applicable} not \
             applicable"
        );
        print(&(table(&["", "rule", "seen"], rules.iter().map(row)) + &lines(broken) + &lines([sum])));
    }
}
